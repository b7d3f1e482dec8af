"""Memory that a process of this machine has in use."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

WATCH_S: Final = 0.25


def resident_kb(pid: int) -> int | None:
    """Return the resident memory of a process alone, in units of 1024 bytes.

    None if there is no such process any more. Source: VmRSS of proc_pid_status(5).
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return None  # it has ended, and nobody has asked how


class MemoryWatch:
    """The most that a process was seen to have."""

    def __init__(self, pid: int) -> None:
        """Look for the first time."""
        self._pid = pid
        self.most_kb = 0
        self.look()

    def look(self) -> None:
        """Look again."""
        self.most_kb = max(self.most_kb, resident_kb(self._pid) or 0)


@contextmanager
def watched_memory(pid: int) -> Iterator[MemoryWatch]:
    """Look at a process every quarter of a second while the block lasts."""
    watch, is_over = MemoryWatch(pid), threading.Event()

    def go_on() -> None:
        while not is_over.wait(WATCH_S):
            watch.look()

    watcher = threading.Thread(target=go_on, name="memory-watch", daemon=True)
    watcher.start()
    try:
        yield watch
    finally:
        is_over.set()
        watcher.join()
