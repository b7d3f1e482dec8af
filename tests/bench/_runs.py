"""Whole processes, timed from their start to their end, and what they have in memory."""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from resource import struct_rusage
from tempfile import TemporaryFile
from time import perf_counter, sleep
from typing import Final

import numpy as np

from tests.process_tree import resident_bytes

WATCH_S: Final = 0.2
SETTLED: Final = 0.2  # of the files: by then everything has been loaded and used once
STDERR_BYTES: Final = 2000  # the last ones, of a process that failed


class Failed(Exception):
    """A process that is measured did not do what it was to do."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a process took, with all that it started."""

    wall_s: float
    cpu_s: float


def run(
    command: Sequence[str | Path],
    listed: Path,
    watch: Callable[[int], object] | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
) -> Ran:
    """Run a command to its end, a list of files on its stdin.

    watch: is called with its process id every WATCH_S.
    Raises Failed if it fails.
    """
    argv = list(map(str, command))
    with listed.open("rb") as names, TemporaryFile() as said:
        started_s = perf_counter()
        process = subprocess.Popen(argv, env=environment, stdin=names, stdout=said, stderr=said)
        _, status, usage = _wait(process.pid, watch)
        wall_s = perf_counter() - started_s
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(max(0, said.tell() - STDERR_BYTES))
            text = said.read().decode(errors="replace")
            raise Failed(f"{' '.join(argv[:4])} ended with {process.returncode}: {text}")
    return Ran(wall_s, usage.ru_utime + usage.ru_stime)


class MemoryOfTree:
    """The most that a process and all below it were seen to have together."""

    def __init__(self) -> None:
        """Look for the first time when there is one."""
        self.most_bytes = 0

    def look(self, pid: int) -> None:
        """Look again."""
        self.most_bytes = max(self.most_bytes, resident_bytes(pid))


class Growth:
    """How resident memory of a run grows with the files that its journal says are done."""

    def __init__(self, journal: Path, files: int) -> None:
        """Begin with none done."""
        self._journal, self._files, self._seen_bytes = journal, files, 0
        self._done = 0
        self._found: list[tuple[int, int]] = []

    def look(self, pid: int) -> None:
        """Look again."""
        if not self._journal.exists():
            return
        with self._journal.open("rb") as lines:
            lines.seek(self._seen_bytes)
            new = lines.read()
        self._seen_bytes += len(new)
        self._done += new.count(b"\n")
        if SETTLED * self._files <= self._done < self._files:
            self._found.append((self._done, resident_bytes(pid)))

    def bytes_per_file(self) -> float:
        """Return the slope of the straight line that is nearest to what was seen.

        Raises Failed if the run was over too soon to tell.
        """
        if len({done for done, _ in self._found}) < 3:
            raise Failed(f"{self._files} short files are too few to see memory grow")
        done, resident = np.array(self._found, np.float64).T
        return float(np.polyfit(done, resident, 1)[0])


def _wait(pid: int, watch: Callable[[int], object] | None) -> tuple[int, int, struct_rusage]:
    if watch is None:
        return os.wait4(pid, 0)
    while not (found := os.wait4(pid, os.WNOHANG))[0]:
        watch(pid)
        sleep(WATCH_S)
    return found
