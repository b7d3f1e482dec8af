"""What the chip does for a chunk: the closed forms, counted by hand and held to their laws."""

from collections.abc import Iterator
from dataclasses import fields

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vau.model import Network
from vau_backends.rpu.cycles import Actions, Chunk, LayerCycles, peak_sram_bytes
from vau_backends.rpu.form import Form, Schedule, layer_inputs

HYBRID = Form(residency="resident")
SERIAL = Form(residency="resident", schedule="serial")
STREAMED = Form(residency="streamed")
ONE_FRAME = Chunk((1,))
REFERENCE = Network(layers=3, hidden=384, inputs=123, classes=62)

any_form = st.builds(
    Form,
    residency=st.sampled_from(["resident", "streamed"]),
    schedule=st.sampled_from(["hybrid", "serial"]),
)
any_network = st.builds(
    Network,
    layers=st.integers(1, 3),
    hidden=st.integers(1, 300),
    inputs=st.integers(1, 300),
    classes=st.just(40),
)
any_chunk = st.builds(Chunk, st.lists(st.integers(0, 12), max_size=5).map(tuple))


def layer_cycles(hidden: int, inputs: int, schedule: Schedule = "hybrid") -> int:
    form = Form(residency="resident", schedule=schedule)
    return LayerCycles.of(hidden, inputs, form, ONE_FRAME).total


def network_cycles(network: Network, schedule: Schedule, chunk: Chunk = ONE_FRAME) -> int:
    return Actions.of(network, Form(residency="resident", schedule=schedule), chunk).cycles


@pytest.mark.parametrize(
    ("inputs", "macs", "multiplying", "total"),
    [(123, 778_752, 6_084, 6_104), (384, 1_179_648, 9_216, 9_236)],
)
def test_the_layers_of_the_reference_network_take_what_the_specification_says(
    inputs: int, macs: int, multiplying: int, total: int
) -> None:
    cycles = LayerCycles.of(384, inputs, HYBRID, ONE_FRAME)
    assert Actions.of_layer(384, inputs, HYBRID, ONE_FRAME).macs == macs
    assert (cycles.multiplying, cycles.total) == (multiplying, total)
    assert cycles.by_phase() == (
        ("input_mac", 12 * inputs),
        ("recurrent_mac", 12 * 384),
        ("exposed", 20),
    )


def test_the_actions_of_the_reference_network_are_counted_as_by_hand() -> None:
    assert Actions.of(REFERENCE, STREAMED, ONE_FRAME) == Actions(
        cycles=24_576,
        macs=3_138_048,
        weight_reads=3_138_048,
        broadcasts=24_516,
        neuron_steps=3 * 384,
        dram_bytes=6_276_096,
        rows_filled=784_512,
    )
    assert Actions.of(REFERENCE, HYBRID, ONE_FRAME).operations == 6_276_096


def test_the_serial_schedule_is_counted_as_by_hand() -> None:
    cycles = LayerCycles.of(100, 50, SERIAL, Chunk((3, 2)))
    assert cycles.multiplying == 5 * 4 * 150
    assert cycles.exposed == 5 * (4 + 25 + 8)


def test_in_a_ragged_chunk_only_streams_that_still_have_frames_take_part() -> None:
    chunk = Chunk((3, 0, 1))
    assert (chunk.frames, chunk.steps) == (4, 3)
    assert [chunk.live(step) for step in range(3)] == [[0, 2], [0], [0]]
    actions = Actions.of_layer(64, 10, STREAMED, chunk)
    assert actions.cycles == 2 * 74 * 4 + 20 * 3
    assert actions.dram_bytes == 2 * 4 * 64 * (10 + 3 * 64)


def test_a_stream_with_less_than_no_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="-1 frames of a stream are no chunk"):
        Chunk((1, -1))


def test_a_stream_has_sixteen_frames_in_a_chunk_and_not_one_more() -> None:
    assert Chunk((1, 16)).steps == 16
    with pytest.raises(ValueError, match=r"17 frames of a stream are no chunk, .* 0 to 16"):
        Chunk((1, 17))


class Watched(tuple[int, ...]):
    """Lengths that know how often somebody went through all of them."""

    passes = 0

    def __iter__(self) -> Iterator[int]:
        self.passes += 1
        return super().__iter__()


def test_frames_and_steps_of_a_chunk_are_counted_once_for_all_layers() -> None:
    lengths = Watched((3, 0, 1))
    chunk = Chunk(lengths)
    assert (chunk.frames, chunk.steps) == (4, 3)
    counted = lengths.passes
    Actions.of(REFERENCE, STREAMED, chunk)
    assert lengths.passes == counted


@given(any_network, any_form)
def test_a_chunk_without_frames_does_nothing(network: Network, form: Form) -> None:
    for chunk in (Chunk(()), Chunk((0, 0))):
        assert Actions.of(network, form, chunk) == Actions()


@given(any_network, any_form, any_chunk)
def test_lanes_have_room_for_all_macs(network: Network, form: Form, chunk: Chunk) -> None:
    actions = Actions.of(network, form, chunk)
    assert actions.macs <= 128 * actions.broadcasts
    assert actions.broadcasts <= actions.cycles
    assert 0.0 <= actions.utilisation <= 1.0


@given(any_network, any_chunk)
def test_hybrid_is_not_slower_than_serial_where_a_unit_has_three_weights(
    network: Network, chunk: Chunk
) -> None:
    assume(all(inputs + network.hidden >= 3 for inputs in layer_inputs(network)))
    hybrid = network_cycles(network, "hybrid", chunk)
    assert hybrid <= network_cycles(network, "serial", chunk)


@given(st.integers(1, 300), st.integers(1, 300), any_chunk, any_form)
def test_more_inputs_or_units_never_take_fewer_cycles(
    hidden: int, inputs: int, chunk: Chunk, form: Form
) -> None:
    cycles = LayerCycles.of(hidden, inputs, form, chunk).total
    assert LayerCycles.of(hidden, inputs + 1, form, chunk).total >= cycles
    assert LayerCycles.of(hidden + 1, inputs, form, chunk).total >= cycles


@given(any_network, st.integers(1, 12), st.integers(1, 12), any_form)
def test_bytes_of_a_frame_never_grow_with_the_chunk_or_its_streams(
    network: Network, steps: int, streams: int, form: Form
) -> None:
    def bytes_and_frames(chunk: Chunk) -> tuple[int, int]:
        return Actions.of(network, form, chunk).dram_bytes, chunk.frames

    here, frames = bytes_and_frames(Chunk.even(steps, streams))
    for more in (Chunk.even(steps + 1, streams), Chunk.even(steps, streams + 1)):
        there, more_frames = bytes_and_frames(more)
        assert there * frames <= here * more_frames


@given(any_network, any_chunk, any_form)
def test_vectors_and_matrices_differ_in_weight_traffic_and_not_in_multiplying(
    network: Network, chunk: Chunk, form: Form
) -> None:
    together = Actions.of(network, form, chunk)
    alone = Actions.of(network, form, ONE_FRAME)
    assert together.macs == chunk.frames * alone.macs
    assert together.broadcasts == chunk.frames * alone.broadcasts
    assert together.dram_bytes <= chunk.frames * alone.dram_bytes


def test_the_recurrent_weights_cannot_be_shared_over_time_but_over_streams() -> None:
    shared_w, shared_u = 2 * 1_368_576, 2 * 1_769_472
    over_time = Actions.of(REFERENCE, STREAMED, Chunk.even(8, 1))
    over_streams = Actions.of(REFERENCE, STREAMED, Chunk.even(1, 8))
    assert over_time.dram_bytes == shared_w + 8 * shared_u
    assert over_streams.dram_bytes == shared_w + shared_u


@given(any_network, any_chunk)
def test_the_serial_schedule_shares_no_weight(network: Network, chunk: Chunk) -> None:
    form = Form(residency="streamed", schedule="serial")
    alone = Actions.of(network, form, ONE_FRAME)
    assert Actions.of(network, form, chunk).dram_bytes == chunk.frames * alone.dram_bytes


@pytest.mark.parametrize(
    ("layers", "hidden", "inputs", "ratio"),
    [
        (3, 384, 123, "1.01"),
        (3, 421, 123, "1.15"),
        (4, 320, 120, "1.21"),
        (3, 400, 123, "1.24"),
        (1, 32, 32, "3.3"),
    ],
)
def test_what_hybrid_gains_over_serial_depends_on_the_shape(
    layers: int, hidden: int, inputs: int, ratio: str
) -> None:
    network = Network(layers=layers, hidden=hidden, inputs=inputs, classes=40)
    gain = network_cycles(network, "serial") / network_cycles(network, "hybrid")
    assert f"{gain:.{len(ratio) - 2}f}" == ratio


def test_the_output_layer_takes_what_the_specification_says() -> None:
    head = Actions.of_head(REFERENCE, 1)
    assert (head.cycles, head.macs, head.broadcasts) == (388, 62 * 384, 384)
    assert head.neuron_steps == head.dram_bytes == 0
    wide = Network(layers=1, hidden=10, inputs=1, classes=129)
    assert Actions.of_head(wide, 3).cycles == 3 * (2 * 10 + 4)


def test_a_chunks_waiting_sums_need_room_beside_the_weights() -> None:
    assert peak_sram_bytes(REFERENCE, STREAMED, Chunk((8,))) == 262_144 + 73_728
    assert peak_sram_bytes(REFERENCE, HYBRID, Chunk((8,))) == 6_276_096 + 73_728
    serial = Form(residency="streamed", schedule="serial")
    assert peak_sram_bytes(REFERENCE, serial, Chunk((8,))) == 262_144 + 9_216
    small = Network(layers=1, hidden=32, inputs=32, classes=40)
    assert peak_sram_bytes(small, STREAMED, Chunk((0,))) == 2 * 4 * 32 * 64


@given(any_network, any_form, any_chunk, any_chunk)
def test_actions_add_up_field_by_field(
    network: Network, form: Form, first: Chunk, second: Chunk
) -> None:
    one, two = Actions.of(network, form, first), Actions.of(network, form, second)
    both = Actions.sum_of([one, two])
    for each in fields(Actions):
        assert getattr(both, each.name) == getattr(one, each.name) + getattr(two, each.name)
