"""Bytes from a board: what the receiver makes of noise, of frames that are damaged, of lies."""

import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Final

from tests.fuzz.case import Parts
from tests.fuzz.mutate import mutated
from tests.fuzz.target import Target, resident_bytes
from vau_backends.board.link import cobs
from vau_backends.board.link.chunks import Chunks
from vau_backends.board.link.frame import CRC, DELIMITER, OVERHEAD, Frame
from vau_backends.board.link.info import Info
from vau_backends.board.link.junk import Junk
from vau_backends.board.link.payloads import (
    Config,
    FaultReport,
    StatePart,
    StateRefusal,
    Stepped,
)
from vau_backends.board.link.telemetry import Readings
from vau_backends.board.link.vectors import frames
from vau_backends.board.link.words import Status

MOST_PAYLOAD: Final = 256
STATUS_AT: Final = 6  # in a header
LAST: Final = Frame(op=0x81, session=7, seq=0xFFFF, payload=b"the last\0of all")
READERS: Final[tuple[Callable[[bytes], object], ...]] = (
    *(Info.decode, Readings.decode, StatePart.decode, StateRefusal.decode),
    *(FaultReport.decode, Config.decode, lambda payload: Stepped.decode(payload, 8)),
)
_VECTORS: Final = [frame.encode() for _, frame in frames()]


def lying(random: Random, whole: bytes, others: Iterable[bytes] = ()) -> bytes:
    """Return a frame whose content was changed and whose CRC is right all the same."""
    body = mutated(random, cobs.decode(whole.strip(DELIMITER))[: -CRC.size], tuple(others))
    if random.random() < 0.2:
        body = body[:STATUS_AT] + bytes([random.choice(list(Status))]) + body[STATUS_AT + 1 :]
    if random.random() < 0.7 and len(body) >= OVERHEAD - CRC.size:  # its length is right too
        length = (len(body) - OVERHEAD + CRC.size) & 0xFFFF
        body = body[:10] + length.to_bytes(2, "little") + body[12:]
    return DELIMITER + cobs.encode(body + CRC.pack(zlib.crc32(body))) + DELIMITER


def _make(random: Random) -> Parts:
    pieces = []
    for _ in range(random.randrange(1, 5)):
        whole = random.choice(_VECTORS)
        what = random.random()
        if what < 0.3:
            whole = lying(random, whole)
        elif what < 0.8:
            whole = mutated(random, whole, _VECTORS)
        elif what < 0.9:
            whole = random.randbytes(random.randrange(1, 600))
        pieces.append(whole)
    return (("stream", b"".join(pieces)), ("cuts", random.randbytes(8)))


class _Receiver:
    """Finds frames, reads what is in them, and has to find the next one behind anything."""

    def __init__(self, _folder: Path) -> None:
        pass

    def take(self, parts: Parts) -> bool:
        (_, stream), (_, cuts) = parts
        whole, chunks = Chunks(MOST_PAYLOAD), Chunks(MOST_PAYLOAD)
        found = [*whole.push(stream), *whole.push(LAST.encode())]
        again = [
            each for piece in _cut(stream + LAST.encode(), cuts) for each in chunks.push(piece)
        ]
        assert found == again, "what is found depends on how the stream was cut"
        assert found[-1] == LAST, "a frame behind a delimiter was not found"
        assert whole.junk_bytes <= len(stream)
        understood = [frame for frame in found[:-1] if frame is not None]
        for frame in understood:
            assert Frame.decode(frame.encode().strip(DELIMITER), MOST_PAYLOAD) == frame
            for read in READERS:
                try:
                    str(read(frame.payload))
                except Junk:
                    continue
        return bool(understood)

    def check(self) -> None:
        assert self.take((("stream", b"".join(_VECTORS)), ("cuts", b"\1\2\3\4")))

    def resident_bytes(self) -> int:
        return resident_bytes()

    def close(self) -> None:
        pass


def _cut(stream: bytes, cuts: bytes) -> Iterable[bytes]:
    """Return the stream in pieces of these sizes, the last one whatever is left."""
    at = 0
    for size in cuts:
        yield stream[at : at + size]
        at += size
    yield stream[at:]


TARGET: Final = Target(share=20, make=_make, open=_Receiver)
