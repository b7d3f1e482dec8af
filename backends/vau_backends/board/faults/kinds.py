"""Every way in which the way to a board, or the board, goes wrong here.

A fault of bytes or frames spoils one frame and is over; a driver has to get the same bits in
spite of it. A slow one lasts, and may end as a typed error as well.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Way(Enum):
    """In which direction a fault strikes."""

    DOWN = "to the board"
    UP = "from the board"


class Fast(Enum):
    """Faults of bytes and frames."""

    FLIP = "bits are flipped"
    DROP_BYTES = "bytes are missing"
    DROP_FRAME = "a frame is missing"
    DUPLICATE = "a frame comes twice"
    TRUNCATE = "a frame ends early"
    LOSE_DELIMITER = "a frame is not set off from the next"
    INSERT_DELIMITER = "a frame is cut in two"
    JUNK = "boot text or noise stands before a frame"
    SPLIT = "a frame comes byte by byte"
    MERGE = "frames come late and all at once"


class Slow(Enum):
    """Faults that last."""

    LATE = "answers come 300 ms late"
    CLOGGED = "nothing is taken in for 300 ms"
    OVERRUN = "the port lost bytes, the board says"
    BUSY = "the board says busy a few times"
    BUSY_FOREVER = "the board says busy until it is given up"
    HANG = "one direction is silent"
    UNPLUG = "the cable is pulled, and put back"
    RESTART = "the board restarts"
    STOLEN = "another driver opens the board"
    MEM = "a parity error voids a step"
    FAULT = "a beat between dies is missing, once"
    DEAD_DIE = "a beat between dies is missing, every time"
    MISCOUNT = "a step takes a cycle more than it should"
    FOREIGN = "another board is plugged in"
    DEADLINE = "the caller has less time than it takes"


Kind = Fast | Slow

MAY_FAIL: Final = frozenset(
    {
        *(Slow.BUSY_FOREVER, Slow.HANG, Slow.UNPLUG, Slow.DEAD_DIE, Slow.MISCOUNT),
        *(Slow.FOREIGN, Slow.DEADLINE),
    }
)
"""Those that a typed error may answer. After all others the bits have to come."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One of them, on its way."""

    kind: Kind
    way: Way = Way.DOWN
