"""The vocabulary of the protocol: operations, statuses, regions, capabilities.

Ref: docs/vau-link-1.md, sections 4 and 5.
"""

from enum import IntEnum, IntFlag
from typing import Final

VERSION: Final = 1
REPLY: Final = 0x80  # bit 7 of ``op``
JUNK_ANSWER: Final = 0xFF
"""``op`` of what a board says to what is no frame."""

NO_DIE: Final = 0xFF
MOST_SEQUENCE: Final = 0xFFFF
STEP_MODULUS: Final = 1 << 24


class Operation(IntEnum):
    """What a host asks for."""

    INFO = 0x01
    OPEN = 0x02
    CLOSE = 0x03
    CONFIG = 0x10
    WRITE = 0x11
    READ = 0x12
    SUM = 0x13
    STEP = 0x20
    STEP_N = 0x21
    STATE_RESET = 0x22
    STATE_GET = 0x23
    STATE_SET = 0x24
    TELEM = 0x30
    RESET = 0x3F


OUTSIDE_THE_ORDER: Final = frozenset({Operation.INFO, Operation.OPEN, Operation.RESET})
PIPELINED: Final = frozenset({Operation.WRITE})
"""Class A: several may be unanswered at a time."""


class Status(IntEnum):
    """What became of a request."""

    OK = 0
    BUSY = 1
    CRC = 2
    SEQ = 3
    SESSION = 4
    RANGE = 5
    STATE = 6
    UNSUPPORTED = 7
    OVERRUN = 8
    MEM = 9
    FAULT = 10
    VERSION = 11


TAKES_NUMBER: Final = frozenset(
    {
        *(Status.OK, Status.RANGE, Status.STATE, Status.UNSUPPORTED),
        *(Status.MEM, Status.FAULT),
    }
)
"""Those after which the board expects the next number."""


class Region(IntEnum):
    """Memories of a die."""

    WEIGHTS = 0
    BIASES = 1
    FEATURES = 2
    HIDDEN = 3
    TABLES = 4
    TRACE = 5


class Kind(IntEnum):
    """What a board is made of."""

    SIMULATION = 0
    FPGA = 1
    SOFTWARE = 2


class Capability(IntFlag):
    """What a board may do beyond what all do. Unknown bits say nothing."""

    STEP_N = 1 << 0
    SUM = 1 << 1
    STATE_IO = 1 << 2
    MEM_PARITY = 1 << 3
    LINK_PARITY = 1 << 4
    TRACE = 1 << 5
    TEMP = 1 << 6
    VOLT = 1 << 7
    POWER = 1 << 8


PHASES: Final = (
    *("idle", "X", "BIAS", "MAC", "DRAIN", "PSUM"),
    *("ACT", "ACT drain", "CELL", "CELL drain", "H"),
)
CAUSES: Final = {1: "a beat between dies was bad or missing", 2: "the watchdog fired"}


def address(first: int, number: int) -> int:
    """Return ``addr``: a region or context in the top byte, a row, step or offset below."""
    return first << 24 | number


def after(sequence: int) -> int:
    """Return the number behind ``sequence``: 1 follows 65535, and 0 is none."""
    return 1 if sequence == MOST_SEQUENCE else sequence + 1
