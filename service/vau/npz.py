"""Arrays out of an ``.npz`` that nobody vouches for.

``numpy.load`` asks for as much memory as a header claims, and raises whatever zipfile, zlib,
lzma, tokenize or numpy happen to. This reads what our own writers write, stored and without
pickled objects: no array is larger than its bytes, and what is wrong is a ValueError.

Ref: numpy.lib.format, versions 1.0 to 3.0 of the header.
"""

import io
import math
import tokenize
import zipfile
from collections.abc import Callable
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

MOST_HEADER_BYTES: Final = 1024  # of one array; those of plain arrays have 128
MOST_DIMENSIONS: Final = 8
_SUFFIX: Final = ".npy"
_IS_ENCRYPTED: Final = 1  # a flag of an entry
_WRONG: Final = (
    *(OSError, EOFError, ValueError, TypeError, SyntaxError, RecursionError, OverflowError),
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError, tokenize.TokenError),
)
"""What zipfile and numpy raise for files that are damaged or meant to harm."""


def read_npz(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of an ``.npz`` by their names, which nobody can write to.

    Raises ValueError unless each is a stored, whole ``.npy`` of numbers, times or texts.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            _check_entries(entries, len(content))
            return {
                entry.filename.removesuffix(_SUFFIX): _array(archive.read(entry))
                for entry in entries
            }
    except _WRONG as cause:
        raise ValueError(f"is no .npz as numpy.savez writes it: {cause}") from cause


def _check_entries(entries: list[zipfile.ZipInfo], size: int) -> None:
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & _IS_ENCRYPTED:
            raise ValueError(
                f"{entry.filename!r} is compressed or encrypted; store it as it is"
            )
        if not entry.filename.endswith(_SUFFIX):
            raise ValueError(f"{entry.filename!r} is no {_SUFFIX}")
    if len({entry.filename for entry in entries}) < len(entries):
        raise ValueError("two entries have one name")
    if sum(entry.file_size for entry in entries) > size:  # as where entries share their bytes
        raise ValueError("its entries are larger than the file")


def _array(data: bytes) -> NDArray[Any]:
    """Return the array of one ``.npy``."""
    file = io.BytesIO(data)
    shape, is_fortran, dtype = _header_reader(file)(file, MOST_HEADER_BYTES)
    if dtype.hasobject:
        raise ValueError("it holds pickled objects")
    if len(shape) > MOST_DIMENSIONS or any(size < 0 for size in shape):
        raise ValueError(f"its shape is {shape}")
    present = len(data) - file.tell()
    if math.prod(shape) * dtype.itemsize != present:
        raise ValueError(f"{present} bytes are not {dtype} {shape}")
    order: Literal["F", "C"] = "F" if is_fortran else "C"
    return np.ndarray(shape, dtype, data, file.tell(), order=order)


_Header = tuple[tuple[int, ...], bool, np.dtype[Any]]


def _header_reader(file: io.BytesIO) -> Callable[[io.BytesIO, int], _Header]:
    """Return what reads the header behind the version, which is read here."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0
    if version in ((2, 0), (3, 0)):  # they differ in names of fields alone
        return np.lib.format.read_array_header_2_0
    raise ValueError(f"its version is {version}")
