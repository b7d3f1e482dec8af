"""Which core a server computes on, and on which one its load is made."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Cores:
    """One core for each side; the same for both where there is only one."""

    server: int
    generator: int

    @classmethod
    def of_this_process(cls) -> Self:
        """Choose among those that this process may use, by what Linux says of them."""
        allowed = sorted(os.sched_getaffinity(0))
        return cls.among(allowed, {core: siblings(core) for core in allowed})

    @classmethod
    def among(cls, allowed: list[int], siblings_of: dict[int, frozenset[int]]) -> Self:
        """Choose two that do not share a physical core, if there are such.

        The server gets the last one: the first of a machine is where its interrupts arrive.
        """
        server = allowed[-1]
        others = [core for core in allowed if core != server]
        apart = [core for core in others if core not in siblings_of.get(server, frozenset())]
        return cls(server, (apart or others or [server])[0])

    @property
    def are_apart(self) -> bool:
        """Each side has its own."""
        return self.server != self.generator

    @property
    def share_a_physical_core(self) -> bool:
        """Both are threads of one: each then slows the other."""
        return self.generator in siblings(self.server)


def siblings(core: int) -> frozenset[int]:
    """Return the cores that are threads of the same physical core, itself among them.

    Where Linux does not say, that is itself alone. Source: thread_siblings_list in sysfs.
    """
    file = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
    try:
        return core_list(file.read_text(encoding="ascii")) | {core}
    except (OSError, ValueError):
        return frozenset({core})


def core_list(text: str) -> frozenset[int]:
    """Read a list like 0-2,8. Raises ValueError for anything else."""
    found: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Keep this thread, and the threads and processes that it starts, on one core.

    Behind the block this thread may run where it might before; what it started stays there.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
