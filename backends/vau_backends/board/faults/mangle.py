"""What faults do to one frame: bytes in, pieces out, each with how long it is kept back."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Final

from vau_backends.board.faults.kinds import Fast
from vau_backends.board.link.frame import DELIMITER, Frame
from vau_backends.board.link.payloads import (
    ADDRESS,
    COUNT,
    STEP_HEAD,
    FaultReport,
)
from vau_backends.board.link.words import JUNK_ANSWER, REPLY, Region, Status, address

Piece = tuple[float, bytes]
"""Seconds from now, and bytes."""

MERGE_S: Final = 0.01
LEAST_FLIPS, MOST_FLIPS = -5.0, -1.7  # of all bits, as powers of ten: 1e-5 to 2e-2
BOOT_TEXT: Final = b"\r\nBootloader 1.4 (Mar 3) CRC ok, starting...\r\n"
MOST_JUNK: Final = 300


def mangled(kind: Fast, chunk: bytes, rng: Random) -> list[Piece]:
    """Return what becomes of the frame that is ``chunk`` between its delimiters."""
    whole = DELIMITER + chunk + DELIMITER
    match kind:
        case Fast.DROP_FRAME:
            return []
        case Fast.DUPLICATE:
            return [(0.0, whole), (rng.choice((0.0, 0.004)), whole)]
        case Fast.SPLIT:
            return [(0.0, bytes([byte])) for byte in whole]
        case Fast.MERGE:
            return [(MERGE_S, whole)]
    return [(0.0, _SPOILT[kind](whole, rng))]


def _without_some(whole: bytes, rng: Random) -> bytes:
    gone = set(rng.sample(range(len(whole)), min(len(whole), rng.randint(1, 8))))
    return bytes(byte for at, byte in enumerate(whole) if at not in gone)


def _cut_short(whole: bytes, rng: Random) -> bytes:
    return whole[: rng.randrange(1, len(whole) - 1)]


def _unlimited(whole: bytes, rng: Random) -> bytes:
    return rng.choice((whole[1:-1], whole[1:], whole[:-1]))


def _cut_in_two(whole: bytes, rng: Random) -> bytes:
    at = rng.randrange(1, len(whole))
    return whole[:at] + DELIMITER + whole[at:]


def _behind_junk(whole: bytes, rng: Random) -> bytes:
    return rng.choice((BOOT_TEXT, rng.randbytes(rng.randint(1, MOST_JUNK)))) + whole


def _flipped(data: bytes, rng: Random) -> bytes:
    share = 10 ** rng.uniform(LEAST_FLIPS, MOST_FLIPS)
    spoilt = bytearray(data)
    bits = [bit for bit in range(8 * len(data)) if rng.random() < share]
    for bit in bits or [rng.randrange(8 * len(data))]:
        spoilt[bit // 8] ^= 1 << bit % 8
    return bytes(spoilt)


_SPOILT: Final[Mapping[Fast, Callable[[bytes, Random], bytes]]] = {
    Fast.FLIP: _flipped,
    Fast.DROP_BYTES: _without_some,
    Fast.TRUNCATE: _cut_short,
    Fast.LOSE_DELIMITER: _unlimited,
    Fast.INSERT_DELIMITER: _cut_in_two,
    Fast.JUNK: _behind_junk,
}


# --- what a board would say ---------------------------------------------------------------


def busy(request: Frame, retry_ms: int) -> Frame:
    """Return what a board says that has no time."""
    return _refusal(request, Status.BUSY, COUNT.pack(retry_ms))


def parity_error(request: Frame, die: int) -> Frame:
    """Return what a board says whose memory has lost a bit."""
    reply = _refusal(request, Status.MEM, ADDRESS.pack(address(Region.WEIGHTS, 3)))
    return replace(reply, die=die)


def die_fault(request: Frame, die: int) -> Frame:
    """Return what a board says of which a die does not answer."""
    report = FaultReport(cause=1, phase=5, gate=1).encode()
    return replace(_refusal(request, Status.FAULT, report), die=die)


def overrun(request: Frame) -> Frame:
    """Return what a board says whose port has lost bytes."""
    reply = _refusal(request, Status.OVERRUN, b"")
    return replace(reply, op=JUNK_ANSWER, seq=max(0, request.seq - 1))


def miscounted(reply: Frame) -> Frame:
    """Return a step's reply with a cycle too many, and a right CRC."""
    cycles, saturations = STEP_HEAD.unpack_from(reply.payload)
    head = STEP_HEAD.pack(cycles + 1, saturations)
    return replace(reply, payload=head + reply.payload[STEP_HEAD.size :])


def foreign(reply: Frame) -> Frame:
    """Return an INFO of which the RTL is another."""
    payload = bytearray(reply.payload)
    payload[20] ^= 0xFF  # the first byte of the RTL hash
    return replace(reply, payload=bytes(payload))


def _refusal(request: Frame, status: Status, payload: bytes) -> Frame:
    return replace(request, op=request.op | REPLY, status=status, credits=1, payload=payload)
