"""The reference against the worked example of docs/munt-spec-0.md, section 9."""

import numpy as np
import pytest

from vau_backends.muntaniala.array import Tiling
from vau_backends.muntaniala.cell import State, cell, look_up, output, pre_activations, run
from vau_backends.muntaniala.fixedpoint import Sat16
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


def test_the_pre_activations_on_2x2_are_the_worked_ones() -> None:
    sat16 = Sat16()
    a = pre_activations(WEIGHTS, on(2, 2), X, H, sat16)
    assert a.tolist() == [3888, -836, 1780, 8560, 32767, 15264, 940, -3604]
    assert sat16.events == 1  # in the row chain of g of unit 0: 22304 + 20192


def test_one_die_saturates_elsewhere_and_gives_other_bits() -> None:
    sat16 = Sat16()
    a = pre_activations(WEIGHTS, on(1, 1), X, H, sat16)
    assert a.tolist() == [3888, -836, 1780, 8560, 32767, 11007, 940, -3604]
    assert sat16.events == 3  # g: unit 0 at h0 and at h1, unit 1 at x2


def test_plain_sums_are_those_of_the_wrapping_and_the_wide_columns() -> None:
    exact = ROWS[:, :5].astype(int) @ np.concatenate([X, H]) + (ROWS[:, 5].astype(int) << 7)
    assert exact[4:6].tolist() == [42_496, 15_264]
    assert (exact[4] + 2**15) % 2**16 - 2**15 == -23_040


@pytest.mark.parametrize(
    ("columns", "c_new", "h_new"),
    [(2, [4195, -3521], [54, -26]), (1, [4195, -3536], [54, -26])],
)
def test_the_cell_gives_the_worked_state(
    columns: int, c_new: list[int], h_new: list[int]
) -> None:
    sat16 = Sat16()
    a = pre_activations(WEIGHTS, on(columns, columns), X, H, sat16)
    h, c = cell(a, C, sat16)
    assert c.tolist() == c_new
    assert h.tolist() == h_new


def test_the_tables_read_the_worked_values() -> None:
    a_i, a_g = np.array([3888, -836]), np.array([32_767, 15_264])
    assert look_up(SIGMOID, SIGMOID_SHIFT, a_i).tolist() == [2969, 1825]
    assert look_up(TANH, TANH_SHIFT, a_g).tolist() == [4093, 4091]


def test_outside_a_table_its_outermost_entries_go_on() -> None:
    ends = np.array([-32_768, -16_385, 16_384, 32_767])
    assert look_up(TANH, TANH_SHIFT, ends).tolist() == [-4093, -4093, 4093, 4093]


def test_the_two_products_of_c_are_floored_one_by_one() -> None:
    a = np.array([0, 0, -1, -32_768])  # i = f = 2080, g = -64: each product floors down
    _, c = cell(np.array([a[0], a[1], a[2], a[3]]), np.array([-1]), Sat16())
    assert c.tolist() == [-1 + -33]  # one floor over the sum would give -33


def test_a_clamp_of_c_is_an_event() -> None:
    sat16 = Sat16()
    high = np.array([32_767, 32_767, 32_767, 32_767])
    h, c = cell(high, np.array([32_767]), sat16)
    assert (h.tolist(), c.tolist(), sat16.events) == ([127], [32_767], 1)


def test_h_reaches_both_ends_of_eight_bits_and_no_further() -> None:
    highest = np.array([32_767] * 4)
    lowest = np.array([32_767, 32_767, -32_768, 32_767])
    assert cell(highest, np.array([32_767]), Sat16())[0].tolist() == [127]
    assert cell(lowest, np.array([-32_768]), Sat16())[0].tolist() == [-128]


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
        np.array([[54, -26]], np.int8),
        State(np.zeros((1, 1), np.int8), np.zeros((1, 1), np.int16)),
    )
    first_h, first_c = H.astype(np.int8), C.astype(np.int16)
    a = pre_activations(WEIGHTS, on(2, 2), X, H, Sat16())
    assert cell(a, C, Sat16())[0].tolist() == [54, -26]
    padded = LayerWeights(  # the same unit twice, so that both layers have two
        np.repeat(second.w_x, 2, axis=0), np.zeros((8, 2), np.int8), np.zeros(8, np.int8)
    )
    both = run(
        NetworkWeights((WEIGHTS, padded), np.eye(2, dtype=np.int8), np.zeros(2, np.int8)),
        [on(2, 2), Tiling(rows=2, columns=2, hidden=2, inputs=2)],
        X.astype(np.int8)[np.newaxis],
        State(np.array([first_h, [0, 0]], np.int8), np.array([first_c, [0, 0]], np.int16)),
    )
    assert both.logits.tolist() == [[alone.logits[0, 0]] * 2]
    assert both.state.h[0].tolist() == [54, -26]
    assert both.saturations == (1, 0)
