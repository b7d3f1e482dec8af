"""Which dies and clock an ask means, and what the network takes on them."""

from collections.abc import Iterator, Sequence
from typing import Final

from vau.errors import BackendNotFound, ConfigInvalid, ModelTooLarge
from vau.estimate import Ask, Stage, Status, clock_hz_of, refuse_what_is_foreign
from vau_backends.muntaniala import constants, schedule
from vau_backends.muntaniala.array import DieArray, Tiling, least_square
from vau_backends.muntaniala.cost import CALIBRATED_CLOCK_HZ, CostModel
from vau_backends.muntaniala.estimate.laid_out import LaidOut, Reloading, frames_to_keep_up
from vau_backends.muntaniala.estimate.notes import notes
from vau_backends.muntaniala.estimate.readings import readings

KIND: Final = "muntaniala"
KNOWN: Final = (
    *("network", "instance", "clock_hz", "operating_point"),
    *("streams", "frame_hz", "dies", "reload"),
)
"""What can be asked of dies that keep their weights."""

FOREIGN: Final = {
    "chunk_frames": "takes frames one by one; leave --chunk-frames out",
    "residency": "has its weights on its dies; leave --resident and --streamed out, or ask for "
    "fewer --dies",
    "dram_bytes_per_s": "reads no DRAM; leave --dram-gbps out, or ask for fewer --dies",
    "reuse_credit": "reads every weight once per frame; leave --reuse-credit out",
}
"""Why the rest cannot be, and what to do instead."""


def refuse_foreign(ask: Ask) -> None:
    """Raise ConfigInvalid for what cannot be asked of dies."""
    refuse_what_is_foreign(ask, KIND, KNOWN, FOREIGN)


def lay_out(ask: Ask) -> LaidOut:
    """Lay the network on dies and count. Raises as ``Estimator.estimate``."""
    refuse_foreign(ask)
    array = array_of(ask)
    tilings = array.tile(ask.network)
    costs = CostModel(tilings, clock_of(ask))
    reloading = _reloading(ask, tilings, costs)
    is_board = costs.has_calibrated_layers and reloading is None
    time_status: Status = "calibrated" if is_board and costs.is_calibrated else "extrapolated"
    return LaidOut(
        ask=ask,
        accelerator=f"{KIND}:{array}",
        clock_hz=costs.clock_hz,
        stages=tuple(_stages(tilings, costs)),
        tiles=sum(tiling.rows * tiling.columns for tiling in tilings),
        multiplying_cycles=sum(layer.mac for layer in costs.layers),
        operations=costs.actions.operations,
        counts=costs.actions.by_name(),
        memory_bytes=max(tiling.die_bytes for tiling in tilings),
        die_bytes=tilings[0].available_bytes,
        readings=tuple(readings(ask, costs, reloading, time_status)),
        reloading=reloading,
        cycles_status="calibrated" if is_board else "extrapolated",
        time_status=time_status,
        notes=tuple(notes(ask, costs, reloading)),
    )


def array_of(ask: Ask) -> DieArray:
    """Return the array asked for, or the least square that fits.

    Raises ConfigInvalid if it is none, ModelTooLarge if the network does not fit.
    """
    least = least_square(ask.network)
    if not ask.instance:
        return least
    try:
        array = DieArray.parse(ask.instance, default=least)
    except BackendNotFound as cause:
        raise ConfigInvalid(
            f"array={ask.instance!r}: {cause}; the least square that fits is {least}",
            field="array",
        ) from cause
    try:
        array.tile(ask.network)
    except ModelTooLarge as cause:
        raise ModelTooLarge(
            f"array={cause}, or name no array", field="array", **cause.facts
        ) from cause
    return array


def clock_of(ask: Ask) -> float:
    """Return the clock asked for, or the board's, in hertz."""
    return clock_hz_of(ask, "Muntaniala", constants.OPERATING_POINTS, CALIBRATED_CLOCK_HZ)


def _reloading(ask: Ask, tilings: Sequence[Tiling], costs: CostModel) -> Reloading | None:
    """Return how the layers take turns, if there are fewer dies than tiles."""
    if ask.dies is None:
        return None
    pass_cycles = schedule.loading_cycles(tilings, ask.dies, ask.reload)
    if not pass_cycles:
        return None
    return Reloading(
        dies=max(tiling.rows * tiling.columns for tiling in tilings),
        reload=ask.reload,
        pass_cycles=pass_cycles,
        frames_per_pass=frames_to_keep_up(
            ask, pass_cycles, costs.latency_cycles, costs.clock_hz
        ),
    )


def _stages(tilings: Sequence[Tiling], costs: CostModel) -> Iterator[Stage]:
    for number, (tiling, cycles) in enumerate(zip(tilings, costs.layers, strict=True), start=1):
        yield Stage(
            name=f"layer {number}",
            inputs=tiling.inputs,
            units=tiling.hidden,
            counts=(("dies", tiling.rows * tiling.columns),),
            phases=cycles.by_phase(),
        )
