"""The port of ``vau.estimate`` over the model of Muntaniala's dies: what-if without audio."""

from collections.abc import Sequence
from dataclasses import replace
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
)
from vau.model import Network
from vau.timeline import Timeline
from vau_backends.muntaniala import constants, schedule
from vau_backends.muntaniala.array import UNITS_PER_DIE, DieArray, least_square, widest
from vau_backends.muntaniala.estimate.figures import POINT_KEYS, figures
from vau_backends.muntaniala.estimate.layout import (
    KIND,
    array_of,
    clock_of,
    lay_out,
    refuse_foreign,
)
from vau_backends.muntaniala.weights import SPEC

COMPARED_BEYOND: Final = 3
"""Rows and columns beyond the least square that are compared: more hardly help."""

COMPARED_HIDDEN: Final = (96, 192, 288, 384)
"""Full rows of dies, from one to the four of the published network."""


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
            delay_s=found.latency_s,
            readings=found.readings,
            verdict=found.verdict,
            figures=tuple(figures(found)),
            precision=THREE_DIGITS,
            givens=(("die_bytes", found.die_bytes), ("streams", ask.streams)),
            stages=found.stages,
            counts=found.counts,
            notes=found.notes,
            contest=(f"{ask.network.hidden} units", f"{found.clock_hz / 1e6:g} MHz"),
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
        if ask.dies is None:
            return schedule.pipelined(tilings, frames, clock_hz)
        return schedule.multiplexed(tilings, ask.dies, ask.reload, frames, clock_hz)

    def around(self, ask: Ask) -> list[Ask]:
        """List hidden sizes, arrays and clocks, a die for every tile.

        Clocks are given and no choice, because energy is taken as independent of them: the
        fastest would always win.
        """
        own = {p.clock_hz for p in constants.OPERATING_POINTS if not p.for_comparison}
        clocks = sorted(clock for clock in own | {clock_of(ask)} if clock is not None)
        networks = [
            replace(ask.network, hidden=hidden)
            for hidden in sorted({*COMPARED_HIDDEN, ask.network.hidden})
        ]
        return [
            Ask(
                network=network,
                instance=instance,
                clock_hz=clock_hz,
                streams=ask.streams,
                frame_hz=ask.frame_hz,
            )
            for network in networks
            for instance in self.instances(network)
            for clock_hz in clocks
        ]

    def instances(self, network: Network) -> list[str]:
        """List arrays around the least square, by their rows and columns."""
        side = least_square(network).rows
        rows = range(-(-network.hidden // UNITS_PER_DIE), side + COMPARED_BEYOND + 1)
        columns = range(1, side + COMPARED_BEYOND + 1)
        return [
            str(DieArray(rows=row, columns=column))
            for row in rows
            for column in columns
            if widest(network, row, column).fits
        ]

    def constants(self) -> Sequence[Constant]:
        """List every number of the model."""
        return constants.CONSTANTS

    def operating_points(self) -> Sequence[OperatingPoint]:
        """List Muntaniala's clocks, and Chipmunk's beside them."""
        return constants.OPERATING_POINTS


ESTIMATOR: Final = MuntanialaEstimator()
