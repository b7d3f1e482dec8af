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


PREFIXES: Final = {12: "T", 9: "G", 6: "M", 3: "k", 0: "", -3: "m", -6: "µ", -9: "n", -12: "p"}
SI_UNITS: Final = frozenset({"Hz", "s", "m", "W", "V", "J", "OP/s", "OP/s/W", "OP/s/m2", "B/s"})
"""Units that take a prefix; what is counted does not."""

THREE_DIGITS: Final = Precision(significant=3, decimals=1)
"""No estimate that was fitted to three printed digits is better than these."""


def engineering(value: float, unit: str) -> str:
    """Write a constant with the prefix of its unit, if that takes one.

    It has four digits, and a clock six: who asks for that clock again should get it.
    """
    if unit not in SI_UNITS or value == 0.0:
        return f"{value:,.10g} {unit}"
    power = min(12, max(-12, 3 * math.floor(math.log10(abs(value)) / 3)))
    digits = 6 if unit == "Hz" else 4
    return f"{value / 10.0**power:.{digits}g} {PREFIXES[power]}{unit}"


def plural(count: int, noun: str) -> str:
    """Write so many of a thing."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
