"""Frames: a header, a payload and a CRC-32, stuffed, between delimiters.

Ref: docs/vau-link-1.md, section 1.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Final, Self

from vau_backends.board.link import cobs
from vau_backends.board.link.junk import Junk
from vau_backends.board.link.words import NO_DIE, VERSION

DELIMITER: Final = b"\0"
HEADER: Final = struct.Struct("<BBHHBBBBHI")
CRC: Final = struct.Struct("<I")
OVERHEAD: Final = HEADER.size + CRC.size
MOST_PAYLOAD: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A request or a reply."""

    op: int
    session: int = 0
    seq: int = 0
    status: int = 0
    credits: int = 0
    die: int = NO_DIE
    array: int = 0
    address: int = 0
    payload: bytes = b""
    version: int = VERSION

    def encode(self) -> bytes:
        """Return its bytes on the wire, delimiters included."""
        header = HEADER.pack(
            *(self.version, self.op, self.session, self.seq, self.status, self.credits),
            *(self.die, self.array, len(self.payload), self.address),
        )
        body = header + self.payload
        return DELIMITER + cobs.encode(body + CRC.pack(zlib.crc32(body))) + DELIMITER

    @classmethod
    def decode(cls, chunk: bytes, most_payload: int = MOST_PAYLOAD) -> Self:
        """Read what stood between two delimiters. Raises Junk if it is no frame."""
        data = cobs.decode(chunk)
        if not OVERHEAD <= len(data) <= OVERHEAD + most_payload:
            raise Junk(f"{len(data)} bytes, but a frame has {OVERHEAD} and its payload")
        body, (crc,) = data[: -CRC.size], CRC.unpack(data[-CRC.size :])
        if (reckoned := zlib.crc32(body)) != crc:
            raise Junk(f"a CRC of {crc:08x}, and its bytes have {reckoned:08x}")
        version, op, session, seq, status, credits_, die, array, length, where = (
            HEADER.unpack_from(body)
        )
        if length != len(data) - OVERHEAD:
            raise Junk(f"len={length}, but {len(data) - OVERHEAD} bytes of payload")
        return cls(
            op=op,
            session=session,
            seq=seq,
            status=status,
            credits=credits_,
            die=die,
            array=array,
            address=where,
            payload=body[HEADER.size :],
            version=version,
        )


def wire_bytes(payload_bytes: int) -> int:
    """Return the most bytes that a frame with such a payload takes, delimiters included."""
    body = payload_bytes + OVERHEAD
    return body + -(-body // cobs.LONGEST_BLOCK) + 2 * len(DELIMITER)
