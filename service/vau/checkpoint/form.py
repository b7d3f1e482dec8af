"""Values in a row as bytes, and back: what every state of a checkpoint is written in.

    count     whole number from 0: seven bits a byte, the low ones first, the last below 128
    real      IEEE 754 binary64, the low byte first
    octets    count, then so many bytes; a text is octets of UTF-8
    array     values one after another, the low byte of each first; the reader knows the shape

Nothing says what follows: whoever reads calls for the same values in the same order. What is
read comes from a client. The reader takes no value for granted: it either returns one that is
within the bounds it was given, or raises ResumeInvalid; and it never takes more memory than
there are bytes.
"""

from math import prod
from struct import Struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vau.errors import ResumeInvalid

MOST_COUNT: Final = (1 << 63) - 1
MOST_REAL: Final = 1e15
"""Beyond this no sum of ours goes, and nothing overflows that is computed from it."""

_REAL: Final = Struct("<d")
_GROUP_BITS: Final = 7
_MORE: Final = 1 << _GROUP_BITS


class Writer:
    """Values as they are added."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def count(self, value: int) -> None:
        """Add a whole number from 0. Raises ValueError for another."""
        if not 0 <= value <= MOST_COUNT:
            raise ValueError(f"{value} is outside 0..{MOST_COUNT}")
        groups = bytearray()
        while value >= _MORE:
            groups.append(value % _MORE | _MORE)
            value >>= _GROUP_BITS
        groups.append(value)
        self._parts.append(bytes(groups))

    def flag(self, value: bool) -> None:
        """Add a yes or a no."""
        self.count(int(value))

    def real(self, value: float) -> None:
        """Add a number that is finite."""
        self._parts.append(_REAL.pack(value))

    def octets(self, value: bytes) -> None:
        """Add bytes with their number before them."""
        self.count(len(value))
        self._parts.append(value)

    def text(self, value: str) -> None:
        """Add a text."""
        self.octets(value.encode())

    def array(self, values: NDArray[Any], dtype: str) -> None:
        """Add all values of an array as ``dtype``, which must hold each of them exactly."""
        self._parts.append(values.astype(dtype).tobytes())

    def bytes(self) -> bytes:
        """Return all of it."""
        return b"".join(self._parts)


class Reader:
    """The same values, one after the other. Each call raises ResumeInvalid where it cannot."""

    def __init__(self, data: bytes) -> None:
        """Begin at the first byte."""
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes are to come."""
        return len(self._data) - self._at

    def count(self, most: int = MOST_COUNT, least: int = 0) -> int:
        """Return a whole number in ``least..most``."""
        value = shift = 0
        while True:
            (byte,) = self._take(1)
            value |= byte % _MORE << shift
            shift += _GROUP_BITS
            if byte < _MORE:
                break
            if shift >= MOST_COUNT.bit_length():
                raise damaged(f"a number above {MOST_COUNT}")
        if not least <= value <= most:
            raise damaged(f"{value}, which is outside {least}..{most}")
        return value

    def flag(self) -> bool:
        """Return a yes or a no."""
        return self.count(most=1) == 1

    def real(self) -> float:
        """Return a finite number."""
        (value,) = _REAL.unpack(self._take(_REAL.size))
        if not abs(value) <= MOST_REAL:
            raise damaged("a number that is none, or huge")
        return float(value)

    def octets(self, most: int) -> bytes:
        """Return at most so many bytes."""
        return self._take(self.count(most))

    def text(self, most: int) -> str:
        """Return a text of at most so many bytes."""
        try:
            return self.octets(most).decode()
        except UnicodeDecodeError:
            raise damaged("a text that is none") from None

    def array(self, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
        """Return an array in this machine's byte order; floats are finite and not huge."""
        kind = np.dtype(dtype)
        data = self._take(prod(shape) * kind.itemsize)
        values = np.frombuffer(data, kind).reshape(shape).astype(kind.newbyteorder("="))
        if kind.kind == "f" and not (np.abs(values) <= MOST_REAL).all():
            raise damaged("a number that is none, or huge")
        return values

    def check_end(self) -> None:
        """Raise ResumeInvalid if anything is left."""
        if self.left:
            raise damaged(f"{self.left} bytes too many")

    def _take(self, size: int) -> bytes:
        if size > self.left:
            raise damaged(f"{self.left} bytes where {size} were to come")
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken


def damaged(what: str) -> ResumeInvalid:
    """Return the refusal of a state that holds ``what``."""
    return ResumeInvalid(
        f"resume_token: its state holds {what}; start anew", field="config.resume_token"
    )
