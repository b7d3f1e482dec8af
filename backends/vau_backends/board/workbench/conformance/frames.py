"""Promises about frames, junk and INFO: sections 1, 3.2, 4.6 and 5 of docs/vau-link-1.md."""

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from vau_backends.board.device.image import TABLES_CRC
from vau_backends.board.link import cobs
from vau_backends.board.link.frame import CRC, DELIMITER
from vau_backends.board.link.payloads import OWNER
from vau_backends.board.link.words import JUNK_ANSWER, REPLY, VERSION, Operation, Status
from vau_backends.board.workbench.conformance.probe import Probe, Unkept, expect, told
from vau_backends.board.workbench.conformance.promise import Promise, promise
from vau_backends.muntaniala.weights import SPEC

DELIMITERS: Final = 40


@promise("4.6", "INFO is answered, and every field is within its bounds")
def _info_is_sound(probe: Probe) -> None:
    _, info = probe.look()
    if nonsense := info.out_of_bounds():
        raise Unkept("fields within their bounds", "; ".join(nonsense))
    lowest, highest = info.versions
    if not lowest <= VERSION <= highest:
        raise Unkept("a board that speaks version 1", f"{lowest} to {highest}")
    expect("specification", info.spec, SPEC)
    probe.know(info)


@promise("4.6", "the LUT CRC is that of the tables of munt-spec-0")
def _tables_are_known(probe: Probe) -> None:
    expect("LUT CRC", f"{probe.look()[1].tables_crc:08x}", f"{TABLES_CRC:08x}")


@promise("1", "a reply gives back op with bit 7 set, session, seq, die and array")
def _replies_are_told_apart(probe: Probe) -> None:
    probe.begin()
    probe.goes_on()
    probe.goes_on()


@promise("1", "INFO gives the session of the owner, and its nonce")
def _the_owner_is_shown(probe: Probe) -> None:
    probe.begin()
    reply, info = probe.look()
    expect("session", reply.session, probe.session)
    expect("nonce", info.nonce, probe.nonce)


@promise("5", "INFO, OPEN and RESET of another length, and OPEN of a 0, are RANGE")
def _what_stands_outside_is_refused(probe: Probe) -> None:
    probe.begin()
    for op, payload in (
        (Operation.INFO, b"\1"),
        (Operation.RESET, b"\1"),
        (Operation.OPEN, b""),
        (Operation.OPEN, OWNER.pack(1, 1) + b"\1"),
        (Operation.OPEN, OWNER.pack(0, 1)),
        (Operation.OPEN, OWNER.pack(1, 0)),
    ):
        probe.outside(op, payload, Status.RANGE)
    probe.goes_on()


@promise("1", "delimiters with nothing between them are nothing")
def _empty_chunks_are_nothing(probe: Probe) -> None:
    probe.begin()
    request = probe.request(Operation.INFO)
    (reply,) = probe.answers(DELIMITER * DELIMITERS + request.encode())
    expect("op", f"{reply.op:#04x}", f"{Operation.INFO | REPLY:#04x}")


@promise("5", "a frame of version 2 is answered VERSION, and takes no number")
def _another_version_is_refused(probe: Probe) -> None:
    probe.begin()
    probe.call(replace(probe.request(Operation.TELEM), version=2), Status.VERSION)
    probe.goes_on()


# --- junk -----------------------------------------------------------------------------------


def _wrong_crc(probe: Probe) -> bytes:
    body = cobs.decode(probe.request(Operation.TELEM).encode().strip(DELIMITER))
    return cobs.encode(body[:-1] + bytes([body[-1] ^ 1]))


def _wrong_length(probe: Probe) -> bytes:
    body = cobs.decode(probe.request(Operation.TELEM).encode().strip(DELIMITER))
    longer = body[:10] + b"\x01" + body[11 : -CRC.size]
    return cobs.encode(longer + CRC.pack(zlib.crc32(longer)))


def _past_the_end(probe: Probe) -> bytes:
    return b"\xf0" + probe.request(Operation.TELEM).encode().strip(DELIMITER)


def _one_too_long(probe: Probe) -> bytes:
    payload = bytes(probe.info.most_payload + 1)
    return probe.request(Operation.WRITE, payload, die=0).encode().strip(DELIMITER)


def _far_too_long(probe: Probe) -> bytes:
    return b"\xa5" * (4 * probe.info.most_payload)


def _noise(_probe: Probe) -> bytes:
    return b"\x02\xa5\x01\x5a"


def _junk(what: str, make: Callable[[Probe], bytes]) -> Promise:
    """See that a chunk is answered as junk, and that the board hears what follows."""

    @promise(
        "3.2", f"{what} is answered as junk, behind the last number; what follows is heard"
    )
    def junk_is_answered(probe: Probe) -> None:
        probe.begin()
        probe.goes_on()
        (reply,) = probe.answers(DELIMITER + make(probe) + DELIMITER)
        expect("op", f"{reply.op:#04x}", f"{JUNK_ANSWER:#04x}")
        if reply.status not in (Status.CRC, Status.OVERRUN) or reply.payload:
            raise Unkept(told(Status.CRC, 0), told(reply.status, len(reply.payload)))
        expect("session", reply.session, probe.session)
        expect("seq", reply.seq, 1)
        probe.goes_on()

    return junk_is_answered


FIRST: Final = (_info_is_sound, _tables_are_known)
"""Without the first of them nothing else can be tried."""

FRAMES: Final = (
    _replies_are_told_apart,
    _the_owner_is_shown,
    _what_stands_outside_is_refused,
    _empty_chunks_are_nothing,
    _another_version_is_refused,
    _junk("a frame with a wrong CRC", _wrong_crc),
    _junk("a frame whose len is not its length", _wrong_length),
    _junk("a block that runs past the delimiter", _past_the_end),
    _junk("a frame one byte too long", _one_too_long),
    _junk("a chunk far too long", _far_too_long),
    _junk("a chunk too short for a frame", _noise),
)
