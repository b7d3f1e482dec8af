"""The fast path equals the reference to the bit and to the event, in any chunk and order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rpu_cases import STYLES, Shape, assert_equal, make
from vau_backends.rpu.network import States, open_network

SHAPES = st.builds(
    Shape,
    layers=st.integers(1, 3),
    hidden=st.integers(1, 24),
    inputs=st.integers(1, 20),
    style=st.sampled_from(STYLES),
    f_x=st.integers(8, 15),
)
SEEDS = st.integers(0, 2**32)
LENGTHS = st.lists(st.integers(0, 5), min_size=1, max_size=5)


@settings(max_examples=200, deadline=None)
@given(seed=SEEDS, shape=SHAPES, lengths=LENGTHS)
def test_products_in_float64_equal_the_reference(
    seed: int, shape: Shape, lengths: list[int]
) -> None:
    case = make(seed, lengths, shape)
    assert_equal(case.run("numpy"), case.run("reference"))


@pytest.mark.parametrize("style", STYLES)
def test_they_agree_at_the_size_of_the_published_kind_of_network(style: str) -> None:
    shape = Shape(layers=2, hidden=384, inputs=123, style=style)  # type: ignore[arg-type]
    case = make(5, (3, 1), shape)
    assert_equal(case.run("numpy"), case.run("reference"))


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, lengths=LENGTHS, data=st.data())
def test_the_order_of_streams_changes_no_bit(
    seed: int, lengths: list[int], data: st.DataObject
) -> None:
    case = make(seed, lengths, Shape())
    order = data.draw(st.permutations(range(len(lengths))))
    (found, states), (expected, expected_states) = case.run("numpy", order), case.run("numpy")
    ends = np.cumsum(lengths)
    by_stream = np.split(expected.logits, ends[:-1])
    np.testing.assert_array_equal(found.logits, np.concatenate([by_stream[n] for n in order]))
    np.testing.assert_array_equal(found.saturations, expected.saturations[order])
    np.testing.assert_array_equal(states.h, expected_states.h)
    np.testing.assert_array_equal(states.c, expected_states.c)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, length=st.integers(1, 9), cut=st.integers(0, 9))
def test_where_a_chunk_is_cut_changes_no_bit(seed: int, length: int, cut: int) -> None:
    case = make(seed, (length,), Shape())
    whole, whole_states = case.run("numpy")
    network, states = open_network(case.weights, "numpy"), case.states
    parts = [
        network.run(part, [len(part)], states, [0])
        for part in np.split(case.inputs[0], [min(cut, length)])
    ]
    np.testing.assert_array_equal(np.concatenate([p.logits for p in parts]), whole.logits)
    np.testing.assert_array_equal(sum(p.saturations for p in parts), whole.saturations)
    np.testing.assert_array_equal(states.c, whole_states.c)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, data=st.data())
def test_the_order_of_a_sum_changes_no_bit(seed: int, data: st.DataObject) -> None:
    shape = Shape(layers=1, hidden=6, inputs=9)
    case = make(seed, (4,), shape)
    order = data.draw(st.permutations(range(shape.inputs)))
    (layer,) = case.weights.layers
    shuffled = make(seed, (4,), shape)
    layer.w_x[:] = layer.w_x[:, order]
    case.inputs[0][:] = case.inputs[0][:, order]
    assert_equal(case.run("numpy"), shuffled.run("numpy"))


@pytest.mark.parametrize("tier", ["numpy", "reference"])
def test_streams_that_take_no_part_keep_their_state(tier: str) -> None:
    case = make(9, (2, 2, 2), Shape())
    states = States(case.states.h.copy(), case.states.c.copy())
    open_network(case.weights, tier).run(case.inputs[1], [2], states, [1])
    for before, after in ((case.states.h, states.h), (case.states.c, states.c)):
        np.testing.assert_array_equal(after[[0, 2]], before[[0, 2]])
        assert (after[1] != before[1]).any()


def test_large_weights_saturate_and_small_ones_do_not() -> None:
    counts = {
        style: make(3, (20,), Shape(style=style)).run("reference")[0].saturations.sum()
        for style in STYLES
    }
    assert counts["small"] < counts["large"] < counts["extreme"]
    assert counts["extreme"] > 100
