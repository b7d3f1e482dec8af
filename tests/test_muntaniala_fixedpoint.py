"""The formats and their one way to run out of range."""

import numpy as np
import pytest

from vau_backends.muntaniala.fixedpoint import (
    ACCUMULATOR_FRACTION_BITS,
    BIAS_SHIFT,
    HIDDEN_SHIFT,
    PEEPHOLE_SHIFT,
    Sat16,
    to_s8,
    wrap16,
)


def test_a_product_of_weight_and_activation_has_the_accumulators_point() -> None:
    assert (ACCUMULATOR_FRACTION_BITS, BIAS_SHIFT, HIDDEN_SHIFT) == (12, 7, 17)


def test_a_product_of_peephole_and_c_loses_the_weights_fraction_bits() -> None:
    assert PEEPHOLE_SHIFT == 5


@pytest.mark.parametrize(
    ("value", "bits"),
    [
        (0.5 / 32, 0),
        (1.5 / 32, 2),
        (2.5 / 32, 2),
        (-0.5 / 32, 0),
        (-1.5 / 32, -2),
        (126.5 / 32, 126),
        (127.5 / 32, 127),
        (3.4e38, 127),
        (-128.5 / 32, -128),
        (-129 / 32, -128),
    ],
)
def test_quantising_rounds_ties_to_even_then_clamps(value: float, bits: int) -> None:
    assert to_s8(np.array([value], np.float32), fraction_bits=5) == bits


def test_an_event_is_a_clamp_that_changes_a_value() -> None:
    sat16 = Sat16()
    exact = np.array([-32_769, -32_768, 0, 32_767, 32_768, 99_999])
    np.testing.assert_array_equal(sat16(exact), [-32_768, -32_768, 0, 32_767, 32_767, 32_767])
    assert sat16.events == 3
    sat16(exact)
    assert sat16.events == 6


def test_events_are_counted_by_stream() -> None:
    sat16 = Sat16()
    sat16(np.array([[40_000, 0, -40_000], [0, 0, 0], [0, 32_768, 0]]))
    sat16(np.array([[0], [99_999], [0]]))
    np.testing.assert_array_equal(sat16.events, [2, 1, 1])


def test_wrapping_keeps_the_remainder_modulo_two_to_the_sixteenth() -> None:
    exact = np.array([-98_304, -32_769, -32_768, -1, 0, 32_767, 32_768, 42_496, 65_536])
    found = wrap16(exact)
    np.testing.assert_array_equal(
        found, [-32_768, 32_767, -32_768, -1, 0, 32_767, -32_768, -23_040, 0]
    )
    np.testing.assert_array_equal(found, exact.astype(np.int16))
