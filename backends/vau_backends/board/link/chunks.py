"""A stream of bytes, cut at the delimiters, with what was no frame kept for a message."""

from collections.abc import Iterator
from typing import Final

from vau_backends.board.link.frame import DELIMITER, MOST_PAYLOAD, Frame, wire_bytes
from vau_backends.board.link.junk import Junk

QUOTED_BYTES: Final = 48


class Chunks:
    """Finds the frames in a stream, however it is cut, and counts what is none."""

    def __init__(self, most_payload: int = MOST_PAYLOAD) -> None:
        """Hold no more than the longest frame of so much payload."""
        self.most_payload = most_payload
        self._begun = bytearray()
        self._lost = 0
        self.frames = 0
        self.junk_chunks = 0
        self.junk_bytes = 0
        self.first_junk = b""
        """The first bytes that were no frame: often what a board says while it boots."""

        self.first_fault = ""
        """Why they were none."""

    def push(self, data: bytes) -> Iterator[Frame | None]:
        """Yield the frames that ``data`` completes, and None for each chunk that is junk."""
        *whole, rest = data.split(DELIMITER)
        for piece in whole:
            self._take(piece)
            if self._begun or self._lost:
                yield self._ended()
        self._take(rest)

    def forget(self) -> None:
        """Drop a frame that was begun: what follows belongs to another stream."""
        self._begun.clear()
        self._lost = 0

    def _take(self, piece: bytes) -> None:
        room = wire_bytes(self.most_payload) - len(self._begun)
        self._begun += piece[:room]
        self._lost += max(0, len(piece) - room)

    def _ended(self) -> Frame | None:
        chunk, lost = bytes(self._begun), self._lost
        self.forget()
        try:
            frame = self._read(chunk, lost)
        except Junk as fault:
            self.junk_chunks += 1
            self.junk_bytes += len(chunk) + lost
            if not self.first_junk:
                self.first_junk, self.first_fault = chunk[:QUOTED_BYTES], str(fault)
            return None
        self.frames += 1
        return frame

    def _read(self, chunk: bytes, lost: int) -> Frame:
        if lost:
            raise Junk(f"{len(chunk) + lost} bytes, more than a frame takes")
        return Frame.decode(chunk, self.most_payload)
