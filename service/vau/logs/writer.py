"""A thread that writes lines: whoever has one to write does not wait for a disk or a reader."""

import os
import select
import threading
from collections.abc import Callable
from queue import Empty, Full, Queue
from typing import Final, Literal, TextIO

Reason = Literal["full", "failed", "unprintable"]
"""Why a line was lost: too many waited, it could not be written, or it could not be made."""

MOST_LINES: Final = 4096  # that wait: some megabytes, and seconds of a log at its busiest
PATIENCE_S: Final = 1.0  # for a file that will not take a line now but may soon
END_S: Final = 1.0  # for what still waits at the end of the process

Write = Callable[[bytes], None]


def write_to(stream: TextIO | None) -> Write:
    """Return what writes to ``stream``, past its buffers: those keep what a full disk refused.

    The result raises OSError or ValueError for what could not be written.
    """
    if stream is None:  # as Python has it for a stderr that was closed before it started
        return _refuse
    try:
        number = stream.fileno()
    except OSError:  # io.UnsupportedOperation: text in memory

        def write_text(line: bytes) -> None:
            stream.write(line.decode())
            stream.flush()

        return write_text
    return lambda line: _write_all(number, line)


class Writer:
    """Writes lines in the order in which they were offered."""

    def __init__(self, write: Write, on_lost: Callable[[Reason], None]) -> None:
        """Start the thread. ``on_lost`` hears of every line that is lost, one at a time."""
        self._write = write
        self._on_lost = on_lost
        self._lines: Queue[str | None] = Queue(MOST_LINES)
        self._lost = 0  # since the last line that was written
        self._counting = threading.Lock()
        self._is_broken = False
        self._thread = threading.Thread(target=self._work, name="log", daemon=True)
        self._thread.start()

    def offer(self, line: str) -> None:
        """Take a line to be written. Never waits and never fails."""
        try:
            self._lines.put_nowait(line)
        except Full:
            self.lose("full")

    def lose(self, reason: Reason) -> None:
        """Count a line that will not be written."""
        with self._counting:
            self._lost += 1
            self._on_lost(reason)

    def close(self, patience_s: float = END_S) -> None:
        """Write what waits, for so long at most. Closing twice is harmless."""
        try:
            self._lines.put(None, timeout=patience_s)
        except Full:
            return
        self._thread.join(patience_s)

    def _work(self) -> None:
        while (line := self._lines.get()) is not None:
            self._put(line)
        while True:  # whatever came behind the end
            try:
                line = self._lines.get_nowait()
            except Empty:
                return
            if line is not None:
                self._put(line)

    def _put(self, line: str) -> None:
        """Write a line, and before it how many were lost; on a line of its own in any case."""
        lost = self._lost
        note = f'{{"event": "log lines lost", "lost": {lost}, "level": "warning"}}\n'
        start = "\n" if self._is_broken else ""
        text = f"{start}{note if lost else ''}{line}\n"
        try:
            self._write(text.encode(errors="backslashreplace"))
        except (OSError, ValueError):
            self._is_broken = True
            self.lose("failed")
        else:
            self._is_broken = False
            with self._counting:
                self._lost -= lost


def _refuse(_line: bytes) -> None:
    raise OSError("there is no log to write to")


def _write_all(number: int, line: bytes) -> None:
    """Write the whole of a line to a file descriptor."""
    while line:
        try:
            line = line[os.write(number, line) :]
        except BlockingIOError:
            if not select.select([], [number], [], PATIENCE_S)[1]:
                raise
