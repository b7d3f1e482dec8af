"""Timelines of the RPU's estimates: whole calls, and what is too much to be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau.errors import ConfigInvalid
from vau.estimate import Ask, Estimator, find_estimator
from vau.model import Network
from vau_backends.rpu.estimate.laid_out import LaidOut
from vau_backends.rpu.estimate.layout import lay_out
from vau_backends.rpu.estimate.timeline import operation_count
from vau_backends.rpu.schedule.expansion import expand

ESTIMATOR: Estimator = find_estimator("rpu")
NETWORK = Network(layers=3, hidden=384, inputs=123, classes=62)
SMALL = Network(layers=2, hidden=64, inputs=40, classes=40)


def laid_out(network: Network, **asked: object) -> LaidOut:
    return lay_out(Ask(network=network, **asked))  # type: ignore[arg-type]


@pytest.mark.parametrize(("frames", "streams"), [(1, 1), (2, 1), (1, 2)])
def test_a_timeline_of_the_chip_takes_the_cycles_of_the_estimate(
    frames: int, streams: int
) -> None:
    asked = {"residency": "resident", "streams": streams, "chunk_frames": frames}
    found = laid_out(SMALL, **asked)
    assert ESTIMATOR.timeline(found.ask, frames).end_cycle == found.account.actions.cycles


@pytest.mark.parametrize(
    ("chunk_frames", "frames", "calls"), [(1, 4, 4), (8, 3, 1), (8, 8, 1), (8, 9, 2)]
)
def test_a_timeline_plays_whole_calls_behind_each_other(
    chunk_frames: int, frames: int, calls: int
) -> None:
    ask = Ask(network=SMALL, residency="streamed", chunk_frames=chunk_frames)
    one, played = (ESTIMATOR.timeline(ask, each) for each in (chunk_frames, frames))
    assert played.end_cycle == calls * one.end_cycle
    assert len(played.spans) == calls * len(one.spans)
    shown = {span.frame for span in played.spans} - {None}
    assert shown == set(range(calls * chunk_frames))


def test_four_calls_of_the_stack_take_four_times_980_microseconds() -> None:
    played = ESTIMATOR.timeline(Ask(network=NETWORK, residency="streamed"), 4)
    assert played.end_cycle / played.clock_hz == pytest.approx(4 * 980.6e-6, rel=1e-4)


@given(
    hidden=st.integers(1, 300),
    frames=st.integers(1, 3),
    streams=st.integers(1, 3),
    schedule=st.sampled_from(("hybrid", "serial")),
)
def test_operations_are_counted_as_they_would_be_placed(
    hidden: int, frames: int, streams: int, schedule: str
) -> None:
    network = Network(layers=2, hidden=hidden, inputs=5, classes=40)
    instance = f"resident+schedule={schedule}"
    found = laid_out(network, instance=instance, chunk_frames=frames, streams=streams)
    assert operation_count(found) == len(expand(network, found.form, found.chunk).operations)


@pytest.mark.parametrize(
    ("asked", "frames", "field", "words"),
    [
        (
            {"streams": 300},
            1,
            "streams",
            "streams=300, chunk_frames=1: a call would be 140,400",
        ),
        ({"streams": 30, "chunk_frames": 16}, 16, "streams", "224,640 operations"),
        ({"streams": 30}, 8, "frames", "ask for 7 frames or fewer"),
    ],
)
def test_a_timeline_of_too_many_operations_is_refused_by_what_makes_them_many(
    asked: dict[str, object], frames: int, field: str, words: str
) -> None:
    with pytest.raises(ConfigInvalid, match=words) as refused:
        ESTIMATOR.timeline(Ask(network=NETWORK, **asked), frames)  # type: ignore[arg-type]
    assert refused.value.field == field
