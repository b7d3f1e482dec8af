"""The reference against the worked example of docs/munt-spec-0.md, section 9."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from vau_backends.muntaniala.array import Knobs, Tiling
from vau_backends.muntaniala.cell import (
    Accumulator,
    Integers,
    cell,
    look_up,
    output,
    pre_activations,
    run,
)
from vau_backends.muntaniala.fixedpoint import Sat16
from vau_backends.muntaniala.states import States
from vau_backends.muntaniala.tables import SIGMOID, SIGMOID_SHIFT, TANH, TANH_SHIFT
from vau_backends.muntaniala.weights import LayerWeights, NetworkWeights

X = np.array([64, -32, 100])
H = np.array([120, -64])
C = np.array([2048, -6000])
ROWS = np.array(
    [  # W_x, W_h, bias
        [20, -15, 8, 10, 6, 4],  # i of unit 0
        [-12, 30, 5, 7, -9, -8],  # i of unit 1
        [5, 9, -11, -4, 12, 32],  # f
        [3, -6, 10, 15, -20, 32],
        [127, -128, 120, 20, -128, 60],  # g
        [127, -128, 120, -128, 100, 100],
        [-7, 14, 9, 3, -5, 2],  # o
        [11, -3, -25, -18, 6, 5],
    ],
    np.int8,
)
WEIGHTS = LayerWeights(ROWS[:, :3], ROWS[:, 3:5], ROWS[:, 5])


def on(rows: int, columns: int) -> Tiling:
    return Tiling(rows=rows, columns=columns, hidden=2, inputs=3)


def sums_on(side: int, knobs: Knobs, sat16: Sat16) -> Integers:
    return pre_activations(WEIGHTS, on(side, side), X, H, Accumulator.of(knobs, sat16))


def test_the_pre_activations_on_2x2_are_the_worked_ones() -> None:
    sat16 = Sat16()
    a = sums_on(2, Knobs(), sat16)
    assert a.tolist() == [3888, -836, 1780, 8560, 32767, 15264, 940, -3604]
    assert sat16.events == 1  # in the row chain of g of unit 0: 22304 + 20192


def test_one_die_saturates_elsewhere_and_gives_other_bits() -> None:
    sat16 = Sat16()
    a = sums_on(1, Knobs(), sat16)
    assert a.tolist() == [3888, -836, 1780, 8560, 32767, 11007, 940, -3604]
    assert sat16.events == 3  # g: unit 0 at h0 and at h1, unit 1 at x2


@pytest.mark.parametrize("side", [1, 2])
@pytest.mark.parametrize(
    ("acc", "of_unit_0", "events"), [("wrap", -23_040, 0), ("wide", 32_767, 1)]
)
def test_wrapping_and_wide_sums_do_not_depend_on_the_tiling(
    side: int, acc: Literal["wrap", "wide"], of_unit_0: int, events: int
) -> None:
    sat16 = Sat16()
    a = sums_on(side, Knobs(acc=acc), sat16)
    assert a.tolist() == [3888, -836, 1780, 8560, of_unit_0, 15264, 940, -3604]
    assert sat16.events == events


@pytest.mark.parametrize(
    ("acc", "side", "c_new", "h_new"),
    [
        ("sat", 2, [4195, -3521], [54, -26]),
        ("sat", 1, [4195, -3536], [54, -26]),
        ("wrap", 2, [-1738, -3521], [-29, -26]),
        ("wrap", 1, [-1738, -3521], [-29, -26]),
        ("wide", 2, [4195, -3521], [54, -26]),
        ("wide", 1, [4195, -3521], [54, -26]),
    ],
)
def test_the_cell_gives_the_worked_state(
    acc: Literal["sat", "wrap", "wide"], side: int, c_new: list[int], h_new: list[int]
) -> None:
    a = sums_on(side, Knobs(acc=acc), Sat16())
    h, c = cell(WEIGHTS, a, C, Sat16())
    assert c.tolist() == c_new
    assert h.tolist() == h_new


def test_with_peepholes_i_and_f_see_the_old_c_and_o_the_new_one() -> None:
    """Worked by hand, from the pre-activations of 2x2 dies.

    unit  c * p >> 5 for i, f   a_i, entry   a_f, entry   c'     c' * p >> 5   a_o, entry
    0      6144,   -64          10032, 3776   1716, 2458   5002   5002          5942, 3330
    1    -23813, 24000         -24649,   10  32560, 4095  -5990  23960         20356, 4068
    """
    seeing = replace(WEIGHTS, peephole=np.array([96, 127, -1, -128, 32, -128], np.int8))
    h, c = cell(seeing, sums_on(2, Knobs(), Sat16()), C, Sat16())
    assert c.tolist() == [5002, -5990]
    assert h.tolist() == [87, -114]


def test_a_clamp_by_a_peephole_is_an_event() -> None:
    seeing = replace(WEIGHTS, peephole=np.full(6, 127, np.int8))
    high, low = np.full(8, 32_000), np.full(2, 32_000)
    sat16 = Sat16()
    cell(seeing, high, low, sat16)
    assert sat16.events == 8  # of each unit: i, f, the new c, and o


def test_the_tables_read_the_worked_values() -> None:
    a_i, a_g = np.array([3888, -836]), np.array([32_767, 15_264])
    assert look_up(SIGMOID, SIGMOID_SHIFT, a_i).tolist() == [2969, 1825]
    assert look_up(TANH, TANH_SHIFT, a_g).tolist() == [4093, 4091]


def test_outside_a_table_its_outermost_entries_go_on() -> None:
    ends = np.array([-32_768, -16_385, 16_384, 32_767])
    assert look_up(TANH, TANH_SHIFT, ends).tolist() == [-4093, -4093, 4093, 4093]


def test_the_two_products_of_c_are_floored_one_by_one() -> None:
    a = np.array([0, 0, -1, -32_768])  # i = f = 2080, g = -64: each product floors down
    _, c = cell(WEIGHTS, a, np.array([-1]), Sat16())
    assert c.tolist() == [-1 + -33]  # one floor over the sum would give -33


def test_a_clamp_of_c_is_an_event() -> None:
    sat16 = Sat16()
    high = np.array([32_767, 32_767, 32_767, 32_767])
    h, c = cell(WEIGHTS, high, np.array([32_767]), sat16)
    assert (h.tolist(), c.tolist(), int(sat16.events)) == ([127], [32_767], 1)


def test_h_reaches_both_ends_of_eight_bits_and_no_further() -> None:
    highest = np.array([32_767] * 4)
    lowest = np.array([32_767, 32_767, -32_768, 32_767])
    assert cell(WEIGHTS, highest, np.array([32_767]), Sat16())[0].tolist() == [127]
    assert cell(WEIGHTS, lowest, np.array([-32_768]), Sat16())[0].tolist() == [-128]


def test_the_output_layer_is_exact_beyond_16_bits() -> None:
    w_out = np.full((1, 100), -128, np.int8)
    weights = NetworkWeights((), w_out, np.array([-3], np.int8))
    assert output(weights, np.full(100, -128)).tolist() == [100 * 2**14 - 3 * 128]


def test_the_next_layer_reads_the_h_of_this_step() -> None:
    second = LayerWeights(
        np.full((4, 2), 7, np.int8), np.zeros((4, 1), np.int8), np.zeros(4, np.int8)
    )
    alone = run(
        NetworkWeights((second,), np.ones((1, 1), np.int8), np.zeros(1, np.int8)),
        [Tiling(rows=1, columns=1, hidden=1, inputs=2)],
        Knobs(),
        np.array([[[54, -26]]], np.int8),
        States(np.zeros((1, 1, 1), np.int8), np.zeros((1, 1, 1), np.int16)),
    )
    padded = LayerWeights(  # the same unit twice, so that both layers have two
        np.repeat(second.w_x, 2, axis=0), np.zeros((8, 2), np.int8), np.zeros(8, np.int8)
    )
    both = run(
        NetworkWeights((WEIGHTS, padded), np.eye(2, dtype=np.int8), np.zeros(2, np.int8)),
        [on(2, 2), Tiling(rows=2, columns=2, hidden=2, inputs=2)],
        Knobs(),
        X.astype(np.int8)[np.newaxis, np.newaxis],
        States(np.array([[H, [0, 0]]], np.int8), np.array([[C, [0, 0]]], np.int16)),
    )
    assert both.logits.tolist() == [[[alone.logits[0, 0, 0]] * 2]]
    assert both.states.h[0, 0].tolist() == [54, -26]
    assert both.saturations.tolist() == [[1, 0]]


@pytest.mark.parametrize("acc", ["sat", "wrap", "wide"])
def test_streams_side_by_side_are_as_each_alone(acc: Literal["sat", "wrap", "wide"]) -> None:
    rng = np.random.default_rng(9)
    weights = NetworkWeights(
        (replace(WEIGHTS, peephole=np.array([-60, -40, -20, 0, 20, 40], np.int8)),),
        np.eye(2, dtype=np.int8),
        np.zeros(2, np.int8),
    )
    x = rng.integers(-128, 128, (5, 6, 3)).astype(np.int8)
    states = States(
        rng.integers(-128, 128, (5, 1, 2)).astype(np.int8),
        rng.integers(-32_768, 32_768, (5, 1, 2)).astype(np.int16),
    )
    together = run(weights, [on(2, 2)], Knobs(acc=acc), x, states)
    for n in range(5):
        one = slice(n, n + 1)
        alone_at = States(states.h[one], states.c[one])
        alone = run(weights, [on(2, 2)], Knobs(acc=acc), x[one], alone_at)
        np.testing.assert_array_equal(together.logits[one], alone.logits)
        np.testing.assert_array_equal(together.states.h[one], alone.states.h)
        np.testing.assert_array_equal(together.states.c[one], alone.states.c)
        np.testing.assert_array_equal(together.saturations[one], alone.saturations)
    assert len(set(together.saturations.ravel().tolist())) > 1  # each counts its own
