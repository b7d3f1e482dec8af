"""The formats and their one way to run out of range."""

import numpy as np
import pytest

from vau_backends.muntaniala.fixedpoint import (
    ACCUMULATOR_FRACTION_BITS,
    BIAS_SHIFT,
    HIDDEN_SHIFT,
    Sat16,
    to_s8,
)


def test_a_product_of_weight_and_activation_has_the_accumulators_point() -> None:
    assert (ACCUMULATOR_FRACTION_BITS, BIAS_SHIFT, HIDDEN_SHIFT) == (12, 7, 17)


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
