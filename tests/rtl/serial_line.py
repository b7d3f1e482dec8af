"""A board behind its serial pins, and a line to them that may be slow, fast or noisy."""

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from vau_backends.board.link.chunks import Chunks
from vau_backends.board.link.frame import Frame
from vau_backends.board.virtual.build import SERIAL_CLOCK_HZ
from vau_backends.board.virtual.library import SimulatedBoard

MOST_CYCLES: Final = 1 << 22


class SerialBoard(SimulatedBoard):
    """A board of sim/serial.cpp: what is put passes its receiving pin bit by bit."""

    def __init__(  # the last two are what SimulatedBoard takes, and what INFO says is built in
        self, library: Path, baud: float, *, serial: int = 0, seed: int = 0
    ) -> None:
        """Power it up.

        baud: bits a second of the far end, which the board may or may not be built for.
        """
        super().__init__(library, serial=serial, seed=seed)
        self._library.vau_board_set_bit_cycles.argtypes = [ctypes.c_void_p, ctypes.c_double]
        self._library.vau_board_hold.argtypes = [
            ctypes.c_void_p,
            ctypes.c_int,
            ctypes.c_double,
        ]
        self.set_baud(baud)

    def set_baud(self, baud: float) -> None:
        """Let the far end have another rate."""
        self.bit_cycles = SERIAL_CLOCK_HZ / baud
        self._library.vau_board_set_bit_cycles(self._board, self.bit_cycles)

    def hold(self, level: int, bits: float) -> None:
        """Let the line be at a level for so many bits, behind all that was put."""
        self._library.vau_board_hold(self._board, level, bits * self.bit_cycles)

    def answers(self) -> list[Frame | None]:
        """Clock it until it rests and return the frames that it said; None is junk."""
        data = b""
        while self.run(MOST_CYCLES) or not self.is_idle:
            data += self.get()
        return list(Chunks().push(data + self.get()))

    def ask(self, requests: Sequence[Frame]) -> list[Frame | None]:
        """Send all of them at once, and return what comes back."""
        self.put(b"".join(request.encode() for request in requests))
        return self.answers()


class NoisyBoard(SerialBoard):
    """One whose line is now and then pulled low: a spike, a lost stop bit, a break."""

    def __init__(self, library: Path, baud: float, *, serial: int = 0, seed: int = 0) -> None:
        """Disturb a twentieth of what is put, at a place of its own each time."""
        super().__init__(library, baud, serial=serial, seed=seed)
        self._random = np.random.default_rng(17)
        self.disturbed = 0

    def put(self, data: bytes) -> None:
        """Hand it over, disturbed or not."""
        if self._random.random() > 0.05:
            super().put(data)
            return
        self.disturbed += 1
        at = int(self._random.integers(len(data) + 1))
        super().put(data[:at])
        self.hold(0, self._random.uniform(0.1, 15.0))
        self.hold(1, self._random.uniform(0.1, 15.0))
        super().put(data[at:])
