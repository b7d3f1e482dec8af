"""A board behind a pseudo terminal, which is opened like a serial port."""

import os
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.board_server import Served
from vau_backends.board.virtual.ports import PtyPort


class Terminal:
    """Serves a board on a thread, at a path of its own, until its cable is pulled."""

    def __init__(self, board: Served, path: Path) -> None:
        self.board, self.path = board, path
        self._is_plugged = False
        self.plug()

    def plug(self) -> None:
        """Put it in: there is a device at the path."""
        self._port = PtyPort()
        self._wake, self._woken = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.path.symlink_to(self._port.url.removeprefix("pty:"))
        self._thread.start()
        self._is_plugged = True

    def unplug(self) -> None:
        """Pull it out: whoever has the device open is cut off, and there is none any more."""
        if not self._is_plugged:
            return
        self._is_plugged = False
        os.write(self._woken, b"q")
        self._thread.join()
        self.path.unlink()
        self._port.close()
        os.close(self._wake)
        os.close(self._woken)

    def url(self, scheme: str) -> str:
        return f"{scheme}:{self.path}+rtl={self.board.info.rtl_hash.hex()}"

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._wake, *self._port.readers()], [], [])
            if self._wake in ready:
                return
            self._say(self.board.push(self._port.look(ready)))

    def _say(self, said: bytes) -> None:
        """Write all of it; what nobody reads waits, as the board does."""
        terminal = self._port.writes_to()
        assert terminal is not None
        while said:
            ready, _, _ = select.select([self._wake], [terminal], [])
            if self._wake in ready:
                return
            said = said[self._port.write(said) :]


@contextmanager
def behind_a_terminal(board: Served, path: Path) -> Iterator[Terminal]:
    """Serve a board as long as the block runs."""
    terminal = Terminal(board, path)
    try:
        yield terminal
    finally:
        terminal.unplug()
