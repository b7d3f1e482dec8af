"""A byte stream over a file descriptor, whatever stands behind it.

Every wait has a limit. Whatever a stream does when its other end goes away (end of file, EIO,
ENODEV, a reset) is one error: DeviceLost.
"""

import os
import select
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Final

from vau.errors import DeviceLost, DeviceTimeout

READ_BYTES: Final = 1 << 16
MOST_WAITING: Final = 1 << 20
"""Bytes unread at a time; whatever a board may have to say is a fraction of it."""


class Port:
    """Both directions of a stream, for one owner and one thread."""

    def __init__(
        self,
        name: str,
        descriptor: int,
        close: Callable[[], None],
        *,
        bits_per_s: float = 0.0,
        why_lost: Callable[[], str] = lambda: "is it plugged in and on?",
    ) -> None:
        """Take ``descriptor`` over, which does not block, and ``close`` to let go of it.

        bits_per_s: of a line with 10 bits to a byte; 0 where bytes take no time worth counting.
        why_lost:   says, once the other end is gone, what may be the matter.
        """
        self.name = name
        self.bits_per_s = bits_per_s
        self._why_lost = why_lost
        self._descriptor = descriptor
        self._close: Callable[[], None] | None = close
        self._waiting = bytearray()
        self._poll = select.poll()

    def fileno(self) -> int:
        """Return the descriptor, for ``select``."""
        return self._descriptor

    def send(self, data: bytes, limit_s: float) -> None:
        """Write all of it; what comes in meanwhile is kept for ``receive``.

        Raises DeviceTimeout if the other end does not take it in time, DeviceLost if it is
        gone or talks without end.
        """
        end_s = monotonic() + limit_s
        view = memoryview(data)
        while view:
            left_s = end_s - monotonic()
            ready = self._wait(select.POLLIN | select.POLLOUT, left_s)
            if not ready or left_s <= 0:
                raise DeviceTimeout(
                    f"{self.name}: {len(view)} of {len(data)} bytes were not taken within "
                    f"{limit_s:g} s; the board does not read",
                    stage="send",
                )
            if ready & select.POLLOUT:
                view = view[self._write(view) :]
            if ready & ~select.POLLOUT:
                self._waiting += self._read()
                self._bounded(len(self._waiting))

    def receive(self, limit_s: float) -> bytes:
        """Return what has come, or nothing if nothing does in time. Raises DeviceLost."""
        if not self._waiting and self._wait(select.POLLIN, limit_s):
            self._waiting += self._read()
        data = bytes(self._waiting)
        self._waiting.clear()
        return data

    def gather(self, limit_s: float) -> None:
        """Keep what comes within so long for ``receive``. Raises as ``drop`` does."""
        end_s = monotonic() + limit_s
        while (left_s := end_s - monotonic()) > 0:
            if self._wait(select.POLLIN, left_s):
                self._waiting += self._read()
                self._bounded(len(self._waiting))

    def drop(self) -> int:
        """Forget what has come and was not read; return how many bytes that was.

        Raises DeviceLost if there is no end of it.
        """
        count = len(self._waiting)
        self._waiting.clear()
        while self._wait(select.POLLIN, 0.0):
            count += len(self._read())
            self._bounded(count)
        return count

    def close(self) -> None:
        """Let go of it. A second call does nothing, and it never fails."""
        close, self._close = self._close, None
        if close is not None:
            with suppress(OSError):  # the device is gone: there is nothing to let go of
                close()

    def _wait(self, events: int, limit_s: float) -> int:
        """Return what the stream is ready for; 0 if for nothing in time."""
        if self._close is None:
            raise DeviceLost(f"{self.name}: it was closed")
        self._poll.register(self._descriptor, events)
        found = self._poll.poll(max(0.0, limit_s) * 1e3)
        return found[0][1] if found else 0

    def _write(self, view: memoryview) -> int:
        try:
            return os.write(self._descriptor, view)
        except BlockingIOError:
            return 0
        except OSError as cause:
            raise self._lost(cause.strerror) from cause

    def _read(self) -> bytes:
        try:
            data = os.read(self._descriptor, READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as cause:
            raise self._lost(cause.strerror) from cause
        if not data:
            raise self._lost("it hung up")
        return data

    def _bounded(self, count: int) -> None:
        if count > MOST_WAITING:
            raise DeviceLost(
                f"{self.name}: {count} bytes came that nobody asked for, without end; "
                "is this a board of vau-link/1, at its speed?"
            )

    def _lost(self, why: str | None) -> DeviceLost:
        return DeviceLost(f"{self.name}: the board is lost: {why}; {self._why_lost()}")
