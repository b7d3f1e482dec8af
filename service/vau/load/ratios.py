"""How much longer one p99 is than another, and whether that is decided.

Two servers take turns, and each pair of runs gives one ratio. Ratios scatter, so their median
alone decides nothing: what counts is an interval that holds the median of all the ratios there
could be. It goes from one measured ratio to another, found by rank: how many of n ratios lie
below that median is how often n coins fall heads, whatever way the ratios are distributed.

Ref: H. A. David, H. N. Nagaraja, "Order Statistics", 3rd ed., Wiley 2003:
     distribution-free confidence intervals for quantiles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, inf
from statistics import median
from typing import Final, Literal, Self

from vau.load.figures import LoadRun, Percentiles

Verdict = Literal["within", "missed", "undecided"]

DIGITS: Final = 3  # of a ratio. It is rounded once, and what is shown is what is judged


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a median lies, ends included."""

    low: float
    high: float
    confidence: float
    """How often an interval made like this one holds the median, 0 to 1."""

    def verdict(self, limit: float) -> Verdict:
        """Tell whether the median is at most ``limit``."""
        if self.high <= limit:
            return "within"
        return "missed" if self.low > limit else "undecided"


def median_interval(values: Sequence[float], miss_chance: float) -> Interval | None:
    """Return the narrowest interval whose ends are equally far from the ends of ``values``.

    values:      independent draws, infinite ones allowed.
    miss_chance: how often it may miss the median that they are drawn around, 0 to 1.
    Returns      None of so few values that all of them together miss it more often.
    """
    ordered, found, outcomes = sorted(values), None, 0
    for rank in range(1, len(ordered) // 2 + 1):
        outcomes += comb(len(ordered), rank - 1)  # with fewer than ``rank`` heads
        misses = 2 * outcomes / 2 ** len(ordered)  # as many with fewer than ``rank`` tails
        if misses > miss_chance:
            break
        found = Interval(ordered[rank - 1], ordered[-rank], 1 - misses)
    return found


@dataclass(frozen=True, slots=True)
class Ratios:
    """The p99 of one side over that of the other, pair by pair."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, pairs: Sequence[tuple[LoadRun, LoadRun]]) -> Self:
        """Compare each pair's second run with its first.

        A second run that was not carried makes its ratio infinite. A first one that was not
        leaves nothing to compare with, and its pair out.
        """
        return cls(tuple(_ratio(*pair) for pair in pairs if pair[0].is_carried))

    @property
    def median(self) -> float | None:
        """The one in the middle, or between the two there; None of no pair."""
        return round(median(self.values), DIGITS) if self.values else None


def _ratio(before: LoadRun, after: LoadRun) -> float:
    if not after.is_carried:
        return inf
    before_ms = Percentiles.of(before.latencies_s).p99_ms
    return round(Percentiles.of(after.latencies_s).p99_ms / before_ms, DIGITS)
