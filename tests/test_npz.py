"""Arrays come out of an ``.npz`` as they went in, or it is refused; nothing in it is run."""

import io
import os
import pickle
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from vau.npz import read_npz


def saved(**named: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.savez(file, allow_pickle=True, **named)
    return file.getvalue()


def zipped(data: bytes, name: str = "a.npy", how: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        archive.writestr(name, data)
    return file.getvalue()


def with_header(shape: str, descr: str = "'<f4'", data: bytes = b"", version: int = 1) -> bytes:
    """Return an ``.npz`` of one array that claims to be of this shape and type."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    size = len(header).to_bytes(2 if version == 1 else 4, "little")
    return zipped(b"\x93NUMPY" + bytes([version, 0]) + size + header + data)


@given(
    array=arrays.arrays(
        st.sampled_from(["<f2", "<f4", ">f8", "i1", "<i4", "<u2", "<U3", "?"]),
        arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    ),
    is_fortran=st.booleans(),
)
def test_what_was_saved_is_read(array: NDArray[Any], is_fortran: bool) -> None:
    array = np.asfortranarray(array) if is_fortran and array.ndim else array
    read = read_npz(saved(first=array, second=np.arange(3)))
    assert read["first"].dtype == array.dtype
    np.testing.assert_array_equal(read["first"], array)
    np.testing.assert_array_equal(read["second"], np.arange(3))
    assert not read["first"].flags.writeable


class Trap:
    def __reduce__(self) -> tuple[Any, tuple[int]]:
        return os._exit, (86,)


@pytest.mark.parametrize(
    "content",
    [
        saved(a=np.array([Trap()], dtype=object)),
        zipped(pickle.dumps(Trap())),
        zipped(pickle.dumps(Trap()), name="a"),
    ],
    ids=["object array", "bare pickle", "no array"],
)
def test_a_pickle_is_refused_and_never_run(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"is no \.npz"):
        read_npz(content)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (with_header("(1000000000000,)"), "0 bytes are not float32"),
        (with_header("(4294967296, 4294967296)"), "0 bytes are not float32"),
        (with_header("(-1, -4)", data=bytes(16)), "its shape is"),
        (with_header("(1,)", data=bytes(8)), "8 bytes are not float32"),
        (with_header("(" + "1, " * 40 + ")", data=bytes(4)), "its shape is"),
        (with_header("(2.5,)"), "shape is not valid"),
        (with_header("(" * 150 + ")" * 150), "is no .npz"),
        (with_header("(1,)\n("), "is no .npz"),
        (with_header("(" + "1 ," * 2000), "is no .npz"),
        (with_header("(1,)", "'|O'", bytes(8)), "pickled objects"),
        (with_header("(1,)", version=9), "its version is"),
        (zipped(b"", how=zipfile.ZIP_DEFLATED), "store it as it is"),
        (zipped(b"", how=zipfile.ZIP_BZIP2), "store it as it is"),
        (zipped(b"", how=zipfile.ZIP_LZMA), "store it as it is"),
        (zipped(b"x" * 10), "is no .npz"),
        (saved(a=np.zeros(3))[:-30], "is no .npz"),
        (b"", "is no .npz"),
    ],
)
def test_what_is_damaged_or_lies_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_npz(content)


def test_entries_that_share_their_bytes_are_refused() -> None:
    content = bytearray(saved(a=np.zeros(1000)))
    directory = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    entry = content[directory:end]
    twin = entry.replace(b"a.npy", b"b.npy")
    content[end:end] = twin
    tail = content.index(b"PK\x05\x06")
    content[tail + 8 : tail + 12] = b"\x02\x00\x02\x00"
    content[tail + 12 : tail + 16] = (2 * len(entry)).to_bytes(4, "little")
    with pytest.raises(ValueError, match="larger than the file"):
        read_npz(bytes(content))


def test_two_entries_of_one_name_are_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", b"")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.npy", b"")
    with pytest.raises(ValueError, match="two entries have one name"):
        read_npz(file.getvalue())
