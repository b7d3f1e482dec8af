"""The port of ``vau.estimate`` over the model of Muntaniala's dies: what-if without audio."""

from collections.abc import Iterator, Sequence
from typing import Final

from vau.errors import BackendNotFound, ConfigInvalid, ModelTooLarge
from vau.estimate import (
    Ask,
    Constant,
    Estimate,
    Estimator,
    OperatingPoint,
    Reading,
    Reloading,
    Stage,
    Status,
    frames_to_keep_up,
)
from vau.model import Network
from vau.timeline import Timeline
from vau_backends.muntaniala import constants, schedule
from vau_backends.muntaniala.array import (
    UNITS_PER_DIE,
    DieArray,
    Tiling,
    least_square,
    widest,
)
from vau_backends.muntaniala.cost import CALIBRATED_CLOCK_HZ, CostModel
from vau_backends.muntaniala.energy import METHOD, floor_reading, split_reading, system_j
from vau_backends.muntaniala.weights import SPEC

KIND: Final = "muntaniala"
COMPARED_BEYOND: Final = 3
"""Rows and columns beyond the least square that are compared: more hardly help."""

ROUNDING: Final = (
    "This is the published board: 330 µs, 9.0 mW and 2.95 µJ. 9.0 mW for 330 µs would be "
    "2.97 µJ; the three agree if 8.95 mW was rounded up to 9.0 and 2.954 µJ down to 2.95."
)


class _Estimator:
    """Lays networks on dies, one array per layer, and counts."""

    def estimate(self, ask: Ask) -> Estimate:
        """Count cycles and actions, and turn these into joules."""
        array = _array(ask)
        tilings = array.tile(ask.network)
        costs = CostModel(tilings, _clock_hz(ask))
        reloading = _reloading(ask, tilings, costs)
        is_board = costs.has_calibrated_layers and reloading is None
        time_status: Status = (
            "calibrated" if is_board and costs.is_calibrated else "extrapolated"
        )
        return Estimate(
            ask=ask,
            accelerator=f"{KIND}:{array}",
            method=f"{SPEC}, section 6",
            clock_hz=costs.clock_hz,
            stages=tuple(_stages(tilings, costs)),
            multiplying_cycles=sum(layer.mac for layer in costs.layers),
            operations=costs.actions.operations,
            counts=costs.actions.by_name(),
            memory_bytes=max(tiling.die_bytes for tiling in tilings),
            die_bytes=tilings[0].available_bytes,
            readings=tuple(_readings(ask, costs, reloading, time_status)),
            reloading=reloading,
            cycles_status="calibrated" if is_board else "extrapolated",
            time_status=time_status,
            memory_status="assumed",
            notes=tuple(_notes(ask, costs, reloading)),
        )

    def timeline(self, ask: Ask, frames: int) -> Timeline:
        """Play the schedule of the dies."""
        tilings, clock_hz = _array(ask).tile(ask.network), _clock_hz(ask)
        if ask.dies is None:
            return schedule.pipelined(tilings, frames, clock_hz)
        return schedule.multiplexed(tilings, ask.dies, ask.reload, frames, clock_hz)

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


def _array(ask: Ask) -> DieArray:
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


def _clock_hz(ask: Ask) -> float:
    """Return the clock asked for, in hertz or by name, or the board's."""
    if not ask.operating_point:
        return CALIBRATED_CLOCK_HZ if ask.clock_hz is None else ask.clock_hz
    own = {p.name: p for p in constants.OPERATING_POINTS if not p.for_comparison}
    point = own.get(ask.operating_point)
    if point is None:
        raise ConfigInvalid(
            f"operating_point={ask.operating_point!r} is not one of Muntaniala's; there are "
            f"{', '.join(own)}, or ask for a clock of your own",
            field="operating_point",
        )
    if point.clock_hz is None and ask.clock_hz is None:
        raise ConfigInvalid(
            f"operating_point={point.name!r}: its clock was not published; ask for a clock too",
            field="operating_point",
        )
    if point.clock_hz is not None and ask.clock_hz not in {None, point.clock_hz}:
        raise ConfigInvalid(
            f"operating_point={point.name!r} is {point.clock_hz / 1e6:g} MHz, and another "
            "clock is asked for; leave out one of the two",
            field="operating_point",
        )
    return point.clock_hz or ask.clock_hz or CALIBRATED_CLOCK_HZ


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
            dies=tiling.rows * tiling.columns,
            phases=cycles.by_phase(),
        )


def _readings(
    ask: Ask, costs: CostModel, reloading: Reloading | None, status: Status
) -> Iterator[Reading]:
    """Yield the energy of a frame as it counts, and as it may be seen otherwise."""
    if reloading is None:
        yield from _gating(costs, status)
    else:
        yield _taking_turns(ask, costs, reloading)
    yield floor_reading(costs.actions)
    yield split_reading(costs.actions)


def _gating(costs: CostModel, status: Status) -> Iterator[Reading]:
    dies = sum(tiling.rows * tiling.columns for tiling in costs.tilings)
    for name, die_cycles, text in (
        ("gated", costs.actions.die_cycles, "each layer clocked while it works"),
        ("interval", dies * costs.interval_cycles, "all dies clocked, a frame each interval"),
        ("latency", dies * costs.latency_cycles, "all dies clocked, one frame at a time"),
    ):
        yield Reading(
            name=name,
            joules=system_j(die_cycles),
            boundary="system",
            method=METHOD,
            status=status,
            text=text,
        )


def _taking_turns(ask: Ask, costs: CostModel, reloading: Reloading) -> Reading:
    """Spread the loading of weights, in which all dies are clocked, over a pass's frames."""
    frames = ask.streams * (reloading.frames_per_pass or 1)
    loading_j = system_j(reloading.dies * reloading.pass_cycles) / frames
    working_j = system_j(costs.actions.die_cycles)
    return Reading(
        name="gated",
        joules=working_j + loading_j,
        boundary="system",
        method=METHOD,
        status="assumed",  # that weights are swapped at all
        text=f"with its share of loading weights, {frames} frames a pass",
        parts=(("working", working_j), ("loading", loading_j)),
    )


def _notes(ask: Ask, costs: CostModel, reloading: Reloading | None) -> Iterator[str]:
    """Yield what has to be said beside the figures."""
    clock, fastest_hz = f"{costs.clock_hz / 1e6:g} MHz", constants.FASTEST_CLOCK.value
    if costs.is_calibrated and reloading is None:
        yield ROUNDING
    if not costs.has_calibrated_layers:
        yield (
            "Cycles and energy are fitted to 192 units on 2x2 dies; this network on these "
            "dies is extrapolated, and no published figure confirms it."
        )
    if costs.clock_hz != CALIBRATED_CLOCK_HZ:
        yield (
            f"Energy was calibrated at 10 MHz. At {clock} it is taken as the same per cycle, "
            "though the voltage would be another, which was not published."
        )
    if costs.clock_hz > fastest_hz:
        yield (
            f"{clock} is beyond {fastest_hz / 1e6:.4g} MHz, the fastest clock that follows "
            "from a publication: no die was seen to run at it."
        )
    if ask.network.peephole:
        yield "What peepholes add to cycles and energy is not counted, only their memory."
    if ask.streams > 1:
        yield "Changing from one stream's state to another's is taken to cost nothing."
    if reloading is not None:
        yield from _notes_of_turns(ask, reloading)
    yield (
        "The output layer, the features and the host are not counted, nor is what stays on "
        "while dies are gated."
    )


def _notes_of_turns(ask: Ask, reloading: Reloading) -> Iterator[str]:
    yield "Whether the chip was ever used with fewer dies than tiles is not documented."
    if reloading.frames_per_pass is None:
        yield (
            "It never keeps up: the frames alone take all the time. Ask for a faster clock, "
            "fewer streams, or a die for every tile. Energies are of one frame a pass."
        )
    if ask.dies is not None and ask.dies > reloading.dies:
        yield f"{ask.dies - reloading.dies} of the {ask.dies} dies stay idle."


ESTIMATOR: Final[Estimator] = _Estimator()
