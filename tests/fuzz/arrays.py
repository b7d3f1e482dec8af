"""``.npz`` files whose arrays, headers and zip structure are not what they should be."""

import io
import os
import pickle
import zipfile
from collections.abc import Callable, Mapping
from random import Random
from tokenize import TokenError
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.fuzz.mutate import VALUES, WORDS, mutated
from vau.npz import MOST_DIMENSIONS

BOMB_STATUS: Final = 86
_DTYPES: Final = (
    "f2",
    "f4",
    ">f4",
    "i1",
    "i2",
    "i4",
    "i8",
    "u1",
    "c8",
    "?",
    "S3",
    "U3",
    "M8[s]",
)
_UNREADABLE: Final = (
    *(ValueError, TypeError, EOFError, SyntaxError, TokenError, MemoryError, OverflowError),
)
_BOMB_BYTES: Final = 1 << 24  # what a small entry may claim to unfold to, and does


class Bomb:
    """Ends the process that unpickles it: nothing here may ever be."""

    def __reduce__(self) -> tuple[Callable[[int], Any], tuple[int]]:
        return os._exit, (BOMB_STATUS,)


def npz(random: Random, content: bytes) -> bytes:
    """Return the ``.npz`` of ``content`` with something wrong."""
    if random.random() < 0.35:
        return mutated(random, content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(random.choice((1, 1, 2))):
        entries = random.choice(_CHANGES)(random, entries)
    packed = _zipped(random, entries)
    return mutated(random, packed) if random.random() < 0.15 else packed


def _zipped(random: Random, entries: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    how = random.choice(
        (
            zipfile.ZIP_STORED,
            zipfile.ZIP_STORED,
            *range(8, 9),
            zipfile.ZIP_BZIP2,
            zipfile.ZIP_LZMA,
        )
    )
    with zipfile.ZipFile(packed, "w", how) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return packed.getvalue()


def _changed_array(random: Random, entries: dict[str, bytes]) -> dict[str, bytes]:
    if not entries:
        return entries
    name = random.choice(list(entries))
    try:
        array = np.lib.format.read_array(io.BytesIO(entries[name]), allow_pickle=False)
    except _UNREADABLE:
        return entries  # an earlier change has been there
    if array.ndim > MOST_DIMENSIONS:  # likewise
        return entries
    return entries | {name: _npy(_unlike(random, array))}


def _unlike(random: Random, array: NDArray[Any]) -> NDArray[Any]:
    what = random.randrange(6)
    if what == 0 and array.dtype.kind in "fiu":
        return array.astype(random.choice(_DTYPES[:8]))
    if what == 1:
        return np.zeros(array.shape, random.choice(_DTYPES))
    if what == 2:
        return array.reshape(-1)[: random.randrange(array.size + 1)]
    if what == 3:
        return array[None] if array.ndim else array.reshape(1)
    if what == 4 and array.dtype.kind == "f" and array.size:
        holed = array.copy()
        holed.flat[random.randrange(array.size)] = random.choice((np.nan, np.inf, 0, -1, 6e4))
        return holed
    return array.T.copy()


def _changed_header(random: Random, entries: dict[str, bytes]) -> dict[str, bytes]:
    """Write a header that promises another shape, type or order than there is data for."""
    if not entries:
        return entries
    name = random.choice(list(entries))
    data = entries[name]
    shape = random.choice(
        (
            *("(1000000000000,)", "(4294967296, 4294967296)", "(-1,)", "()", "(0,)", "(2.5,)"),
            *(
                "('a',)",
                "None",
                "(" * 90 + ")" * 90,
                "(" + "1," * 40 + ")",
                "(1 << 40,)",
                "(True,)",
            ),
        )
    )
    kind = random.choice(
        ("<f2", "<f4", "|O", "|V1000000000", "<i4", "[('a', '<f4')]", "x", "<U9")
    )
    order = random.choice(("False", "True", "3"))
    text = f"{{'descr': {kind!r}, 'fortran_order': {order}, 'shape': {shape}, }}"
    header = text.encode().ljust(117) + b"\n"
    version = random.choice((b"\x01\x00", b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x09"))
    length = len(header).to_bytes(2 if version[0] == 1 else 4, "little")
    return entries | {name: b"\x93NUMPY" + version + length + header + data[128:]}


def _pickled(random: Random, entries: dict[str, bytes]) -> dict[str, bytes]:
    name = random.choice([*entries, "extra.npy"])
    if random.random() < 0.3:  # as numpy also reads a bare pickle
        return entries | {name: pickle.dumps(Bomb())}
    file = io.BytesIO()
    np.lib.format.write_array(file, np.array([Bomb()], dtype=object), allow_pickle=True)
    return entries | {name: file.getvalue()}


def _changed_names(random: Random, entries: dict[str, bytes]) -> dict[str, bytes]:
    if not entries:
        return entries
    name = random.choice(list(entries))
    rest = {each: data for each, data in entries.items() if each != name}
    what = random.randrange(4)
    if what == 0:
        return rest
    if what == 1:
        return rest | {random.choice(WORDS)[:200].replace("\0", "") + ".npy": entries[name]}
    if what == 2:
        return entries | {"../" + name: entries[name]}
    return rest | {name.removesuffix(".npy"): entries[name]}


def _bomb(random: Random, entries: dict[str, bytes]) -> dict[str, bytes]:
    """Let a small file unfold to a large array; rarely, for it takes long to make."""
    if random.random() > 0.02 or not entries:
        return _changed_array(random, entries)
    name = random.choice(list(entries))
    return entries | {name: _npy(np.zeros(_BOMB_BYTES // 2, np.float16))}


def _noise(random: Random, entries: dict[str, bytes]) -> dict[str, bytes]:
    if not entries:
        return entries
    name = random.choice(list(entries))
    value = random.choice(VALUES)
    data = str(value).encode(errors="replace") if random.random() < 0.2 else entries[name]
    return entries | {name: mutated(random, data)}


def _npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)
    return file.getvalue()


_CHANGES: Final[tuple[Callable[[Random, dict[str, bytes]], dict[str, bytes]], ...]] = (
    *(_changed_array, _changed_array, _changed_header, _pickled, _changed_names, _bomb, _noise),
)
