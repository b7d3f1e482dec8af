"""What a refusal means, and what is wrong with a board, in words.

Whatever a driver can put right is an ``Upset``; everything else is an error for the caller.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from vau.errors import BackendFault, DeviceCorrupt, FirmwareMismatch
from vau_backends.board.device.upsets import DieFault, MemoryUpset, OutOfStep
from vau_backends.board.link.frame import Frame
from vau_backends.board.link.junk import Junk
from vau_backends.board.link.payloads import ADDRESS, FaultReport, number
from vau_backends.board.link.words import Operation, Status

T = TypeVar("T")


def check(name: str, request: Frame, reply: Frame) -> None:
    """Raise what a refusal means: an Upset, FirmwareMismatch or BackendFault."""
    op = Operation(request.op).name
    match reply.status:
        case Status.OK:
            return
        case Status.STATE:
            raise OutOfStep
        case Status.MEM:
            where = read(name, partial(number, ADDRESS), reply.payload)
            raise MemoryUpset(reply.die, where >> 24, where & 0xFF_FFFF)
        case Status.FAULT:
            raise DieFault(reply.die, read(name, FaultReport.decode, reply.payload))
        case Status.UNSUPPORTED:
            raise mismatch(name, f"it does not support {op} as it was asked", "operation")
    raise BackendFault(
        f"{name}: it refuses {op} as {Status(reply.status).name}, which this driver "
        "did not expect; report it with the output of vau board check"
    )


def read(name: str, decode: Callable[..., T], payload: bytes, *expected: int) -> T:
    """Read a payload. Raises FirmwareMismatch if it is not of its form."""
    try:
        return decode(payload, *expected)
    except Junk as cause:
        raise mismatch(name, f"{cause}, which is not of vau-link/1", "link") from cause


def mismatch(name: str, what: str, capability: str) -> FirmwareMismatch:
    """Say that a board is not one that can be driven."""
    return FirmwareMismatch(f"{name}: {what}", capability=capability, field="board")


def corrupt(name: str, what: str) -> DeviceCorrupt:
    """Say that a board gave away what cannot be right."""
    return DeviceCorrupt(f"{name}: {what}; do not trust its answers")
