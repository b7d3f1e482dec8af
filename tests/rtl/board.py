"""A board of our RTL in this process, with the port for faults that no synthesis sees."""

from enum import IntEnum
from pathlib import Path
from typing import Final

from tests.rtl.marks import rtl_under_test
from vau_backends.board.link.chunks import Chunks
from vau_backends.board.link.frame import Frame
from vau_backends.board.link.info import Info
from vau_backends.board.link.words import Operation
from vau_backends.board.virtual.build import Build, build
from vau_backends.board.virtual.library import SimulatedBoard
from vau_backends.board.virtual.parameters import Parameters

SMALL: Final = Parameters(rows=2, columns=2, units=8, inputs=16, contexts=2, most_payload=256)
AT_A_TIME: Final = 1 << 20  # cycles
RATE_HZ: Final = 1_000_000  # about what it does; time-outs are reckoned with it
ROW: Final = 2  # of the weights, in which bits are flipped


class Fault(IntEnum):
    """What can break within, as rtl/die.sv and sim/board.cpp number it."""

    FLIP_WEIGHTS = 1
    FLIP_ELEMENT = 2
    FLIP_C = 3
    FLIP_TABLE = 4
    FLIP_SUM = 5
    FLIP_ANSWER = 6
    KILL = 7
    MISCOUNT = 8
    MISHEAR = 9


class RtlBoard:
    """Takes bytes in and gives bytes out. Not for two threads at a time."""

    def __init__(
        self,
        parameters: Parameters = SMALL,
        *,
        serial: int = 0x5EED,
        rtl: Path = rtl_under_test,
    ) -> None:
        self._library = build(parameters, Build(has_faults=True, rtl=rtl))
        self._serial = serial
        self._simulated = self._started()
        (answer,) = Chunks().push(self.push(Frame(op=Operation.INFO).encode()))
        assert answer is not None
        self.info = Info.decode(answer.payload)

    def _started(self) -> SimulatedBoard:
        return SimulatedBoard(self._library, serial=self._serial, rate_hz=RATE_HZ)

    def push(self, data: bytes) -> bytes:
        """Take bytes in; return what it says to them."""
        self._simulated.put(data)
        said = bytearray()
        while True:
            cycles = self._simulated.run(AT_A_TIME)
            said += self._simulated.get()
            if self._simulated.is_idle or not cycles:
                return bytes(said)

    def reboot(self) -> None:
        """Take its power away, and give it back; what was broken is whole again."""
        self._simulated.close()
        self._simulated = self._started()

    def flip(self, die: int, bits: int = 1) -> None:
        """Flip bits in one row of the weights of a die."""
        for bit in range(bits):
            self.inject(die, Fault.FLIP_WEIGHTS, ROW, bit)
            self.push(b"\0")  # a delimiter says nothing: the clock alone is wanted

    def inject(self, die: int, kind: Fault, where: int = 0, bit: int = 0) -> None:
        """Do a fault, with the cycles to come."""
        self._simulated.inject(die, kind, where, bit)

    def kill(self, die: int) -> None:
        """Let a die say nothing from now on."""
        self.inject(die, Fault.KILL)

    def miscount(self) -> None:
        """Let it count its cycles wrong from now on."""
        self.inject(0, Fault.MISCOUNT)

    def mishear(self, beat: int, bit: int) -> None:
        """Let the host alone hear a beat wrong: the one of that number among all to come.

        A bit of it is flipped; 8: it is not heard at all.
        """
        self.inject(0, Fault.MISHEAR, beat, bit)

    def close(self) -> None:
        """Take its power away."""
        self._simulated.close()
