"""The energy of a frame on dies: as it counts, and as it may be seen otherwise."""

from collections.abc import Iterator

from vau.estimate import Ask, Reading, Status
from vau_backends.muntaniala.cost import CostModel
from vau_backends.muntaniala.energy import METHOD, floor_reading, split_reading, system_j
from vau_backends.muntaniala.estimate.laid_out import Reloading


def readings(
    ask: Ask, costs: CostModel, reloading: Reloading | None, status: Status
) -> Iterator[Reading]:
    """Yield the reading that counts first: each layer clocked only while it works.

    status:  of energies that the fit gives for these dies and this clock.
    """
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
