"""The reference against the worked example of docs/rpu-spec-0.md, and its parts alone."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vau_backends.rpu import cell
from vau_backends.rpu.fixedpoint import round_off, saturate, to_s16
from vau_backends.rpu.weights import LayerWeights, NetworkWeights

LAYER = LayerWeights(
    w_x=np.array(
        [
            *([3000, -1500], [-2200, 5100]),
            *([700, 1200], [450, -900]),
            *([5200, -2900], [32767, -32768]),
            *([-1000, 1900], [1500, -400]),
        ],
        np.int16,
    ),
    w_h=np.array(
        [
            *([2500, 800], [900, -1300]),
            *([-600, 1900], [2100, -2800]),
            *([-4100, 3300], [32767, -32768]),
            *([400, -700], [-2400, 800]),
        ],
        np.int16,
    ),
    bias=np.array([30000, -50000, 65536, 65536, 0, 2_000_000, 9000, 21000], np.int32),
    f_x=12,
    f_w=12,
    f_u=13,
)
X = np.array([6144, -2048], np.int64)
STATE = cell.State(np.array([9000, -12000], np.int64), np.array([2048, -9000], np.int64))
WIDE = [479844000, -564485600, 269726656, 394663456]
WIDE += [529708000, 13174987992, -111699200, 215379200]


def test_the_worked_example_comes_out() -> None:
    after = cell.step(LAYER, X, STATE)
    assert after.c.tolist() == [4873, -6876]
    assert after.h.tolist() == [10811, -21084]
    assert after.clamps == 1


def test_its_sums_are_the_specifications() -> None:
    sum_x, sum_h = LAYER.w_x.astype(np.int64) @ X, LAYER.w_h.astype(np.int64) @ STATE.h
    wide = cell.aligned_sum(sum_x, sum_h, LAYER.bias.astype(np.int64), LAYER.alignment)
    assert wide.tolist() == WIDE
    p = cell.pre_activation(wide, LAYER.alignment)
    assert p.tolist() == [3661, -4307, 2058, 3011, 4041, 32767, -852, 1643]
    assert round_off(wide, LAYER.alignment.round_off).max() == 100517


@given(st.integers(-(2**55), 2**55), st.integers(1, 20))
@example(3 << 4, 5)
@example(-(3 << 4), 5)
def test_rounding_goes_to_the_nearest_and_ties_to_even(value: int, bits: int) -> None:
    found = int(round_off(np.array([value], np.int64), bits)[0])
    assert found == round(Fraction(value, 2**bits))


@given(st.integers(-(2**40), 2**40), st.sampled_from([16, 32]))
def test_a_clamp_is_that_of_a_signed_register(value: int, bits: int) -> None:
    found = int(saturate(np.array([value], np.int64), bits)[0])
    assert found == min(max(value, -(2 ** (bits - 1))), 2 ** (bits - 1) - 1)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32), st.integers(8, 15))
def test_a_real_value_is_rounded_once_and_clamped(value: float, bits: int) -> None:
    found = int(to_s16(np.array([value], np.float32), bits)[0])
    assert found == min(max(round(Fraction(value) * 2**bits), -(2**15)), 2**15 - 1)


def test_hidden_values_fit_at_every_corner() -> None:
    corners = np.array([-(2**15), 2**15 - 1], np.int64)
    o = np.array([[0], [1], [32767]], np.int64)
    h = cell.next_hidden(o, corners)
    assert np.abs(h).max() <= 32766


@pytest.mark.parametrize(("f_out", "expected"), [(8, 3), (15, 2**15 + 3)])
def test_a_logit_is_the_sum_rounded_to_sixteen_fraction_bits(f_out: int, expected: int) -> None:
    # V h has f_out + 15 fraction bits: 2**(f_out - 1) of it make one unit of a logit.
    one = 2 ** (f_out - 1)
    weights = NetworkWeights((), np.array([[one]], np.int16), np.array([3], np.int32), f_out)
    h = np.array([0 if f_out == 8 else 2**15], np.int64)
    assert cell.logits(weights, h).tolist() == [expected]
