"""The schedule of the dies: equal to the closed form, and true of each die."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau.errors import ConfigInvalid
from vau.estimate import Reload
from vau.timeline import WAIT, Span, Timeline
from vau_backends.muntaniala.array import Tiling
from vau_backends.muntaniala.cycles import LayerCycles
from vau_backends.muntaniala.schedule import (
    load_weights,
    loading_cycles,
    multiplexed,
    pipelined,
)
from vau_backends.muntaniala.step import PHASES, step

CLOCK_HZ = 10e6
BOARD = (Tiling(rows=2, columns=2, hidden=192, inputs=123),)
THREE_LAYERS = tuple(
    Tiling(rows=4, columns=4, hidden=384, inputs=inputs) for inputs in (123, 384, 384)
)

any_tiling = st.builds(
    Tiling,
    rows=st.integers(1, 6),
    columns=st.integers(1, 6),
    hidden=st.integers(1, 40),
    inputs=st.integers(1, 40),
)
any_network = st.lists(any_tiling, min_size=1, max_size=4)


def cycles_by_phase(spans: Sequence[Span], track: str) -> Counter[str]:
    cycles: Counter[str] = Counter()
    for span in spans:
        cycles[span.name] += span.cycles if span.track == track else 0
    return +cycles


def closed_form(tiling: Tiling) -> Counter[str]:
    return +Counter(asdict(LayerCycles.of(tiling)))


@given(any_tiling)
def test_each_phase_of_any_shape_takes_its_term_of_the_closed_form(tiling: Tiling) -> None:
    assert cycles_by_phase(step(tiling).spans, PHASES) == closed_form(tiling)


@given(any_tiling)
def test_a_step_of_any_shape_takes_the_sum_of_the_closed_form(tiling: Tiling) -> None:
    assert step(tiling).cycles == LayerCycles.of(tiling).total


@pytest.mark.parametrize(
    ("side", "hidden", "inputs", "cycles"),
    [
        (2, 192, 123, 3300),
        (1, 96, 123, 1816),
        (4, 384, 123, 3592),
        (4, 384, 384, 4374),
        (5, 421, 123, 3383),
    ],
)
def test_the_steps_of_the_specification_take_its_cycles(
    side: int, hidden: int, inputs: int, cycles: int
) -> None:
    assert step(Tiling(rows=side, columns=side, hidden=hidden, inputs=inputs)).cycles == cycles


@given(any_tiling)
def test_every_die_works_or_waits_in_every_cycle_of_a_step(tiling: Tiling) -> None:
    played, covered = step(tiling), Counter[str]()
    for span in played.spans:
        covered[span.track] += span.cycles
    dies = {f"die {row},{k}" for row in range(tiling.rows) for k in range(tiling.columns)}
    assert covered == dict.fromkeys({PHASES, *dies}, played.cycles)


@given(any_tiling)
def test_every_die_does_the_work_of_its_own_slices_and_no_more(tiling: Tiling) -> None:
    spans, size = step(tiling).spans, tiling.units_per_die
    for row in range(tiling.rows):
        own = range(tiling.hidden)[row * size : (row + 1) * size]
        units = len(own)
        for column in range(tiling.columns):
            xs = len(range(tiling.inputs)[tiling.x_slice(column)])
            taken = range(tiling.hidden)[tiling.h_slice(column)]
            found = cycles_by_phase(spans, f"die {row},{column}")
            is_last = column == tiling.columns - 1
            is_between = 0 < column < tiling.columns - 1  # adds sums and sends them on
            assert found["load_x"] == (2 * xs if units else 0)
            assert found["mac"] == (4 * (xs + len(taken)) if units else 0)
            assert found["activation"] == (5 * units if is_last else 0)
            assert found["control"] == (16 + 6 * is_last if units else 0)
            heard = {*taken, *own} if is_last else {*taken}
            assert found["exchange_h"] == (2 * len(heard) if units else 0)
            has_sums = units > 0 and tiling.columns > 1
            assert found["partial_sums"] == (16 * (units + is_between) if has_sums else 0)


def test_partial_sums_go_from_die_to_die_while_the_next_ones_follow() -> None:
    spans = step(Tiling(rows=1, columns=3, hidden=2, inputs=3)).spans
    sums = [span for span in spans if span.detail.startswith("gate i")]
    start = next(span.start_cycle for span in sums if span.name == "partial_sums")
    assert [
        (span.track, span.start_cycle - start, span.cycles, span.detail)
        for span in sums
        if span.name == "partial_sums"
    ] == [
        ("phases", 0, 12, "gate i"),
        ("die 0,0", 0, 8, "gate i: sends"),
        ("die 0,1", 0, 4, "gate i: adds"),
        ("die 0,1", 4, 4, "gate i: sends and adds"),
        ("die 0,1", 8, 4, "gate i: sends"),
        ("die 0,2", 4, 8, "gate i: adds"),
    ]


def test_new_states_leave_row_by_row_and_each_column_takes_its_slice() -> None:
    spans = step(Tiling(rows=2, columns=2, hidden=5, inputs=1)).spans
    start = next(span.start_cycle for span in spans if span.name == "exchange_h")
    assert [
        (span.track, span.start_cycle - start, span.cycles, span.detail)
        for span in spans
        if span.name == "exchange_h"
    ] == [
        ("phases", 0, 10, ""),
        ("die 0,0", 0, 6, "takes h"),
        ("die 0,1", 0, 6, "sends h"),
        ("die 0,1", 6, 4, "takes h"),
        ("die 1,0", 0, 6, "takes h"),
        ("die 1,1", 6, 4, "sends h and takes h"),
    ]


def test_a_die_without_a_unit_waits_all_the_time() -> None:
    played = step(Tiling(rows=4, columns=1, hidden=5, inputs=3))  # 2, 2, 1 and no units
    assert [span for span in played.spans if span.track == "die 3,0"] == [
        Span("die 3,0", WAIT, 0, played.cycles)
    ]


@given(any_network, st.integers(1, 5))
def test_each_frame_takes_the_sum_of_its_layers(tilings: list[Tiling], frames: int) -> None:
    latency = sum(LayerCycles.of(tiling).total for tiling in tilings)
    found = pipelined(tilings, frames, CLOCK_HZ).frames
    assert [end - start for start, end in found.values()] == frames * [latency]


@given(any_network, st.integers(2, 5))
def test_frames_follow_each_other_by_the_slowest_layer(
    tilings: list[Tiling], frames: int
) -> None:
    interval = max(LayerCycles.of(tiling).total for tiling in tilings)
    ends = [end for _, end in pipelined(tilings, frames, CLOCK_HZ).frames.values()]
    assert [later - end for end, later in pairwise(ends)] == (frames - 1) * [interval]


def test_three_layers_of_384_take_12340_cycles_and_give_a_frame_every_4374() -> None:
    frames = pipelined(THREE_LAYERS, 3, CLOCK_HZ).frames
    assert frames == {0: (0, 12_340), 1: (4_374, 16_714), 2: (8_748, 21_088)}


@given(any_network, st.integers(1, 4))
def test_a_layer_begins_a_frame_when_the_layer_below_has_ended_it(
    tilings: list[Tiling], frames: int
) -> None:
    played = pipelined(tilings, frames, CLOCK_HZ)
    for frame in range(frames):
        stages = [
            [span for span in played.by_track[f"layer {layer}/{PHASES}"] if span.frame == frame]
            for layer in range(1, len(tilings) + 1)
        ]
        for below, above in pairwise(stages):
            assert above[0].start_cycle == below[-1].end_cycle


@given(any_network, st.integers(1, 3))
def test_dies_are_clocked_for_their_layers_steps_and_gated_else(
    tilings: list[Tiling], frames: int
) -> None:
    played = pipelined(tilings, frames, CLOCK_HZ)
    clocked = sum(span.cycles for span in played.spans if not span.track.endswith(PHASES))
    assert clocked == frames * sum(
        tiling.rows * tiling.columns * LayerCycles.of(tiling).total for tiling in tilings
    )


def test_the_title_names_network_and_array() -> None:
    played = pipelined(THREE_LAYERS, 2, CLOCK_HZ)
    assert played.title == "muntaniala: 3 x 384 units, 123 inputs, 4x4 dies a layer; 2 frames"
    assert played.length == "16,714 cycles at 10 MHz, 1.67 ms, estimated"


@pytest.mark.parametrize(("inputs", "cycles"), [(123, 98_304), (384, 148_224)])
def test_loading_a_tile_takes_two_cycles_a_byte(inputs: int, cycles: int) -> None:
    tiling = Tiling(rows=4, columns=4, hidden=384, inputs=inputs)
    assert load_weights(tiling, "parallel").cycles == cycles
    assert load_weights(tiling, "serial").cycles == 16 * cycles


def test_one_port_loads_one_die_after_the_other() -> None:
    loading = load_weights(BOARD[0], "serial")
    loads = [span for span in loading.spans if span.name == "reload"][1:]
    assert [span.track for span in loads] == ["die 0,0", "die 0,1", "die 1,0", "die 1,1"]
    assert all(later.start_cycle == load.end_cycle for load, later in pairwise(loads))


@pytest.mark.parametrize(
    ("dies", "reload", "cycles"),
    [
        (48, "parallel", 0),
        (48, "serial", 0),
        (16, "parallel", 394_752),
        (16, "serial", 6_316_032),
        (47, "parallel", 394_752),  # dies beyond one array stay idle
    ],
)
def test_with_few_dies_passes_are_as_long_as_the_reference_says(
    dies: int, reload: Reload, cycles: int
) -> None:
    assert loading_cycles(THREE_LAYERS, dies, reload) == cycles


@pytest.mark.parametrize("reload", ["parallel", "serial"])
def test_a_pass_takes_its_loading_and_each_frame_the_sum_of_the_layers(
    reload: Reload,
) -> None:
    played = multiplexed(THREE_LAYERS, 16, reload, 5, CLOCK_HZ)
    assert played.end_cycle == loading_cycles(THREE_LAYERS, 16, reload) + 5 * 12_340


def test_a_pass_loads_a_layer_and_takes_all_frames_through_it_before_the_next() -> None:
    played = multiplexed(THREE_LAYERS, 16, "parallel", 2, CLOCK_HZ)
    order = [
        (span.detail.split(",")[0], span.name if span.frame is None else span.frame)
        for span in played.by_track[f"array/{PHASES}"]
    ]
    assert list(dict.fromkeys(order)) == [
        (f"layer {layer}", what) for layer in (1, 2, 3) for what in ("reload", 0, 1)
    ]


def everything(played: Timeline) -> tuple[str, tuple[Span, ...]]:
    return played.title, played.spans


def test_with_dies_for_every_layer_nothing_is_loaded() -> None:
    played = multiplexed(THREE_LAYERS, 48, "serial", 2, CLOCK_HZ)
    assert everything(played) == everything(pipelined(THREE_LAYERS, 2, CLOCK_HZ))


@pytest.mark.parametrize("dies", [15, 0, -1])
def test_fewer_dies_than_a_layer_needs_are_refused_in_words(dies: int) -> None:
    with pytest.raises(ConfigInvalid, match="16 dies to serve the layers in turn") as refused:
        loading_cycles(THREE_LAYERS, dies, "parallel")
    assert refused.value.field == "dies"
    assert refused.value.facts == {"needed_dies": 16, "available_dies": dies}


@pytest.mark.parametrize(("tilings", "frames"), [((), 1), (BOARD, 0)])
def test_no_layer_or_no_frame_is_no_schedule(tilings: tuple[Tiling, ...], frames: int) -> None:
    with pytest.raises(ValueError, match="at least one of each"):
        pipelined(tilings, frames, CLOCK_HZ)
