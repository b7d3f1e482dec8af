"""Processor time on this machine: of a process, of those it started, and of everything."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
IDLE_COLUMNS: Final = (3, 4)  # of the first line of proc_stat(5): idle, and waiting for a disk
GUEST_COLUMNS: Final = 8  # from here on what is in the columns before, too


@dataclass(frozen=True, slots=True)
class _Stat:
    """What Linux knows of a process."""

    parent: int
    cpu_s: float


def process_cpu_s(pid: int) -> float | None:
    """Return the seconds that a process took so far, all its threads; None if it has ended."""
    found = _stat(pid)
    return None if found is None else found.cpu_s


def children_cpu_s(pid: int) -> float:
    """Return the same of the processes that it started and that still run."""
    ids = (int(folder.name) for folder in PROC.glob("[0-9]*"))
    found = (stat for each in ids if (stat := _stat(each)) is not None)
    return sum((stat.cpu_s for stat in found if stat.parent == pid), 0.0)


def machine_cpu_s() -> float:
    """Return the seconds that all cores were busy since the machine started.

    What a virtual machine was kept from, since its host did something else, counts as busy.
    """
    with (PROC / "stat").open(encoding="ascii") as lines:
        columns = [int(each) for each in lines.readline().split()[1:]][:GUEST_COLUMNS]
    return sum(each for at, each in enumerate(columns) if at not in IDLE_COLUMNS) / _ticks_hz()


def _stat(pid: int) -> _Stat | None:
    """Return it, or None if there is no such process any more."""
    try:
        line = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name stands in brackets and may hold anything; behind it begin fields 3 and on of
    # proc_pid_stat(5), of which 4 is the parent, and 14 and 15 are times in ticks.
    fields = line.rpartition(")")[2].split()
    return _Stat(int(fields[1]), (int(fields[11]) + int(fields[12])) / _ticks_hz())


def _ticks_hz() -> int:
    return os.sysconf("SC_CLK_TCK")
