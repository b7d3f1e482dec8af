"""The port of estimating: what a network would cost on an accelerator that nobody has to have.

An estimator is named by an entry point of the group ``vau.estimators``. It knows how a
network lies on its hardware, how many cycles each part takes and what they spend; from that
this module derives what is the same for all of them: times, powers, duty, real-time streams
and the verdict on the deadline. Every figure is an estimate, and says on what it rests.

Cycles are counted, and compared as fractions: where a clock is just fast enough, the rounding
of seconds would lose a stream.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import entry_points
from typing import Final, Literal, Protocol

from vau.audio import FRAMES_PER_S
from vau.backend import Boundary
from vau.errors import BackendNotFound, ConfigInvalid
from vau.model import Network
from vau.timeline import Timeline

GROUP: Final = "vau.estimators"
BUDGETS_PER_S: Final = FRAMES_PER_S  # the budget of a frame is one hop, vau.audio says

MOST: Final = {"layers": 1_000, "hidden": 100_000, "inputs": 100_000}
"""Beyond any network: what is larger was mistyped, and would fill this machine's memory."""

Status = Literal["published", "derived", "calibrated", "extrapolated", "assumed"]
"""On what a figure rests: it is printed in a publication; it follows from printed ones, or
from what was asked, by the code beside it; it is fitted so that printed ones come out, at the
very point where they were printed; the same fit anywhere else; a choice of ours."""

Reload = Literal["parallel", "serial"]
"""How weights reach dies that take turns: all dies at once, or one after the other."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is to be estimated. Raises ConfigInvalid for what no accelerator could be."""

    network: Network
    instance: str = ""
    """Which form of the accelerator, for example ``4x4``; empty takes the least that fits."""

    clock_hz: float | None = None
    operating_point: str = ""
    """One of the estimator's by name; it sets the clock. Without either the estimator's own
    choice holds."""

    streams: int = 1
    """Live streams at a time, of ``frame_hz`` frames a second each."""

    frame_hz: float = float(FRAMES_PER_S)
    dies: int | None = None
    """How many there are, if they are too few for all layers; None for as many as needed."""

    reload: Reload = "parallel"
    """How these few get their weights."""

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            value = getattr(self.network, name)
            if value > most:
                raise ConfigInvalid(
                    f"{name}={value} is more than {most:,}, the most that is estimated; "
                    "ask for less",
                    field=name,
                )
        if self.streams < 1:
            raise ConfigInvalid(
                f"streams={self.streams}: there is nothing to carry; ask for 1 or more",
                field="streams",
            )
        if self.dies is not None and self.dies < 1:
            raise ConfigInvalid(
                f"dies={self.dies}: a network cannot run on no die; ask for 1 or more, or "
                "leave it out for as many as it needs",
                field="dies",
            )
        for name in ("clock_hz", "frame_hz"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < math.inf:
                raise ConfigInvalid(
                    f"{name}={value:g}: nothing moves at that clock; ask for a positive, "
                    "finite frequency",
                    field=name,
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One layer on its hardware, for one frame."""

    name: str
    inputs: int
    units: int
    dies: int
    phases: tuple[tuple[str, int], ...]
    """(name, cycles) in their order; they follow each other."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloading:
    """Layers that take turns on dies too few for all of them."""

    dies: int
    reload: Reload
    pass_cycles: int
    """To load all weights once. A pass takes frames through one layer after the other."""

    frames_per_pass: int | None
    """The fewest frames of each stream that a pass must take to keep up; None if none do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What an accelerator would need for an ask."""

    ask: Ask
    accelerator: str
    """``kind:instance``."""

    method: str
    """Whose cycles these are: the specification and its section."""

    clock_hz: float
    stages: tuple[Stage, ...]
    multiplying_cycles: int
    """Of a frame's cycles, those in which multipliers work."""

    operations: int
    """Multiplications and additions with the network's weights, per frame; no padding."""

    counts: tuple[tuple[str, int], ...]
    """(action, how often per frame): what energy is computed from."""

    memory_bytes: int
    """What the fullest die needs."""

    die_bytes: int
    """What a die has."""

    readings: tuple[Reading, ...]
    """The first is what counts, the others stand beside it."""

    reloading: Reloading | None
    """None if there is a die for every part of the network."""

    cycles_status: Status
    time_status: Status
    """Of all that depends on the clock."""

    memory_status: Status
    notes: tuple[str, ...]
    """What whoever reads the figures has to know."""

    def __post_init__(self) -> None:
        if not (self.stages and self.readings):
            raise ValueError(f"{self.accelerator}: an estimate needs a stage and an energy")

    @property
    def tiles(self) -> int:
        """Parts of the network, each the size of a die at most."""
        return sum(stage.dies for stage in self.stages)

    @property
    def dies(self) -> int:
        """Dies that work."""
        return self.tiles if self.reloading is None else self.reloading.dies

    @property
    def cycles(self) -> int:
        """Cycles that a frame spends in all stages, weights being there."""
        return sum(stage.cycles for stage in self.stages)

    @property
    def interval_cycles(self) -> int:
        """Cycles between two frames: of the slowest stage, or of all that share the dies."""
        if self.reloading is not None:
            return self.cycles
        return max(stage.cycles for stage in self.stages)

    @property
    def latency_s(self) -> float:
        """Seconds that a frame spends in all stages, weights being there."""
        return self.cycles / self.clock_hz

    @property
    def interval_s(self) -> float:
        """Seconds between two frames at full load."""
        return self.interval_cycles / self.clock_hz

    @property
    def pass_cycles(self) -> int:
        """Cycles of a pass in which weights are loaded; 0 if they never are."""
        return 0 if self.reloading is None else self.reloading.pass_cycles

    @property
    def pass_s(self) -> float:
        """The same in seconds."""
        return self.pass_cycles / self.clock_hz

    @property
    def keeps_up(self) -> bool:
        """Whether the streams do not outrun it, however late each answer may be."""
        if self.reloading is not None:
            return self.reloading.frames_per_pass is not None
        return self.ask.streams <= self.streams_by_pace

    @property
    def frames_per_pass(self) -> int:
        """Frames of each stream that share the loading of weights; 1 if nothing is loaded."""
        return (self.reloading.frames_per_pass or 1) if self.reloading else 1

    @property
    def joules(self) -> float:
        """Energy of a frame."""
        return self.readings[0].joules

    @property
    def active_w(self) -> float:
        """Mean power while one frame passes through, and no other."""
        loading_s = self.pass_s / (self.ask.streams * self.frames_per_pass)
        return self.joules / (self.latency_s + loading_s)

    @property
    def mean_w(self) -> float:
        """Mean power with all streams live, all being gated between their frames."""
        return self.joules * self.ask.frame_hz * self.ask.streams

    @property
    def hour_j(self) -> float:
        """Energy of an hour of one stream's audio."""
        return self.joules * self.ask.frame_hz * 3600

    @property
    def operations_per_s(self) -> float:
        """Useful operations a second while one frame passes through."""
        return self.operations / self.latency_s

    @property
    def utilisation(self) -> float:
        """Share of a frame's cycles in which multipliers work."""
        return self.multiplying_cycles / self.cycles

    @property
    def duty(self) -> float:
        """Share of the time in which the busiest part works; above 1 it cannot keep up."""
        loading_cycles = Fraction(self.pass_cycles, self.frames_per_pass)
        busy_cycles = self.ask.streams * self.interval_cycles + loading_cycles
        return float(busy_cycles / _hop_cycles(self.ask, self.clock_hz))

    @property
    def ready_cycles(self) -> Fraction | None:
        """Age of the oldest frame when the last of all streams' frames is answered.

        The streams' frames arrive together, and so wait for each other, and for the pass
        they share. None if it does not keep up.
        """
        if not self.keeps_up:
            return None
        gathering = (self.frames_per_pass - 1) * _hop_cycles(self.ask, self.clock_hz)
        frames_before = self.ask.streams * self.frames_per_pass - 1
        return gathering + self.pass_cycles + self.cycles + frames_before * self.interval_cycles

    @property
    def ready_s(self) -> float | None:
        """The same in seconds."""
        ready_cycles = self.ready_cycles
        return None if ready_cycles is None else float(ready_cycles) / self.clock_hz

    @property
    def is_in_time(self) -> bool:
        """Whether every frame is answered within its budget of 10 ms."""
        return self.ready_cycles is not None and self.ready_cycles <= self._budget_cycles

    @property
    def streams_in_time(self) -> int:
        """Streams whose frames, all arriving together, are all answered within the budget."""
        spare_cycles = self._budget_cycles - self.cycles - self.pass_cycles
        return 0 if spare_cycles < 0 else int(spare_cycles // self.interval_cycles) + 1

    @property
    def _budget_cycles(self) -> Fraction:
        return Fraction(self.clock_hz) / BUDGETS_PER_S

    @property
    def streams_by_pace(self) -> int:
        """Streams that do not fall behind, however late each frame; passes may be long."""
        streams = _hop_cycles(self.ask, self.clock_hz) / self.interval_cycles
        if self.reloading is None:
            return math.floor(streams)
        return math.ceil(streams) - 1  # fewer than fill the hop: weights are loaded too


def frames_to_keep_up(
    ask: Ask, pass_cycles: int, frame_cycles: int, clock_hz: float
) -> int | None:
    """Return the fewest frames of each stream over which the loading of weights is spread.

    pass_cycles:   to load all weights once, 1 or more.
    frame_cycles:  for one frame of one stream once they are there.
    Returns        None if the frames alone leave no time for it.
    """
    spare_cycles = _hop_cycles(ask, clock_hz) - ask.streams * frame_cycles
    return math.ceil(pass_cycles / spare_cycles) if spare_cycles > 0 else None


def _hop_cycles(ask: Ask, clock_hz: float) -> Fraction:
    """Return the cycles from one frame of a stream to its next, exactly."""
    return Fraction(clock_hz) / Fraction(ask.frame_hz)


class Estimator(Protocol):
    """Knows one kind of accelerator: what an entry point yields."""

    def estimate(self, ask: Ask) -> Estimate:
        """Lay the network out and count.

        Raises ConfigInvalid for an instance, clock or operating point that it does not
        have, and for dies too few for one layer; ModelTooLarge if a die cannot hold its share.
        """

    def timeline(self, ask: Ask, frames: int) -> Timeline:
        """Say what each die does when, for so many frames. Raises as ``estimate``."""

    def instances(self, network: Network) -> Sequence[str]:
        """List the forms worth comparing for a network, all of which it fits; may be none."""

    def constants(self) -> Sequence[Constant]:
        """List every number that the estimates rest on."""

    def operating_points(self) -> Sequence[OperatingPoint]:
        """List the clocks that are known, its own and others to compare with."""


def find_estimator(kind: str) -> Estimator:
    """Return the estimator of a kind of accelerator.

    Raises BackendNotFound if none is installed, or it cannot be imported.
    """
    by_kind = {entry.name: entry for entry in entry_points(group=GROUP)}
    if kind not in by_kind:
        available = ", ".join(sorted(by_kind)) or "none"
        raise BackendNotFound(
            f"backend: nothing here can estimate {kind!r}; there are: {available}",
            field="backend",
            name=kind,
            available=available,
        )
    entry = by_kind[kind]
    try:
        found: Estimator = entry.load()
    except Exception as cause:
        raise BackendNotFound(
            f"backend: the estimator {entry.value} of {kind!r} cannot be imported: "
            f"{type(cause).__name__}: {cause}; repair or reinstall its package",
            field="backend",
            name=kind,
        ) from cause
    return found
