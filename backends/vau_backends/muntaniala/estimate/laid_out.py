"""A network laid out on dies: what follows from its cycles, alone or with few dies.

Cycles are counted, and compared as fractions, as ``vau.estimate.live`` says.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

from vau.estimate import (
    Ask,
    Reading,
    Reload,
    Stage,
    Status,
    Verdict,
    budget_cycles,
    hop_cycles,
    verdict_of,
)


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
class LaidOut:
    """What an ask comes to on its dies."""

    ask: Ask
    accelerator: str
    """``kind:instance``."""

    clock_hz: float
    stages: tuple[Stage, ...]
    tiles: int
    """Parts of the network, each the size of a die at most."""

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

    notes: tuple[str, ...]

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
        return float(busy_cycles / hop_cycles(self.ask, self.clock_hz))

    @property
    def verdict(self) -> Verdict:
        """Whether all streams' frames are answered in time.

        They arrive together, and so wait for each other, and for the pass they share.
        """
        return verdict_of(self._delay_cycles if self.keeps_up else None, self.clock_hz)

    @property
    def delay_s(self) -> float:
        """Age of the oldest frame at the last answer, if nothing else is in the way."""
        return float(self._delay_cycles) / self.clock_hz

    @property
    def _delay_cycles(self) -> Fraction:
        """Cycles of gathering and working on a pass, or else on one frame of each stream."""
        gathering = (self.frames_per_pass - 1) * hop_cycles(self.ask, self.clock_hz)
        frames_before = self.ask.streams * self.frames_per_pass - 1
        working = self.pass_cycles + self.cycles + frames_before * self.interval_cycles
        return gathering + working

    @property
    def streams_in_time(self) -> int:
        """Streams whose frames, all arriving together, are all answered within the budget."""
        spare_cycles = budget_cycles(self.clock_hz) - self.cycles - self.pass_cycles
        return 0 if spare_cycles < 0 else int(spare_cycles // self.interval_cycles) + 1

    @property
    def streams_by_pace(self) -> int:
        """Streams that do not fall behind, however late each frame; passes may be long."""
        streams = hop_cycles(self.ask, self.clock_hz) / self.interval_cycles
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
    spare_cycles = hop_cycles(ask, clock_hz) - ask.streams * frame_cycles
    return math.ceil(pass_cycles / spare_cycles) if spare_cycles > 0 else None
