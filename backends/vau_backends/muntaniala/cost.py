"""Cycles and energy of a network on its dies: an estimate, fitted to one published board.

Ref: doi:10.1109/TCSI.2021.3099716, arXiv:2202.07462 publish three figures of the system
     "Vau da Muntanialas", 192 hidden units at 10 MHz: 330 us, 9.0 mW, 2.95 uJ. All else,
     the terms of the cycle count included, is docs/munt-spec-0.md, sections 6 and 7.

The published figures are rounded: 9.0 mW times 330 us would be 2.97 uJ. They agree with
each other, and with this model, if the power is 8.95 mW:

    330 us   = 3300 cycles of this model at 10 MHz
    2.95 uJ  = 4 dies * 3300 cycles * 223.8 pJ = 2.954 uJ
    9.0 mW   = 4 dies * 10 MHz * 223.8 pJ      = 8.952 mW

223.8 pJ per die and cycle is *calibrated*: 223.75 to 223.86 would print the same. It takes
energy as linear in dies and cycles, with no share that runs while a layer is gated.
"""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Final

from vau.backend import Cost, Energy
from vau_backends.muntaniala.array import GATES, Tiling

CALIBRATED_CLOCK_HZ: Final = 10e6
CALIBRATED_LAYERS: Final = (Tiling(rows=2, columns=2, hidden=192, inputs=123),)
DIE_CYCLE_J: Final = 223.8e-12  # calibrated; the whole system, I/O included
METHOD: Final = "muntaniala-energy/1"

CYCLES_PER_BEAT: Final = 2  # of an 8-bit link
PARTIAL_SUM_BEATS: Final = 2  # 16 bits
LUT_READS: Final = 5  # per unit through one port: i, f, g, o and tanh(c)
CONTROL_CYCLES: Final = 4 * GATES + 6  # four per gate, six for the element-wise part


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCycles:
    """Where the cycles of one layer's step go. The phases follow each other."""

    load_x: int
    """The host feeds x to the columns, element by element."""

    mac: int
    """One column of weights a cycle, for each gate in turn."""

    partial_sums: int
    """Sums travel along the row, pipelined over the units of a die."""

    activation: int
    """Table reads, unit by unit."""

    exchange_h: int
    """The new h goes back to the columns, element by element."""

    control: int = CONTROL_CYCLES

    @classmethod
    def of(cls, tiling: Tiling) -> "LayerCycles":
        """Count one step of one layer on its array."""
        units, hops = tiling.units_per_die, tiling.columns - 2
        beats = GATES * PARTIAL_SUM_BEATS * (units + hops) if tiling.columns > 1 else 0
        return cls(
            load_x=tiling.inputs * CYCLES_PER_BEAT,
            mac=GATES * (tiling.x_per_die + tiling.h_per_die),
            partial_sums=beats * CYCLES_PER_BEAT,
            activation=LUT_READS * units,
            exchange_h=tiling.hidden * CYCLES_PER_BEAT,
        )

    @property
    def total(self) -> int:
        """Cycles from the first element of x to the last of h."""
        return sum(astuple(self))


class CostModel:
    """What a frame costs on one array of dies per layer, each gated while it has no work."""

    def __init__(self, tilings: Sequence[Tiling], clock_hz: float) -> None:
        """Count the cycles. Raises ValueError if the clock is not a positive number."""
        if not 0.0 < clock_hz < math.inf:
            raise ValueError(f"clock_hz={clock_hz} is not a positive, finite number")
        self.clock_hz = clock_hz
        self.layers = tuple(LayerCycles.of(tiling) for tiling in tilings)
        self.frame_j = sum(
            tiling.rows * tiling.columns * layer.total * DIE_CYCLE_J
            for tiling, layer in zip(tilings, self.layers, strict=True)
        )
        """Joules per frame, the whole system."""
        self.is_calibrated = (
            tuple(tilings) == CALIBRATED_LAYERS and clock_hz == CALIBRATED_CLOCK_HZ
        )
        """Whether this is the published board; anything else is extrapolated."""

    @property
    def latency_cycles(self) -> int:
        """Cycles that a frame spends in all layers."""
        return sum(layer.total for layer in self.layers)

    @property
    def interval_cycles(self) -> int:
        """Cycles between two frames when the layers work on different ones."""
        return max(layer.total for layer in self.layers)

    @property
    def latency_s(self) -> float:
        """Seconds that a frame spends in all layers."""
        return self.latency_cycles / self.clock_hz

    @property
    def active_w(self) -> float:
        """Mean power over the latency of one frame."""
        return self.frame_j / self.latency_s

    def of(self, frames: int, saturations: tuple[int, ...]) -> Cost:
        """Return the cost of so many frames of one utterance."""
        return Cost(
            cycles=frames * self.latency_cycles,
            device_s=frames * self.latency_s,
            device_origin="estimated",
            energies=(
                Energy(
                    joules=frames * self.frame_j,
                    origin="estimated",
                    boundary="system",
                    method=METHOD,
                    extrapolated=not self.is_calibrated,
                ),
            ),
            saturations=saturations,
        )
