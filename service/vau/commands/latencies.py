"""How long the frames of a stream took, in so much memory however many there are."""

from bisect import bisect_left
from dataclasses import dataclass, field
from math import ceil, log
from typing import Final

from vau.audio import FRAME_BUDGET_S
from vau.metrics.histogram import Cells

LEAST_S: Final = 1e-5
MOST_S: Final = 1e3
STEP: Final = 1.01
"""From one bound of a cell to the next: a percentile is told to one in a hundred."""

BOUNDS_S: Final = tuple(
    LEAST_S * STEP**cell for cell in range(ceil(log(MOST_S / LEAST_S, STEP)) + 1)
)
_S_TO_MS: Final = 1e3


@dataclass(slots=True)
class Latencies:
    """Counts of all frames of a stream, in cells of one hundredth."""

    frames: int = 0
    late: int = 0
    """Of them, those that were answered later than the budget allows; exactly."""

    _cells: Cells = field(default_factory=lambda: Cells(BOUNDS_S))

    def add(self, latency_s: float, frames: int) -> None:
        """Count so many frames, each answered after so long."""
        self.frames += frames
        self.late += frames if latency_s > FRAME_BUDGET_S else 0
        self._cells.observe(latency_s, frames)

    def percentile_ms(self, percent: int) -> float | None:
        """Return what so many percent do not pass, at most one percent high; None of none.

        Below 10 µs it says 10 µs, and beyond a thousand seconds a thousand.
        """
        if not self.frames:
            return None
        counts, _total_s = self._cells.snapshot()
        rank = -(-percent * self.frames // 100)  # rounded up, exactly
        at = min(bisect_left(counts, rank), len(BOUNDS_S) - 1)
        return BOUNDS_S[at] * _S_TO_MS
