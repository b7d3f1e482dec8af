"""A sweep: estimates around what was asked, and which of them no other beats."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from vau.estimate import CLOCK_DIGITS, Ask, Estimate, Estimator, Value


@dataclass(frozen=True, slots=True)
class Point:
    """One estimate of a sweep."""

    estimate: Estimate
    is_front: bool
    """Whether it keeps up with its streams, and no other of its contest that does is better in
    one thing and no worse in any."""


def sweep(asked: Sequence[tuple[Estimator, Ask]]) -> list[Point]:
    """Estimate what is worth comparing with each ask.

    Points that compete are those that keep up with their streams; what is outrun answers no
    live audio, however little it costs. Those on the front are not beaten: no other has less
    or as much delay, energy and silicon, and less of one. Points of two accelerators never
    compete, for a chip of one is no die of the other. Several asks are compared for their own
    networks, and for no others; what two of them share is one point.
    """
    found = _around(asked)
    contests = defaultdict(list)
    for each in found:
        if each.verdict.keeps_up:
            contests[_contest(each)].append(each)
    return [
        Point(
            estimate=each,
            is_front=each.verdict.keeps_up
            and not any(_beats(other, each) for other in contests[_contest(each)]),
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
        "clock_mhz": CLOCK_DIGITS.rounded(found.clock_hz / 1e6),
        **{key: values[key] for key in found.point_keys},
        "keeps_up": found.verdict.keeps_up,
        "in_front": point.is_front,
        "status": found.time_status,
    }


def kind_of(found: Estimate) -> str:
    """Return the kind of accelerator, without its instance."""
    return found.accelerator.partition(":")[0]


def _around(asked: Sequence[tuple[Estimator, Ask]]) -> list[Estimate]:
    """Estimate what is worth comparing with each ask, each thing once."""
    found = {}
    for estimator, ask in asked:
        for neighbour in estimator.around(ask):
            if len(asked) == 1 or neighbour.network == ask.network:
                each = estimator.estimate(neighbour)
                found[kind_of(each), neighbour] = each
    return list(found.values())


def _contest(found: Estimate) -> tuple[str, ...]:
    return kind_of(found), *found.contest


def _beats(one: Estimate, other: Estimate) -> bool:
    ours, theirs = _prices(one), _prices(other)
    return ours != theirs and all(a <= b for a, b in zip(ours, theirs, strict=True))


def _prices(found: Estimate) -> tuple[float, float, int]:
    return found.delay_s, found.joules, found.silicon.count
