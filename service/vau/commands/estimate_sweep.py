"""A sweep: estimates around what was asked, and which of them no other beats."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from vau.estimate import Ask, Estimate, Estimator, Value


@dataclass(frozen=True, slots=True)
class Point:
    """One estimate of a sweep."""

    estimate: Estimate
    is_front: bool
    """Whether no other of its contest is better in one thing and no worse in any."""


def sweep(asked: Sequence[tuple[Estimator, Ask]]) -> list[Point]:
    """Estimate what is worth comparing with each ask.

    Of points that compete, those on the front are not beaten: no other has less or as much
    delay, energy and silicon, and less of one. Points of two accelerators never compete, for
    a chip of one is no die of the other. Several are compared for the networks asked for,
    and for no others.
    """
    found = [
        estimator.estimate(each)
        for estimator, ask in asked
        for each in estimator.around(ask)
        if len(asked) == 1 or each.network == ask.network
    ]
    contests = defaultdict(list)
    for each in found:
        contests[_contest(each)].append(each)
    return [
        Point(
            estimate=each,
            is_front=not any(_beats(other, each) for other in contests[_contest(each)]),
        )
        for each in found
    ]


def point_report(point: Point) -> dict[str, Value]:
    """Return a point of a sweep for a program."""
    found = point.estimate
    network, values = found.ask.network, found.values
    return {
        "layers": network.layers,
        "hidden": network.hidden,
        "inputs": network.inputs,
        "accelerator": found.accelerator,
        "clock_mhz": found.precision.rounded(found.clock_hz / 1e6),
        **{key: values[key] for key in found.point_keys},
        "in_front": point.is_front,
        "status": found.time_status,
    }


def _contest(found: Estimate) -> tuple[str, ...]:
    return found.accelerator.partition(":")[0], *found.contest


def _beats(one: Estimate, other: Estimate) -> bool:
    ours, theirs = _prices(one), _prices(other)
    return ours != theirs and all(a <= b for a, b in zip(ours, theirs, strict=True))


def _prices(found: Estimate) -> tuple[float, float, int]:
    return found.delay_s, found.joules, found.silicon.count
