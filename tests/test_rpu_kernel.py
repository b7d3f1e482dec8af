"""Every tier equals the reference to the bit and to the event, in any chunk and order."""

import threading
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rpu_cases import STYLES, TIERS, Case, Shape, assert_equal, make
from vau_backends.rpu.kernel import Answer, States, open_kernel
from vau_backends.rpu.weights import LayerWeights, NetworkWeights

SHAPES = st.builds(
    Shape,
    layers=st.integers(1, 3),
    hidden=st.integers(1, 40),
    inputs=st.integers(1, 20),
    style=st.sampled_from(STYLES),
    f_x=st.integers(8, 15),
    classes=st.sampled_from([1, 3, 62, 64, 65, 130]),
)
SEEDS = st.integers(0, 2**32)
LENGTHS = st.lists(st.integers(0, 5), min_size=1, max_size=5)
SEGMENT: Final = 510  # elements whose products 32 bits hold, see native/pairs.h


@settings(max_examples=200, deadline=None)
@given(seed=SEEDS, shape=SHAPES, lengths=LENGTHS)
def test_every_tier_equals_the_reference(seed: int, shape: Shape, lengths: list[int]) -> None:
    case = make(seed, lengths, shape)
    expected = case.run("reference")
    for tier in TIERS:
        assert_equal(case.run(tier), expected)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("style", STYLES)
def test_they_agree_at_the_size_of_the_published_kind_of_network(style: str, tier: str) -> None:
    shape = Shape(layers=2, hidden=384, inputs=123, style=style)  # type: ignore[arg-type]
    case = make(5, (3, 1), shape)
    assert_equal(case.run(tier), case.run("reference"))


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("lengths", [(90,), (1,) * 70, (5,) * 20, (40, 0, 3, 40, 1), (), (0,)])
def test_they_agree_however_many_frames_and_streams_a_call_has(
    lengths: tuple[int, ...], tier: str
) -> None:
    case = make(7, lengths or (2,), Shape(hidden=18))
    if lengths:
        assert_equal(case.run(tier), case.run("reference"))
    else:
        found = open_kernel(case.weights, tier).run(case.inputs[0][:0], [], case.states, [])
        assert found.logits.shape == (0, 3)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(
    "inputs", [SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT + 1, 2**14, 33_100]
)
@pytest.mark.parametrize("x", [-32_768, -32_640, -129, -128, 127, 128, 255, 32_767])
@pytest.mark.parametrize("w", [-32_768, 255, 32_767])
def test_the_longest_sums_of_the_largest_products_are_exact(
    w: int, x: int, inputs: int, tier: str
) -> None:
    """All products alike: 32 bits that are too few for them give another sum, or sign."""
    layer = LayerWeights(
        np.full((4, inputs), w, np.int16),
        np.zeros((4, 1), np.int16),
        np.zeros(4, np.int32),
        f_x=15,
        f_w=15,
        f_u=15,
    )
    case = Case(
        weights=NetworkWeights(
            (layer,), np.full((1, 1), 32_767, np.int16), np.zeros(1, np.int32), 15
        ),
        inputs=[np.full((1, inputs), x, np.int16)],
        states=States(np.zeros((1, 1, 1), np.int16), np.zeros((1, 1, 1), np.int16)),
    )
    assert_equal(case.run(tier), case.run("reference"))


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, lengths=LENGTHS, data=st.data())
def test_the_order_of_streams_changes_no_bit(
    seed: int, lengths: list[int], data: st.DataObject
) -> None:
    case, tier = make(seed, lengths, Shape()), data.draw(st.sampled_from(TIERS))
    order = data.draw(st.permutations(range(len(lengths))))
    (found, states), (expected, expected_states) = case.run(tier, order), case.run(tier)
    ends = np.cumsum(lengths)
    by_stream = np.split(expected.logits, ends[:-1])
    np.testing.assert_array_equal(found.logits, np.concatenate([by_stream[n] for n in order]))
    np.testing.assert_array_equal(found.saturations, expected.saturations[order])
    np.testing.assert_array_equal(states.h, expected_states.h)
    np.testing.assert_array_equal(states.c, expected_states.c)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, length=st.integers(1, 9), cut=st.integers(0, 9), tier=st.sampled_from(TIERS))
def test_where_a_chunk_is_cut_changes_no_bit(
    seed: int, length: int, cut: int, tier: str
) -> None:
    case = make(seed, (length,), Shape())
    whole, whole_states = case.run(tier)
    network, states = open_kernel(case.weights, tier), case.states
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
    for tier in TIERS:
        assert_equal(case.run(tier), shuffled.run(tier))


@pytest.mark.parametrize("tier", [*TIERS, "reference"])
def test_streams_that_take_no_part_keep_their_state(tier: str) -> None:
    case = make(9, (2, 2, 2), Shape())
    states = States(case.states.h.copy(), case.states.c.copy())
    open_kernel(case.weights, tier).run(case.inputs[1], [2], states, [1])
    for before, after in ((case.states.h, states.h), (case.states.c, states.c)):
        np.testing.assert_array_equal(after[[0, 2]], before[[0, 2]])
        assert (after[1] != before[1]).any()


@pytest.mark.parametrize("tier", TIERS)
def test_a_logit_that_32_bits_do_not_hold_stays_at_its_rail(tier: str) -> None:
    case = make(4, (3,), Shape(classes=2, style="extreme"))
    case.weights.w_out[:] = 32_767
    case.weights.b_out[:] = (2**31 - 1, -(2**31))
    found, expected = case.run(tier)[0].logits, case.run("reference")[0].logits
    np.testing.assert_array_equal(found, expected)
    assert {2**31 - 1, -(2**31)} <= set(found.ravel().tolist())


def test_large_weights_saturate_and_small_ones_do_not() -> None:
    counts = {
        style: make(3, (20,), Shape(style=style)).run("reference")[0].saturations.sum()
        for style in STYLES
    }
    assert counts["small"] < counts["large"] < counts["extreme"]
    assert counts["extreme"] > 100


@pytest.mark.parametrize("tier", TIERS)
def test_two_networks_run_side_by_side(tier: str) -> None:
    """The C lets go of the interpreter, so threads do meet in it."""
    cases = [make(seed, (6,) * 9, Shape(layers=2, hidden=96)) for seed in range(2)]
    expected = [case.run("reference") for case in cases]
    found: list[list[tuple[Answer, States]]] = [[] for _ in cases]

    def run(n: int) -> None:
        found[n].extend(cases[n].run(tier) for _ in range(5))

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(cases))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n, answers in enumerate(found):
        assert len(answers) == 5
        for answer in answers:
            assert_equal(answer, expected[n])
