"""The numbers that estimates rest on, and the clocks at which accelerators were seen."""

import math
from dataclasses import dataclass
from typing import Literal

Status = Literal["published", "derived", "calibrated", "extrapolated", "assumed"]
"""On what a figure rests: it is printed in a publication; it follows from printed ones, or
from what was asked, by the code beside it; it is fitted so that printed ones come out, at the
very point where they were printed; the same fit anywhere else; a choice of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """One number that the estimates rest on."""

    name: str
    value: float
    unit: str
    """SI without prefix, or the plural of what is counted."""

    source: str
    status: Status
    reasoning: str = ""
    """How it follows from others; what is derived or calibrated has one."""

    def __post_init__(self) -> None:
        if not (self.name and self.unit and self.source and math.isfinite(self.value)):
            raise ValueError(f"{self} lacks a name, a finite value, a unit or a source")
        if self.status in {"derived", "calibrated"} and not self.reasoning:
            raise ValueError(f"{self.name} is {self.status}, but does not say how")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """A clock at which an accelerator was seen, and what it did there; None is not known."""

    name: str
    clock_hz: float | None
    supply_v: float | None = None
    power_w: float | None = None
    operations_per_s: float | None = None
    operations_per_j: float | None = None
    status: Status
    """Of the clock."""

    source: str
    for_comparison: bool = False
    """It belongs to another chip: it can be looked at, but not asked for."""
