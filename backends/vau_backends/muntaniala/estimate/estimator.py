"""The port of ``vau.estimate`` over the model of Muntaniala's dies: what-if without audio."""

from collections.abc import Sequence
from typing import Final

from vau.errors import ConfigInvalid
from vau.estimate import (
    THREE_DIGITS,
    Ask,
    Constant,
    Estimate,
    KernelAsk,
    KernelEstimate,
    OperatingPoint,
    Silicon,
    megahertz,
)
from vau.timeline import Timeline
from vau_backends.muntaniala import constants, schedule
from vau_backends.muntaniala.estimate.figures import POINT_KEYS, figures
from vau_backends.muntaniala.estimate.layout import (
    KIND,
    array_of,
    clock_of,
    lay_out,
    refuse_foreign,
)
from vau_backends.muntaniala.estimate.neighbours import neighbours
from vau_backends.muntaniala.weights import SPEC

MOST_DRAWN: Final = 20_000
"""Frames of a timeline times the dies that each of them meets: beyond it a picture shows
nothing, and takes minutes and gigabytes."""


class MuntanialaEstimator:
    """Lays networks on dies, one array per layer, and counts."""

    def estimate(self, ask: Ask) -> Estimate:
        """Count cycles and actions, and turn these into joules."""
        found = lay_out(ask)
        return Estimate(
            ask=ask,
            accelerator=found.accelerator,
            method=f"{SPEC}, section 6",
            clock_hz=found.clock_hz,
            silicon=Silicon(found.dies, "die"),
            delay_s=found.delay_s,
            readings=found.readings,
            verdict=found.verdict,
            figures=tuple(figures(found)),
            precision=THREE_DIGITS,
            givens=(("die_bytes", found.die_bytes), ("streams", ask.streams)),
            stages=found.stages,
            counts=found.counts,
            notes=found.notes,
            contest=(f"{ask.network.hidden} units", megahertz(found.clock_hz)),
            choice=found.accelerator.partition(":")[2],
            point_keys=POINT_KEYS,
            time_status=found.time_status,
        )

    def kernel(self, ask: KernelAsk) -> KernelEstimate:
        """Refuse: nothing was published that such a loop could be held to."""
        raise ConfigInvalid(
            f"kernel={ask.kernel!r}: {KIND} was calibrated on a network, not on a kernel; ask "
            "for that: --layers 1 --hidden 192 --array 2x2",
            field="kernel",
        )

    def timeline(self, ask: Ask, frames: int) -> Timeline:
        """Play the schedule of the dies."""
        refuse_foreign(ask)
        tilings, clock_hz = array_of(ask).tile(ask.network), clock_of(ask)
        met = frames * sum(tiling.rows * tiling.columns for tiling in tilings)
        if met > MOST_DRAWN:
            raise ConfigInvalid(
                f"frames={frames}: times the dies that each of them meets that is {met:,}, and "
                f"a timeline shows {MOST_DRAWN:,} at most; ask for fewer --frames, or for a "
                "smaller network",
                field="frames",
            )
        if ask.dies is None:
            return schedule.pipelined(tilings, frames, clock_hz)
        return schedule.multiplexed(tilings, ask.dies, ask.reload, frames, clock_hz)

    def around(self, ask: Ask) -> list[Ask]:
        """List hidden sizes, arrays and clocks, a die for every tile.

        Clocks are given and no choice, because energy is taken as independent of them: the
        fastest would always win.
        """
        return neighbours(ask, clock_of(ask))

    def constants(self) -> Sequence[Constant]:
        """List every number of the model."""
        return constants.CONSTANTS

    def operating_points(self) -> Sequence[OperatingPoint]:
        """List Muntaniala's clocks, and Chipmunk's beside them."""
        return constants.OPERATING_POINTS


ESTIMATOR: Final = MuntanialaEstimator()
