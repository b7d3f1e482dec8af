"""The committed tables against their definition, their digests and their symmetry."""

import hashlib
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest
from numpy.typing import NDArray

from vau_backends import tabulated
from vau_backends.muntaniala import tables

Table = NDArray[np.int16]

CASES = {
    "tanh": (
        tables.TANH,
        tabulated.tanh,
        tables.TANH_SHIFT,
        "a06b6191cec87f4fb638983c7dfe48cd5c125ff9a1e8c76b2665331ceec05a2e",
    ),
    "sigmoid": (
        tables.SIGMOID,
        tabulated.sigmoid,
        tables.SIGMOID_SHIFT,
        "8fce6c365cd70aa9cf2579950ebac528ac4e4fa3a729cd2d0cfafb7f75851a6c",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_computing_a_table_anew_gives_the_committed_one(name: str) -> None:
    table, function, shift, _ = CASES[name]
    np.testing.assert_array_equal(tables.compute(function, shift), table)


@pytest.mark.parametrize("name", CASES)
def test_the_digest_is_the_specifications(name: str) -> None:
    table, _, _, digest = CASES[name]
    assert hashlib.sha256(table.astype("<i2").tobytes()).hexdigest() == digest


def test_entries_at_the_ends_and_in_the_middle_are_the_specifications() -> None:
    at = [0, 127, 128, 129, 255]
    assert tables.TANH[at].tolist() == [-4093, -64, 64, 192, 4093]
    assert tables.SIGMOID[at].tolist() == [1, 2016, 2080, 2144, 4095]


def test_the_tables_are_symmetric() -> None:
    np.testing.assert_array_equal(tables.TANH[::-1], -tables.TANH)
    np.testing.assert_array_equal(tables.SIGMOID[::-1], 4096 - tables.SIGMOID)


@pytest.mark.parametrize(("name", "error"), [("tanh", 0.0156), ("sigmoid", 0.0079)])
def test_the_largest_error_is_the_documented_one(name: str, error: float) -> None:
    table, _, shift, _ = CASES[name]
    exact: Callable[[NDArray[np.float64]], NDArray[np.float64]] = (
        np.tanh if name == "tanh" else lambda x: 0.5 + 0.5 * np.tanh(x / 2)
    )
    a = np.arange(-(2**15), 2**15)
    read = table[(a >> shift).clip(-128, 127) + 128] / 4096
    assert np.abs(read - exact(a / 4096)).max() == pytest.approx(error, abs=5e-5)


def test_no_entry_is_near_a_tie() -> None:
    for _, function, shift, _ in CASES.values():
        for k in range(-128, 128):
            exact = 4096 * function((k + Decimal("0.5")) * 2**shift / 4096)
            assert abs(abs(exact % 1) - Decimal("0.5")) > Decimal("0.004")


def test_a_table_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        tables.TANH[0] = 0
