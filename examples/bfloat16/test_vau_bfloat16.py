"""The backend keeps every promise of Vau's port, and rounds as it says."""

import numpy as np

from vau.testing.contract import BackendContract
from vau_bfloat16 import FACTORY, to_bfloat16


class TestBfloat16(BackendContract):
    factory = FACTORY


def test_a_number_half_way_goes_to_the_even_one() -> None:
    above_one = np.array([1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20], np.float32)
    assert to_bfloat16(above_one).tolist() == [1.0, 1 + 2**-6, 1 + 2**-7]
