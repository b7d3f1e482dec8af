"""The shape of an answer: what every estimate has, whatever the accelerator is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from vau.backend import Boundary
from vau.estimate.ask import Ask, KernelAsk
from vau.estimate.constants import Status
from vau.estimate.figures import Figure, Precision, plural

Value: TypeAlias = "int | float | str | bool | Sequence[Value] | Mapping[str, Value] | None"
"""What stands in JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One layer on its hardware."""

    name: str
    inputs: int
    units: int
    counts: tuple[tuple[str, int], ...]
    """(what, how many) there is of it in this layer, for example ``dies``."""

    phases: tuple[tuple[str, int], ...]
    """(name, cycles) of one frame in their order; they follow each other."""

    @property
    def cycles(self) -> int:
        """Cycles from the first input to the last output."""
        return sum(cycles for _, cycles in self.phases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The energy of a frame under one assumption of what is clocked, and what is counted."""

    name: str
    joules: float
    boundary: Boundary
    method: str
    status: Status
    text: str
    """The assumption, in words."""

    parts: tuple[tuple[str, float], ...] = ()
    """(component, joules), summing to ``joules``; empty if not known."""


@dataclass(frozen=True, slots=True)
class Silicon:
    """How many pieces of it an estimate takes."""

    count: int
    piece: str
    """In the singular: ``die``, ``chip``."""

    def __str__(self) -> str:
        return plural(self.count, self.piece)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether live audio is answered in time."""

    ready_s: float | None
    """Age of the oldest frame when the last of all streams' frames is answered; None if it
    does not keep up, and the age would grow without end."""

    is_in_time: bool
    """Whether every frame is answered within its budget of 10 ms."""

    @property
    def keeps_up(self) -> bool:
        """Whether the streams do not outrun it, however late each answer may be."""
        return self.ready_s is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What an accelerator would need for an ask: its own figures, and what all have."""

    ask: Ask
    accelerator: str
    """``kind:instance``."""

    method: str
    """Whose cycles these are: the specification and its section."""

    clock_hz: float
    silicon: Silicon
    delay_s: float
    """How long the oldest frame waits for the last answer of those that are worked on
    together, all streams' among them, if nothing else is in the way: until all of these frames
    are there, and while they are worked on. Where the streams are kept up with, that is
    ``verdict.ready_s``."""

    readings: tuple[Reading, ...]
    """Energies of a frame. The first is what counts, at the boundary of the system; the
    others stand beside it."""

    verdict: Verdict
    figures: tuple[Figure, ...]
    """In the order in which they are shown."""

    precision: Precision
    """The digits of every estimated quantity."""

    givens: tuple[tuple[str, Value], ...]
    """(name, value) of what is no figure: settings and sizes that figures rest on, and what a
    program may want in another form."""

    stages: tuple[Stage, ...]
    counts: tuple[tuple[str, int], ...]
    """(action, how often): what energy is computed from, in one call."""

    notes: tuple[str, ...]
    """What whoever reads the figures has to know."""

    contest: tuple[str, str]
    """What a sweep takes as given here, in words, the coarser first. Points that have both in
    common compete; in what else they differ is a choice."""

    choice: str
    """That choice, in a word."""

    point_keys: tuple[str, ...]
    """Which figures and givens a sweep lists of each point."""

    time_status: Status
    """Of all that depends on the clock."""

    def __post_init__(self) -> None:
        if not (self.stages and self.readings):
            raise ValueError(f"{self.accelerator}: an estimate needs a stage and an energy")
        if self.readings[0].boundary != "system":
            raise ValueError(
                f"{self.accelerator}: the first reading is at the boundary "
                f"{self.readings[0].boundary!r}, and accelerators compare at 'system'"
            )
        unknown = set(self.point_keys) - self.values.keys()
        if unknown:
            raise ValueError(f"{self.accelerator}: no figure is called {', '.join(unknown)}")

    @property
    def joules(self) -> float:
        """Energy of a frame as it counts, at the boundary of the system."""
        return self.readings[0].joules

    @property
    def values(self) -> dict[str, Value]:
        """Figures and givens by their keys."""
        return {each.key: each.value for each in self.figures} | dict(self.givens)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelEstimate:
    """What an accelerator does in a loop without an end: its peak, and for no network."""

    ask: KernelAsk
    accelerator: str
    method: str
    clock_hz: float
    is_extrapolated: bool
    """Whether it is away from the operating point that was published or calibrated."""

    figures: tuple[Figure, ...]
    precision: Precision
    counts: tuple[tuple[str, int], ...]
    """(action, how often in a cycle)."""

    parts_w: tuple[tuple[str, float], ...]
    """(component, watts), summing to the power."""

    notes: tuple[str, ...]
