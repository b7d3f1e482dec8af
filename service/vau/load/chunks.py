"""When the chunks of a stream were due, and when each had its answer.

A chunk is due when a speaker would have come to its end, and its latency counts from then: a
server that makes the sender wait is charged for the waiting. Chunks and responses are matched
by offset, because one response may answer several chunks, or a part of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from vau.audio import HOP_SAMPLES, answerable_frames
from vau.backend import Energy


@dataclass(frozen=True, slots=True)
class Sent:
    """A chunk that was sent. Times are seconds of one clock."""

    end_sample: int
    """Where it ends in its stream, exclusive."""

    due_s: float
    """When it was to be sent."""

    begun_s: float
    """When it was."""

    was_held_back: bool
    """The transport would not take it in time: it still held an earlier one."""


@dataclass(frozen=True, slots=True)
class Response:
    """How far a stream had come by a response."""

    at_s: float
    received_sample: int
    answered_sample: int
    """The first frame that is still to be answered begins here."""

    first_frame: int = 0
    frames: int = 0
    """The frames whose posteriors it holds: so many, from this one on."""

    phones: int = 0
    """In its results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The last response of a stream that was served to its end."""

    at_s: float
    frames: int
    deadline_misses: int
    """Frames that the server itself saw come later than 10 ms after their audio."""

    energies: tuple[Energy, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One stream of a load, when it is over."""

    look_ahead_frames: int
    """So many frames must follow a frame before it can be answered."""

    sent: tuple[Sent, ...]
    heard: tuple[Response, ...]
    ending: Ending | None
    """None if the server fell so far behind that it was not waited for."""


def was_held_back(due_s: float, earlier: Sent | None, free_s: float) -> bool:
    """Tell whether the transport kept a chunk from being sent when it was due.

    earlier: the chunk before, None of the first one.
    free_s:  when its write was over.
    """
    if earlier is None or free_s <= due_s:
        return False
    if earlier.begun_s <= due_s:
        return True  # its write lasted past the moment
    return earlier.was_held_back  # it began too late itself: what kept it keeps this one, too


def computable_sample(received_sample: int, look_ahead_frames: int) -> int:
    """Return where the first frame begins that cannot be computed from so many samples.

    Of an utterance that began at 0 and goes on.
    """
    return answerable_frames(received_sample, look_ahead_frames) * HOP_SAMPLES


def chunk_latencies_s(played: Played) -> NDArray[np.float64]:
    """Return for each chunk the seconds from when it was due to when it was answered.

    It is answered by the first response that comes when all of the chunk was received and
    every frame answered that can be computed from the audio up to its end. That response may
    be a much later one; what never came is infinite.
    Returns shape (chunks,), in the order of ``played.sent``.
    """
    received = _reached([each.received_sample for each in played.heard])
    answered = _reached([each.answered_sample for each in played.heard])
    heard_s = np.array([*(each.at_s for each in played.heard), inf])
    ends = np.array([chunk.end_sample for chunk in played.sent], np.int64)
    needed = np.array(
        [computable_sample(int(end), played.look_ahead_frames) for end in ends], np.int64
    )
    first = np.maximum(np.searchsorted(received, ends), np.searchsorted(answered, needed))
    due_s = np.array([chunk.due_s for chunk in played.sent])
    latencies_s: NDArray[np.float64] = heard_s[first] - due_s
    return latencies_s


def _reached(samples: Sequence[int]) -> NDArray[np.int64]:
    """Return how far a stream had come by each response, whatever a later one says."""
    return np.maximum.accumulate(np.array(samples, np.int64))
