"""What a process and all that it started have in use together."""

from pathlib import Path
from typing import Final

from tests.commands import children
from vau.load.memory import resident_kb

KB: Final = 1024  # of VmRSS


def tree(pid: int) -> list[int]:
    """Return a process and all below it that still run."""
    return [pid, *(below for child in children(pid) for below in tree(child))]


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a tree; what two processes share counts twice."""
    return sum(KB * (resident_kb(each) or 0) for each in tree(pid))


def open_files(pid: int) -> int:
    """Return how many file descriptors a tree has."""
    count = 0
    for each in tree(pid):
        try:
            count += len(list(Path(f"/proc/{each}/fd").iterdir()))
        except OSError:  # it ended while we looked
            continue
    return count
