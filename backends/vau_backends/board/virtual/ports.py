"""Where clients of a virtual board come from: a TCP socket, or a pseudo terminal.

One client at a time. A second one on TCP is sent a BUSY frame and let go; a terminal has no way
to tell two readers apart, and leaves that to locks of theirs.
"""

import os
import socket
import termios
import tty
from collections.abc import Sequence
from typing import Final, Protocol

from vau_backends.board.link.frame import Frame
from vau_backends.board.link.payloads import COUNT
from vau_backends.board.link.words import JUNK_ANSWER, Status
from vau_backends.board.transport.tcp import prepare

RETRY_MS: Final = 500
_READ_BYTES: Final = 1 << 16


class Port(Protocol):
    """Where a client comes from: one at a time."""

    url: str

    def readers(self) -> list[int]:
        """Return the descriptors at which something may happen."""

    def look(self, ready: Sequence[int]) -> bytes:
        """Do what these ask for: take clients, refuse them, read what they sent."""

    def writes_to(self) -> int | None:
        """Return the descriptor of whoever is there, if anybody is."""

    def write(self, data: bytes) -> int:
        """Hand over what it takes of ``data`` without waiting; return how much that was."""

    def close(self) -> None:
        """Let go of everybody."""


class TcpPort:
    """A listening socket and its client."""

    def __init__(self, host: str, port: int) -> None:
        self._listener = socket.create_server((host, port))
        self._listener.setblocking(False)
        self._client: socket.socket | None = None
        name = self._listener.getsockname()
        self.url = f"tcp:{name[0]}:{name[1]}"

    def readers(self) -> list[int]:
        """Return the listener, and the client if there is one."""
        return [each.fileno() for each in (self._listener, self._client) if each is not None]

    def look(self, ready: Sequence[int]) -> bytes:
        """Read from the client first: if it has left, the next one may come."""
        data = b""
        if self._client is not None and self._client.fileno() in ready:
            data = self._read(self._client)
        if self._listener.fileno() in ready:
            self._welcome()
        return data

    def _read(self, client: socket.socket) -> bytes:
        try:
            data = client.recv(_READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._leave()
        return data

    def _welcome(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:  # whoever it was has left again
            return
        prepare(client)
        if self._client is None:
            self._client = client
            return
        busy = Frame(op=JUNK_ANSWER, status=Status.BUSY, payload=COUNT.pack(RETRY_MS))
        try:
            client.send(busy.encode())
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        finally:
            client.close()

    def _leave(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def writes_to(self) -> int | None:
        """Return the client, if there is one."""
        return None if self._client is None else self._client.fileno()

    def write(self, data: bytes) -> int:
        """Send to the client; what nobody is there to hear is gone."""
        if self._client is None:
            return len(data)
        try:
            return self._client.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self._leave()
            return len(data)

    def close(self) -> None:
        """Close both sockets."""
        self._leave()
        self._listener.close()


class PtyPort:
    """A pseudo terminal, raw: its other end is opened like a serial port."""

    def __init__(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.url = f"pty:{os.ttyname(self._slave)}"

    def readers(self) -> list[int]:
        """Return our end."""
        return [self._master]

    def look(self, ready: Sequence[int]) -> bytes:
        """Read what came; our own hold on the other end keeps it open between clients."""
        try:
            return os.read(self._master, _READ_BYTES) if self._master in ready else b""
        except OSError:
            return b""

    def writes_to(self) -> int | None:
        """Return our end: a terminal does not tell whether anybody is there."""
        return self._master

    def write(self, data: bytes) -> int:
        """Write what it takes."""
        try:
            return os.write(self._master, data)
        except OSError:
            return 0

    def close(self) -> None:
        """Close both ends."""
        termios.tcflush(self._slave, termios.TCIOFLUSH)
        os.close(self._slave)
        os.close(self._master)
