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
energy as linear in dies and cycles, with no share that runs while a layer is gated. All
constants with their sources are in ``constants.py``.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

from vau.backend import Cost, Energy
from vau.estimate import rate_fault
from vau_backends.muntaniala import constants
from vau_backends.muntaniala.array import Tiling
from vau_backends.muntaniala.cycles import Actions, LayerCycles
from vau_backends.muntaniala.energy import FLOOR_METHOD, METHOD, die_floor_j, system_j

CALIBRATED_CLOCK_HZ: Final = constants.BOARD_CLOCK.value
CALIBRATED_LAYERS: Final = (constants.BOARD,)


class CostModel:
    """What a frame costs on one array of dies per layer, each gated while it has no work."""

    def __init__(self, tilings: Sequence[Tiling], clock_hz: float) -> None:
        """Count the cycles. Raises ValueError for a clock outside ``vau.estimate.RATES``."""
        if fault := rate_fault("clock_hz", clock_hz):
            raise ValueError(fault)
        self.clock_hz = clock_hz
        self.tilings = tuple(tilings)
        self.layers = tuple(LayerCycles.of(tiling) for tiling in tilings)
        self.actions = Actions.of_all(tilings)
        """Of one frame in all layers."""
        self.has_calibrated_layers = self.tilings == CALIBRATED_LAYERS
        """Whether the dies are those of the published board, and carry its network."""

    @property
    def is_calibrated(self) -> bool:
        """Whether this is the published board at its clock; all else is extrapolated."""
        return self.has_calibrated_layers and self.clock_hz == CALIBRATED_CLOCK_HZ

    @cached_property
    def frame_j(self) -> float:
        """Joules per frame, the whole system."""
        return system_j(self.actions.die_cycles)

    @cached_property
    def latency_cycles(self) -> int:
        """Cycles that a frame spends in all layers."""
        return sum(layer.total for layer in self.layers)

    @cached_property
    def _floor_j(self) -> float:
        return die_floor_j(self.actions)

    @property
    def interval_cycles(self) -> int:
        """Cycles between two frames when the layers work on different ones."""
        return max(layer.total for layer in self.layers)

    @cached_property
    def latency_s(self) -> float:
        """Seconds that a frame spends in all layers."""
        return self.latency_cycles / self.clock_hz

    @property
    def active_w(self) -> float:
        """Mean power over the latency of one frame."""
        return self.frame_j / self.latency_s

    def of(self, frames: int, saturations: tuple[int, ...]) -> Cost:
        """Return the cost of so many frames of one utterance.

        The energy of the system comes first. That of the dies is a floor: what they need to
        multiply, at the published peak efficiency, and nothing for their other cycles.
        """
        system = Energy(
            joules=frames * self.frame_j,
            origin="estimated",
            boundary="system",
            method=METHOD,
            extrapolated=not self.is_calibrated,
        )
        dies = Energy(
            joules=frames * self._floor_j,
            origin="estimated",
            boundary="accelerator",
            method=FLOOR_METHOD,
            extrapolated=True,  # the clock of that efficiency was not published
        )
        return Cost(
            cycles=frames * self.latency_cycles,
            device_s=frames * self.latency_s,
            device_origin="estimated",
            energies=(system, dies),
            saturations=saturations,
        )
