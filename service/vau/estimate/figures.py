"""Figures: a value for a program and a text for a person, with the digits that it deserves."""

import math
from dataclasses import dataclass
from typing import Final

from vau.estimate.constants import Status


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, its status, and how it is shown."""

    key: str
    """Ends in the unit."""

    value: int | float | bool | None
    status: Status
    label: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """How many digits of a value are kept; those before the point all are."""

    significant: int
    decimals: int
    """At least so many behind the point, where the significant ones end before it."""

    def rounded(self, value: float) -> int | float:
        """Round a value. What comes out whole is an integer."""
        if value == 0.0:
            return 0
        short = round(value, self._decimals(value))
        return int(short) if short == int(short) else short

    def digits(self, value: float) -> str:
        """Write a value as ``rounded``, with all significant digits where there are no more."""
        short = self.rounded(value)
        if 0.0 < abs(value) < 10 ** (self.significant - 1):
            decimals = max(0, self.significant - 1 - math.floor(math.log10(abs(short))))
            return f"{short:.{decimals}f}"
        return f"{short:,}"

    def figure(
        self, key: str, value: float, unit: str, status: Status, *, label: str
    ) -> Figure:
        """Return a figure whose text is its value and unit."""
        return Figure(key, self.rounded(value), status, label, f"{self.digits(value)} {unit}")

    def _decimals(self, value: float) -> int:
        return max(self.decimals, self.significant - 1 - math.floor(math.log10(abs(value))))


THREE_DIGITS: Final = Precision(significant=3, decimals=1)
"""No estimate that was fitted to three printed digits is better than these."""


def plural(count: int, noun: str) -> str:
    """Write so many of a thing."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
