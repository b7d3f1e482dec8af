"""What a server on one core is to reach, and whether a bench found that it does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Figures = Mapping[str, Any]
"""As ``vau.commands.bench.report`` makes them."""

KB_PER_MB: Final = 1e3
IDLE_MB: Final = 200.0
STREAM_KB: Final = 64.0


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure, by where it is in the report, and what it is to be."""

    path: str
    sign: Literal[">=", "<", "<=", "=="]
    value: float

    def is_met(self, figures: Figures) -> bool | None:
        """Tell whether it is reached; None if it was not measured."""
        found: Any = figures
        for name in self.path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        if found is None:
            return None
        compared = {
            ">=": found >= self.value,
            "<": found < self.value,
            "<=": found <= self.value,
            "==": found == self.value,
        }
        return bool(compared[self.sign])


GOALS: Final = (
    Goal("streams", ">=", 150),
    Goal("p50_ms", "<", 15.0),
    Goal("p99_ms", "<", 50.0),
    Goal("frames_lost", "==", 0),
    Goal("frames_repeated", "==", 0),
    Goal("vs_torch_server", ">=", 10.0),
    Goal("at_16_streams.p50_ms", "<", 10.0),
    Goal("at_16_streams.p99_ms", "<", 30.0),
    Goal("final_after_end_p99_ms", "<", 30.0),
    Goal("refusal_p99_ms", "<", 10.0),
    Goal("memory.share_of_allowed", "<", 1.0),
)
"""Of chunks of 100 ms with the shipped network, server and load on a core each."""


def allowed_mb(streams: int) -> float:
    """Return how much memory a server may have that carries so many streams."""
    return IDLE_MB + streams * STREAM_KB / KB_PER_MB


def judged(figures: Figures) -> list[dict[str, Any]]:
    """Return each goal with whether it is met; null is not measured."""
    return [
        {
            "figure": goal.path,
            "goal": f"{goal.sign} {goal.value:g}",
            "met": goal.is_met(figures),
        }
        for goal in GOALS
    ]
