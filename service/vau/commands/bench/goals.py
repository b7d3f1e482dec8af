"""What a server on one core is to reach, and whether a bench found that it does."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

KB_PER_MB: Final = 1e3
IDLE_MB: Final = 200.0
STREAM_KB: Final = 64.0

Sign = Literal[">=", "<", "=="]
COMPARED: Final[Mapping[Sign, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    "<": operator.lt,
    "==": operator.eq,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What a server reached; None is not measured, and infinity never came."""

    streams: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    frames_lost: float | None = None
    frames_repeated: float | None = None
    times_torch: float | None = None
    """Its streams over those of the server with torch."""

    few_p50_ms: float | None = None
    """With 16 streams."""

    few_p99_ms: float | None = None
    final_p99_ms: float | None = None
    """From the end of a stream to its last message."""

    refusal_p99_ms: float | None = None
    memory_share: float | None = None
    """Of what it may have for its streams."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure, by its name in the report, and what it is to be."""

    name: str
    figure: Callable[[Reached], float | None]
    sign: Sign
    value: float

    def is_met(self, reached: Reached) -> bool | None:
        """Tell whether it is reached; None if it was not measured."""
        found = self.figure(reached)
        return None if found is None else COMPARED[self.sign](found, self.value)


GOALS: Final = (
    Goal("streams", lambda it: it.streams, ">=", 150),
    Goal("p50_ms", lambda it: it.p50_ms, "<", 15.0),
    Goal("p99_ms", lambda it: it.p99_ms, "<", 50.0),
    Goal("frames_lost", lambda it: it.frames_lost, "==", 0),
    Goal("frames_repeated", lambda it: it.frames_repeated, "==", 0),
    Goal("vs_torch_server", lambda it: it.times_torch, ">=", 10.0),
    Goal("at_16_streams.p50_ms", lambda it: it.few_p50_ms, "<", 10.0),
    Goal("at_16_streams.p99_ms", lambda it: it.few_p99_ms, "<", 30.0),
    Goal("final_after_end_p99_ms", lambda it: it.final_p99_ms, "<", 30.0),
    Goal("refusal_p99_ms", lambda it: it.refusal_p99_ms, "<", 10.0),
    Goal("memory.share_of_allowed", lambda it: it.memory_share, "<", 1.0),
)
"""Of chunks of 100 ms with the shipped network, server and load on a core each."""


def allowed_mb(streams: int) -> float:
    """Return how much memory a server may have that carries so many streams."""
    return IDLE_MB + streams * STREAM_KB / KB_PER_MB


def judged(reached: Reached) -> list[dict[str, Any]]:
    """Return each goal with whether it is met, for a report; null is not measured."""
    return [
        {
            "figure": goal.name,
            "goal": f"{goal.sign} {goal.value:g}",
            "met": goal.is_met(reached),
        }
        for goal in GOALS
    ]
