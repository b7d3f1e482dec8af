"""The RPU's committed tables against their definition, their digests and their symmetry."""

import hashlib
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from vau_backends import tabulated
from vau_backends.rpu import tables

EXACT: Final = {"tanh": tabulated.tanh, "sigmoid": tabulated.sigmoid}
COMMITTED: Final = {"tanh": tables.TANH, "sigmoid": tables.SIGMOID}
DIGESTS: Final = {
    "tanh": "fb07b9fdf1e1944577d79636c69110686bcf3cf1e7b4776aa6e18f9741fa7c4b",
    "sigmoid": "98c7291207925e7a81de937637f6a26c8d2d7292cd836eb30505b50db9928a76",
}
EVERY: Final = np.arange(-(2**15), 2**15, dtype=np.int64)


@pytest.mark.parametrize("name", COMMITTED)
def test_computing_a_table_anew_gives_the_committed_one(name: str) -> None:
    assert tables.compute(EXACT[name]) == COMMITTED[name].tolist()


@pytest.mark.parametrize("name", COMMITTED)
def test_the_digest_is_the_specifications(name: str) -> None:
    assert hashlib.sha256(COMMITTED[name].astype("<i2").tobytes()).hexdigest() == DIGESTS[name]


def test_entries_at_both_ends_are_the_specifications() -> None:
    at = [0, 1, 1022, 1023]
    assert tables.TANH[at].tolist() == [128, 384, 32767, 32767]
    assert tables.SIGMOID[at].tolist() == [16416, 16480, 32757, 32757]


def test_readings_are_symmetric_about_minus_one_half() -> None:
    assert (tables.sigmoid(EVERY) + tables.sigmoid(~EVERY) == 32768).all()
    assert (tables.tanh_of_gate(EVERY) == -tables.tanh_of_gate(~EVERY)).all()
    assert (tables.tanh_of_cell(EVERY) == -tables.tanh_of_cell(~EVERY)).all()


@pytest.mark.parametrize(
    ("read", "exact", "fraction_bits", "error"),
    [
        (tables.sigmoid, lambda x: 0.5 + 0.5 * np.tanh(x / 2), 11, 0.0010),
        (tables.tanh_of_gate, np.tanh, 11, 0.0039),
        (tables.tanh_of_cell, np.tanh, 12, 0.0039),
    ],
    ids=["sigmoid", "tanh of a gate", "tanh of c"],
)
def test_the_largest_error_is_the_documented_one(
    read: Callable[[NDArray[np.int64]], NDArray[np.int64]],
    exact: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    fraction_bits: int,
    error: float,
) -> None:
    found = np.abs(read(EVERY) / 2**15 - exact(EVERY / 2**fraction_bits)).max()
    assert found == pytest.approx(error, abs=5e-5)


def test_no_entry_is_near_a_tie() -> None:
    with localcontext() as context:
        context.prec = tabulated.DIGITS
        for function in EXACT.values():
            for k in range(tables.ENTRIES):
                exact = 32768 * function((k + Decimal("0.5")) / 128)
                assert abs(exact % 1 - Decimal("0.5")) > Decimal("0.00004")


def test_a_table_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        tables.TANH[0] = 0
