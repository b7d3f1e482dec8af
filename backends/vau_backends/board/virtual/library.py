"""One simulated board in this process: bytes in, clock edges, bytes out."""

import ctypes
from pathlib import Path
from typing import Final, Self

FULL_BYTES: Final = 1 << 16
"""A board is not clocked further while so much of what it said waits to be taken."""

_BOARD: Final = ctypes.c_void_p
_SIGNATURES: Final = {
    "open": (_BOARD, [ctypes.c_uint64, ctypes.c_uint32, ctypes.c_int]),
    "close": (None, [_BOARD]),
    "put": (None, [_BOARD, ctypes.c_char_p, ctypes.c_size_t]),
    "get": (ctypes.c_size_t, [_BOARD, ctypes.c_char_p, ctypes.c_size_t]),
    "run": (ctypes.c_uint64, [_BOARD, ctypes.c_uint64, ctypes.c_size_t]),
    "idle": (ctypes.c_int, [_BOARD]),
    "cycles": (ctypes.c_uint64, [_BOARD]),
    "set_rate": (None, [_BOARD, ctypes.c_uint32]),
    "overrun": (None, [_BOARD]),
    "trace": (None, [_BOARD, ctypes.c_int]),
    "traced": (ctypes.c_size_t, [_BOARD, ctypes.POINTER(ctypes.POINTER(ctypes.c_uint8))]),
    "inject": (None, [_BOARD, *[ctypes.c_int] * 4]),
}


class SimulatedBoard:
    """A board in a library of ``build``. Not for two threads at a time."""

    def __init__(
        self, library: Path, *, serial: int = 0, rate_hz: int = 0, seed: int = 0
    ) -> None:
        """Power it up.

        rate_hz: cycles a second that it says it does. seed: of what was never written.
        """
        self._library = ctypes.CDLL(str(library))
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self._library, f"vau_board_{name}", None)
            if function is not None:
                function.restype, function.argtypes = result, arguments
        self._board = self._library.vau_board_open(serial, rate_hz, seed)

    def put(self, data: bytes) -> None:
        """Hand it bytes, which it takes as it is clocked."""
        self._library.vau_board_put(self._board, data, len(data))

    def get(self) -> bytes:
        """Take what it has said."""
        room = ctypes.create_string_buffer(FULL_BYTES)
        size = self._library.vau_board_get(self._board, room, FULL_BYTES)
        return room.raw[:size]

    def run(self, most_cycles: int) -> int:
        """Clock it until it has nothing to do, and at most so often; return how often."""
        return int(self._library.vau_board_run(self._board, most_cycles, FULL_BYTES))

    @property
    def is_idle(self) -> bool:
        """Whether it has nothing to do: it stands still until something is put."""
        return bool(self._library.vau_board_idle(self._board))

    @property
    def cycles(self) -> int:
        """How often it was clocked since it was powered up."""
        return int(self._library.vau_board_cycles(self._board))

    def say_rate(self, rate_hz: int) -> None:
        """Let INFO say how many cycles a second it does."""
        self._library.vau_board_set_rate(self._board, min(rate_hz, 2**32 - 1))

    def lose_byte(self) -> None:
        """Let its port report, with the next cycle, that it lost a byte."""
        self._library.vau_board_overrun(self._board)

    def trace(self, *, on: bool) -> None:
        """Begin to note the pins of every cycle, or stop and forget them."""
        self._library.vau_board_trace(self._board, on)

    @property
    def traced(self) -> bytes:
        """What was noted: a record per cycle, as sim/board.cpp lays it out."""
        data = ctypes.POINTER(ctypes.c_uint8)()
        size = self._library.vau_board_traced(self._board, ctypes.byref(data))
        return ctypes.string_at(data, size) if size else b""

    def inject(self, die: int, kind: int, where: int = 0, bit: int = 0) -> None:
        """Do a fault, see rtl/die.sv. Only in a library that was built with them."""
        self._library.vau_board_inject(self._board, die, kind, where, bit)

    def close(self) -> None:
        """Power it down. Twice is harmless."""
        if self._board:
            self._library.vau_board_close(self._board)
            self._board = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
