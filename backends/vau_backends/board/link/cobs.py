"""Consistent overhead byte stuffing: any bytes as bytes without a 0.

Ref: Cheshire and Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM ToN 7(2), 1999.
"""

from typing import Final

from vau_backends.board.link.junk import Junk

LONGEST_BLOCK: Final = 254  # bytes behind a code byte of 255, which stands for no zero


def encode(data: bytes) -> bytes:
    """Return ``data`` without zeros, one byte longer for every 254 begun."""
    out = bytearray()
    for part in data.split(b"\0"):
        at = 0
        while len(part) - at >= LONGEST_BLOCK:
            out.append(LONGEST_BLOCK + 1)
            out += part[at : at + LONGEST_BLOCK]
            at += LONGEST_BLOCK
        out.append(len(part) - at + 1)
        out += part[at:]
    if len(part) and at == len(part):
        out.pop()  # behind a full block nothing follows, and nothing need say so
    return bytes(out)


def decode(chunk: bytes) -> bytes:
    """Return what was encoded. Raises Junk if a block runs past the end or holds a zero."""
    out = bytearray()
    at, end = 0, len(chunk)
    if 0 in chunk:
        raise Junk("a zero within")
    while at < end:
        code = chunk[at]
        if at + code > end:
            raise Junk("a block that runs past the end")
        out += chunk[at + 1 : at + code]
        at += code
        if code <= LONGEST_BLOCK and at < end:
            out.append(0)
    return bytes(out)
