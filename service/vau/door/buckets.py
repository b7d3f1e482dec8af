"""A token bucket: how much of something may pass in any stretch of time."""

from typing import Final

LEAST: Final = 1e-3  # a bucket that holds less counts as empty: this share of its burst


class Bucket:
    """Fills at ``rate`` a second up to ``burst``, and is emptied by what passes.

    A piece passes whenever the bucket is not empty, however large it is, and leaves a debt
    that must be filled first: pieces cannot be cut, and one that is larger than ``burst``
    would otherwise never pass. So in any ``t`` seconds passes less than
    ``burst + rate * t`` and one piece.
    """

    def __init__(self, rate: float, burst: float, now_s: float) -> None:
        """Begin full. rate, burst: more than 0; the same unit, one of them a second."""
        self.rate = rate
        self.burst = burst
        self._level = burst
        self._at_s = now_s

    def take(self, amount: float, now_s: float) -> float:
        """Let ``amount`` pass and return 0, or return after how many seconds to come again.

        now_s: of a clock that never goes back; if it does, nothing is filled.
        """
        self._fill(now_s)
        if self._level < LEAST * self.burst:
            return (LEAST * self.burst - self._level) / self.rate
        self._level -= amount
        return 0.0

    def is_full(self, now_s: float) -> bool:
        """Tell whether it is like new."""
        self._fill(now_s)
        return self._level >= self.burst

    def _fill(self, now_s: float) -> None:
        passed_s = max(0.0, now_s - self._at_s)
        self._level = min(self.burst, self._level + self.rate * passed_s)
        self._at_s = max(self._at_s, now_s)
