"""Hybrid network expansion as a schedule: cycles of the closed form, bits of the reference."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import get_args

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vau.model import Network
from vau.timeline import WAIT, Timeline, text, trace
from vau_backends.rpu import cell
from vau_backends.rpu.cost import CostModel
from vau_backends.rpu.cycles import Actions, Chunk, LayerCycles
from vau_backends.rpu.form import Form, layer_inputs
from vau_backends.rpu.schedule.expansion import Expansion, expand, timeline
from vau_backends.rpu.schedule.machine import Memory, execute
from vau_backends.rpu.schedule.operations import MAC_CLUSTERS, Kind, Operation
from vau_backends.rpu.schedule.registers import ScheduleFault
from vau_backends.rpu.weights import LayerWeights

HYBRID = Form(residency="resident")
SERIAL = Form(residency="resident", schedule="serial")
STREAMED = Form(residency="streamed")
REFERENCE = Network(layers=3, hidden=384, inputs=123, classes=62)


def network(layers: int, hidden: int, inputs: int) -> Network:
    return Network(layers=layers, hidden=hidden, inputs=inputs, classes=40)


any_form = st.builds(
    Form,
    residency=st.sampled_from(["resident", "streamed"]),
    schedule=st.sampled_from(["hybrid", "serial"]),
)
any_network = st.builds(network, st.integers(1, 3), st.integers(1, 150), st.integers(1, 40))
any_chunk = st.builds(Chunk, st.lists(st.integers(0, 4), max_size=4).map(tuple))
live_chunk = any_chunk.filter(lambda chunk: chunk.frames > 0)
even_chunk = st.tuples(st.integers(1, 4), st.integers(1, 3))


def multiplying(laid_out: Expansion, cluster: str = MAC_CLUSTERS[0]) -> list[Operation]:
    return [each for each in laid_out.operations if each.component == cluster]


# --- cycles ------------------------------------------------------------------------------


@given(any_network, any_form, any_chunk)
def test_a_chunk_of_any_shape_takes_the_cycles_of_the_closed_form(
    shape: Network, form: Form, chunk: Chunk
) -> None:
    assert expand(shape, form, chunk).cycles == Actions.of(shape, form, chunk).cycles


@pytest.mark.parametrize(
    ("steps", "streams", "form", "cycles"),
    [
        (1, 1, HYBRID, 24_576),
        (1, 1, SERIAL, 24_840),
        (8, 1, HYBRID, 196_608),
        (1, 8, HYBRID, 196_188),
        (2, 2, SERIAL, 4 * 24_840),
    ],
)
def test_the_reference_network_takes_the_cycles_of_the_specification(
    steps: int, streams: int, form: Form, cycles: int
) -> None:
    assert expand(REFERENCE, form, Chunk.even(steps, streams)).cycles == cycles


@given(any_network, any_form, live_chunk)
def test_everything_is_over_when_the_chunk_is(shape: Network, form: Form, chunk: Chunk) -> None:
    laid_out = expand(shape, form, chunk)
    last = max(each.end_cycle for each in laid_out.operations)
    spare = 8 - 1 if form.schedule == "hybrid" else 0  # a last tile with a single unit
    assert laid_out.cycles - spare <= last <= laid_out.cycles


@given(any_network, any_form, any_chunk)
def test_clusters_multiply_every_weight_with_every_frame(
    shape: Network, form: Form, chunk: Chunk
) -> None:
    laid_out, found = expand(shape, form, chunk), 0
    for cluster in MAC_CLUSTERS:
        found += sum(each.cycles * len(each.units) for each in multiplying(laid_out, cluster))
    assert found == Actions.of(shape, form, chunk).macs


@given(any_network, live_chunk)
def test_each_weight_is_read_as_often_as_the_closed_form_says(
    shape: Network, chunk: Chunk
) -> None:
    def reading(each: Operation) -> tuple[object, ...]:
        shared_by = None if each.kind == "W x" else each.turn.step
        return each.turn.layer, each.kind, each.units, shared_by

    laid_out, weights = expand(shape, HYBRID, chunk), 0
    for cluster in MAC_CLUSTERS:
        for _, uses in groupby(multiplying(laid_out, cluster), key=reading):
            first = next(uses)
            weights += first.cycles * len(first.units)
    assert 2 * weights == Actions.of(shape, STREAMED, chunk).dram_bytes


@given(any_network, any_chunk)
def test_element_wise_work_never_holds_up_the_products_of_its_step(
    shape: Network, chunk: Chunk
) -> None:
    products = multiplying(expand(shape, HYBRID, chunk))
    for first, second in pairwise(products):
        ends_a_step = first.kind == "U h" and second.turn[:2] != first.turn[:2]
        assert second.start_cycle - first.end_cycle == (20 if ends_a_step else 0)


@given(any_network, any_form, any_chunk)
def test_no_component_begins_two_things_in_a_cycle(
    shape: Network, form: Form, chunk: Chunk
) -> None:
    operations = expand(shape, form, chunk).operations
    begun = Counter(
        (issue.component, issue.start_cycle) for each in operations for issue in each.issues()
    )
    assert set(begun.values()) <= {1}


def test_element_wise_work_of_a_tile_goes_on_under_the_products_of_the_next() -> None:
    laid_out = expand(network(1, 64, 10), HYBRID, Chunk((1,)))
    places = [
        (each.component, each.start_cycle, each.end_cycle, each.units[0])
        for each in laid_out.operations
        if each.component not in MAC_CLUSTERS[1:]
    ]
    assert places == [
        ("MAC cluster 1", 0, 10, 0),
        ("MAC cluster 1", 10, 20, 32),
        ("MAC cluster 1", 20, 84, 0),
        ("adder trees", 84, 88, 0),
        ("gate tables", 88, 97, 0),
        ("cell lanes", 90, 101, 0),
        ("cell tables", 94, 102, 0),
        ("output lanes", 95, 104, 0),
        ("MAC cluster 1", 84, 148, 32),
        ("adder trees", 148, 152, 32),
        ("gate tables", 152, 161, 32),
        ("cell lanes", 154, 165, 32),
        ("cell tables", 158, 166, 32),
        ("output lanes", 159, 168, 32),
    ]
    assert laid_out.cycles == 168


# --- the timeline ------------------------------------------------------------------------


def shown_chunk(shape: Network, form: Form, steps: int, streams: int) -> Timeline:
    return timeline(shape, form, chunk_frames=steps, streams=streams)


@given(any_network, any_form, even_chunk)
def test_a_timeline_ends_when_the_closed_form_says_and_shows_its_phases(
    shape: Network, form: Form, chunk: tuple[int, int]
) -> None:
    shown, frames = shown_chunk(shape, form, *chunk), Chunk.even(*chunk)
    account = CostModel(shape, form).account(frames)
    layers = [
        LayerCycles.of(shape.hidden, inputs, form, frames) for inputs in layer_inputs(shape)
    ]
    assert shown.end_cycle == account.actions.cycles + account.stall_cycles
    assert +shown.totals("chip/phases") == +Counter(
        {
            "W x": sum(layer.input_mac for layer in layers),
            "U h": sum(layer.recurrent_mac for layer in layers),
            "exposed": sum(layer.exposed for layer in layers),
            "stall": account.stall_cycles,
        }
    )


@given(any_network, any_form, even_chunk)
def test_a_cluster_works_or_waits_in_every_clocked_cycle(
    shape: Network, form: Form, chunk: tuple[int, int]
) -> None:
    shown = shown_chunk(shape, form, *chunk)
    actions = Actions.of(shape, form, Chunk.even(*chunk))
    for track in shown.by_track:
        if track.startswith("chip/MAC"):
            assert shown.totals(track).total() == actions.cycles
    assert shown.working()["chip/MAC cluster 1"] == actions.broadcasts


@given(any_network, any_form, even_chunk)
def test_a_component_is_occupied_whenever_one_of_its_operations_goes_on(
    shape: Network, form: Form, chunk: tuple[int, int]
) -> None:
    shown = shown_chunk(shape, form, *chunk)
    busy: dict[str, set[int]] = {}
    for each in expand(shape, form, Chunk.even(*chunk)).operations:
        track = busy.setdefault(f"chip/{each.component}", set())
        track.update(range(each.start_cycle, each.end_cycle))
    found = shown.working()
    assert {track: found[track] for track in busy} == {
        track: len(cycles) for track, cycles in busy.items()
    }


def test_streamed_weights_arrive_on_a_track_of_their_own_and_the_chip_stalls() -> None:
    shown = shown_chunk(REFERENCE, STREAMED, 1, 1)
    assert shown.end_cycle == 24_576 + 464_277
    assert shown.totals("DRAM/weights") == {"weights": shown.end_cycle}
    assert shown.totals("chip/phases")["stall"] == 464_277
    assert shown.totals("chip/MAC cluster 1")[WAIT] == 60


def test_a_chunk_of_the_reference_network_is_few_enough_spans_to_draw() -> None:
    shown = shown_chunk(REFERENCE, STREAMED, 8, 1)
    assert len(shown.spans) < 5_000
    assert len(trace(shown)["traceEvents"]) < 6_000
    assert "a chunk of 8 frames of 1 stream" in " ".join(text(shown).split())


@pytest.mark.parametrize(("steps", "streams"), [(0, 1), (1, 0)])
def test_a_chunk_without_a_frame_is_not_shown(steps: int, streams: int) -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        shown_chunk(REFERENCE, HYBRID, steps, streams)


# --- bits --------------------------------------------------------------------------------


def some_layers(shape: Network, seed: int) -> list[LayerWeights]:
    """Weights of all magnitudes, so that some sums saturate and others do not."""
    draw, hidden = np.random.default_rng(seed), shape.hidden

    def weights(rows: int, columns: int) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
        scale = draw.integers(3, 16, (rows, 1))
        return (draw.integers(-32768, 32768, (rows, columns)) >> (15 - scale)).astype(np.int16)

    return [
        LayerWeights(
            w_x=weights(4 * hidden, inputs),
            w_h=weights(4 * hidden, hidden),
            bias=draw.integers(-(2**18), 2**18, 4 * hidden).astype(np.int32),
            f_x=12 if layer == 0 else 15,
            f_w=int(draw.integers(8, 16)),
            f_u=int(draw.integers(8, 16)),
        )
        for layer, inputs in enumerate(layer_inputs(shape))
    ]


def some_memory(shape: Network, lengths: Sequence[int], seed: int) -> Memory:
    draw = np.random.default_rng(seed)
    states = (2, len(lengths), shape.layers, shape.hidden)
    h, c = draw.integers(-32768, 32768, states)
    x = [draw.integers(-32768, 32768, (frames, shape.inputs)) for frames in lengths]
    return Memory(x, h, c)


def by_reference(layers: Sequence[LayerWeights], before: Memory) -> Memory:
    """Take frame by frame through ``cell.step``, as anyone would who knows no schedule."""
    h, c, top = before.h.copy(), before.c.copy(), []
    for stream, features in enumerate(before.x):
        found = []
        for frame in features:
            x = frame
            for number, layer in enumerate(layers):
                after = cell.step(layer, x, cell.State(h[stream, number], c[stream, number]))
                h[stream, number], c[stream, number], x = after.h, after.c, after.h
            found.append(x)
        top.append(np.array(found, np.int64).reshape(len(features), h.shape[2]))
    return Memory(top, h, c)


def assert_equal(found: Memory, expected: Memory) -> None:
    np.testing.assert_array_equal(found.h, expected.h)
    np.testing.assert_array_equal(found.c, expected.c)
    assert len(found.x) == len(expected.x)
    for ours, theirs in zip(found.x, expected.x, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@settings(max_examples=40)
@given(
    st.builds(network, st.integers(1, 3), st.integers(1, 70), st.integers(1, 12)),
    st.sampled_from([HYBRID, SERIAL]),
    st.lists(st.integers(0, 3), max_size=3),
    st.permutations(range(3)),
    st.integers(0, 2**32),
)
@example(network(1, 1, 1), HYBRID, [3, 3, 3], [0, 1, 2], 1)
@example(network(2, 5, 2), HYBRID, [4, 0, 4], [0, 1, 2], 2)
@example(network(1, 140, 3), SERIAL, [2, 1], [1, 0, 2], 3)
def test_any_schedule_of_any_chunk_in_any_order_of_tiles_gives_the_bits_of_the_reference(
    shape: Network, form: Form, lengths: list[int], order: list[int], seed: int
) -> None:
    def shuffled(tiles: list[range]) -> list[range]:
        return [tiles[number] for number in order if number < len(tiles)]

    layers, before = some_layers(shape, seed), some_memory(shape, lengths, seed)
    laid_out = expand(shape, form, Chunk(tuple(lengths)), shuffled)
    found = execute(laid_out.operations, layers, form, before)
    assert_equal(found, by_reference(layers, before))


@pytest.mark.parametrize("form", [HYBRID, SERIAL], ids=str)
@pytest.mark.parametrize("cut", [1, 4, 8])
def test_bits_do_not_depend_on_the_length_of_chunks(form: Form, cut: int) -> None:
    shape = network(2, 40, 7)
    layers, before = some_layers(shape, 5), some_memory(shape, [8, 8], 6)
    h, c, pieces = before.h, before.c, []
    for start in range(0, 8, cut):
        chunk = [x[start : start + cut] for x in before.x]
        laid_out = expand(shape, form, Chunk.even(cut, 2))
        after = execute(laid_out.operations, layers, form, Memory(chunk, h, c))
        h, c = after.h, after.c
        pieces.append(after.x)
    top = [np.concatenate(parts) for parts in zip(*pieces, strict=True)]
    assert_equal(Memory(top, h, c), by_reference(layers, before))


# --- what a wrong schedule meets ---------------------------------------------------------


SHAPE = network(2, 40, 7)


def run(
    operations: Sequence[Operation], form: Form = HYBRID, frames: Sequence[int] = (2, 2)
) -> None:
    execute(operations, some_layers(SHAPE, 1), form, some_memory(SHAPE, frames, 1))


def moved(kind: str, cycles: int) -> list[Operation]:
    """A good schedule, but with all operations of a kind earlier (or later) by so much."""
    laid_out = expand(SHAPE, HYBRID, Chunk((2, 2)))
    return [
        replace(each, start_cycle=each.start_cycle + cycles) if each.kind == kind else each
        for each in laid_out.operations
    ]


def test_an_operation_is_the_same_whatever_place_it_has_in_the_list() -> None:
    run(moved("U h", 0)[::-1])


TOO_EARLY = {
    "U h": r"MAC cluster 1 is to begin U h .* busy until cycle 56",
    "sum and bias": r"adder trees, sum and bias: .* U h for i .* nothing was written",
    "gates": r"gate tables, gates: .* p of unit 0 .* nothing was written",
    "new c": r"cell lanes, new c: .* i of unit 0 .* nothing was written",
    "tanh(c)": r"cell tables, tanh\(c\): .* c of unit 0 .* nothing was written",
    "new h": r"output lanes, new h: .* tanh\(c\) of unit 0 .* nothing was written",
}
"""By kind: what is said of an operation a cycle early, with its component and what it lacks."""


def test_every_operation_that_waits_for_another_is_tried_too_early() -> None:
    assert set(TOO_EARLY) == set(get_args(Kind)) - {"W x"}


@pytest.mark.parametrize(("kind", "words"), TOO_EARLY.items(), ids=list(TOO_EARLY))
def test_an_operation_one_cycle_too_early_is_named_with_what_it_lacks(
    kind: str, words: str
) -> None:
    with pytest.raises(ScheduleFault, match=words):
        run(moved(kind, -1))


def test_what_was_overwritten_is_named_with_its_reader() -> None:
    def delayed(each: Operation) -> Operation:
        by_cycles = 0 if each.component in MAC_CLUSTERS else 41  # one more than a tile's U h
        return replace(each, start_cycle=each.start_cycle + by_cycles)

    operations = [delayed(each) for each in moved("U h", 0)]
    with pytest.raises(ScheduleFault, match=r"sum and bias: accum.* U h for i .* overwritten"):
        run(operations)


def test_a_step_that_does_not_wait_for_all_of_the_one_before_is_a_fault() -> None:
    def hurried(each: Operation) -> Operation:
        early = each.turn.step == 1 and each.kind != "W x"
        return replace(each, start_cycle=each.start_cycle - 7 * early)

    operations = [hurried(each) for each in expand(SHAPE, HYBRID, Chunk((2,))).operations]
    with pytest.raises(ScheduleFault, match=r"h of unit 36 in layer 1, step 1, stream 0"):
        run(operations, frames=(2,))


def test_two_products_at_a_time_on_a_cluster_are_a_fault() -> None:
    first, *rest = expand(SHAPE, HYBRID, Chunk((2, 2))).operations
    with pytest.raises(ScheduleFault, match=r"MAC cluster 1 .* busy until cycle 7"):
        run([first, replace(first, start_cycle=first.start_cycle + 6), *rest])


def test_a_schedule_that_forgets_a_tile_leaves_no_result() -> None:
    kept = [each for each in moved("U h", 0) if each.units[0] == 0 or each.kind != "new h"]
    with pytest.raises(ScheduleFault, match="nothing was written there yet"):
        run(kept)


def test_gates_side_by_side_need_accumulators_of_their_own() -> None:
    laid_out = expand(SHAPE, HYBRID, Chunk((1,)))
    with pytest.raises(
        ScheduleFault, match=r"accumulators: U h for i .* U h for o .* is there"
    ):
        run(laid_out.operations, SERIAL, frames=(1,))


def test_products_for_several_frames_need_a_place_to_wait() -> None:
    with pytest.raises(ScheduleFault, match=r"waiting sums 0: W x for i .* overwritten"):
        run(moved("U h", 0), SERIAL)
