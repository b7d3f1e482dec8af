"""What is fuzzed: something that makes inputs, and something that takes them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

from tests.fuzz.case import Parts


class Hang(Exception):
    """What should have answered has not, in the time that it has."""


class Taker(Protocol):
    """Takes inputs, one after another."""

    def take(self, parts: Parts) -> bool:
        """Try an input; return whether it meant something.

        It was refused as it should be if this returns False or raises a VauError. Raises Hang,
        or whatever else it should not.
        """

    def check(self) -> None:
        """Raise unless what was tried still does for others what it is there for."""

    def resident_bytes(self) -> int:
        """Return how much memory it holds now, in all its processes."""

    def close(self) -> None:
        """End it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One thing to fuzz."""

    share: int
    """Of all inputs, in relation to the others' shares."""

    make: Callable[[Random], Parts]
    open: Callable[[Path], Taker]
    """In a folder of its own."""


def resident_bytes(process: int | str = "self") -> int:
    """Return the resident memory of a process."""
    pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * 4096
