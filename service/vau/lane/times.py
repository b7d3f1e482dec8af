"""Answers as a lane gives them: with the time they took."""

from dataclasses import dataclass

from vau.session import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTimes:
    """Where the wall time of an answer went, on this host."""

    queue_s: float
    feature_s: float
    compute_s: float
    post_s: float
    batch_size: int
    """Streams that shared the round."""


@dataclass(frozen=True, slots=True)
class Timed:
    """An answer and the time it took."""

    answer: Answer
    times: StageTimes
    state: bytes | None = None
    """Of the session behind this answer, if that was asked for; see ``Lane.resume``."""
