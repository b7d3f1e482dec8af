"""A board behind a TCP port, as a real one would be: one client at a time."""

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from vau_backends.board.link.chunks import Chunks
from vau_backends.board.link.frame import Frame
from vau_backends.board.link.info import Info
from vau_backends.board.link.payloads import COUNT
from vau_backends.board.link.words import JUNK_ANSWER, REPLY, Operation, Status

PATIENCE_MS = 100


class Served(Protocol):
    """What can be served."""

    info: Info

    def push(self, data: bytes) -> bytes:
        """Take bytes in; return what it says to them."""


class BoardServer:
    """Serves a board on a thread; a test may pull its cable, or make it fall silent."""

    def __init__(self, board: Served) -> None:
        self.board = board
        self.heard: list[Frame] = []
        """Every request that came, repeated ones too."""

        self.meddle: Callable[[Frame], Frame] | None = None
        """Changes a request before the board hears it. If it returns a reply, the board hears
        nothing, and that is the answer."""

        self.is_silent = False
        """Takes in everything and answers nothing."""

        self.is_plugged = True
        self.edit: Callable[[bytes], bytes] = bytes
        """Changes what it says."""

        self._listener = socket.create_server(("127.0.0.1", 0))
        self._wake, self._woken = socket.socketpair()
        self._client: socket.socket | None = None
        self._chunks = Chunks()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        host, port = self._listener.getsockname()[:2]
        return f"tcp:{host}:{port}+rtl={self.board.info.rtl_hash.hex()}"

    def claim(self, **changes: object) -> None:
        """Let the board say other things of itself than are so: fields of its INFO."""

        def claimed(reply: Frame) -> Frame:
            if reply.op & ~REPLY not in (Operation.INFO, Operation.OPEN) or reply.status:
                return reply
            info = replace(Info.decode(reply.payload), **changes)  # type: ignore[arg-type]  # by name
            return replace(reply, payload=info.encode())

        self.edit = replies_with(claimed)

    def unplug(self) -> None:
        """Pull the cable: whoever was connected is cut off, and nobody gets in."""
        self.is_plugged = False
        self._wake.send(b"u")

    def plug(self) -> None:
        """Put the cable back; the board kept its power."""
        self.is_plugged = True

    def close(self) -> None:
        self._wake.send(b"q")
        self._thread.join()
        for each in (self._listener, self._wake, self._woken, self._client):
            if each is not None:
                each.close()

    def _serve(self) -> None:
        while True:
            watched = [self._woken, *([self._client] if self._client else []), self._listener]
            for ready in select.select(watched, [], [])[0]:
                if ready is self._woken:
                    if self._woken.recv(1) == b"q":
                        return
                    self._hang_up()
                elif ready is self._listener:
                    self._accept()
                else:
                    self._talk(ready)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if not self.is_plugged:
            client.close()
        elif self._client is not None:
            busy = Frame(op=JUNK_ANSWER, status=Status.BUSY, payload=COUNT.pack(PATIENCE_MS))
            client.sendall(busy.encode())
            client.close()
        else:
            self._chunks = Chunks()
            self._client = client

    def _talk(self, client: socket.socket) -> None:
        try:
            data = client.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._hang_up()
            return
        said = self._answer(data)
        try:
            if not self.is_silent:
                client.sendall(self.edit(said))
        except OSError:
            self._hang_up()

    def _answer(self, data: bytes) -> bytes:
        frames = [frame for frame in self._chunks.push(data) if frame is not None]
        self.heard += frames
        if self.meddle is None:
            return self.board.push(data)
        changed = map(self.meddle, frames)
        return b"".join(
            each.encode() if each.op & REPLY else self.board.push(each.encode())
            for each in changed
        )

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def replies_with(change: Callable[[Frame], Frame]) -> Callable[[bytes], bytes]:
    """Return what changes each reply, for ``BoardServer.edit``."""

    def edit(said: bytes) -> bytes:
        frames = Chunks().push(said)
        return b"".join(change(frame).encode() for frame in frames if frame is not None)

    return edit


@contextmanager
def served(board: Served) -> Iterator[BoardServer]:
    """Serve a board as long as the block runs."""
    server = BoardServer(board)
    try:
        yield server
    finally:
        server.close()
