"""The port of boards: what can be done to one besides serving from it.

Whoever brings a backend that drives boards may offer a workbench for them as well, under an
entry point of the group ``vau.boards``: what is plugged in, a virtual board, and the tests
that a board has to pass. ``vau board`` shows what it finds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Final, Protocol

from vau.errors import BackendNotFound

GROUP: Final = "vau.boards"

Say = Callable[[str], None]
"""Hears, line by line, how far it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found out about boards."""

    facts: dict[str, Any]
    """For a program."""

    lines: tuple[str, ...]
    """For a person."""

    is_good: bool = True
    """Whether all is as it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Which board, and how much of it."""

    board: str
    """Its URL, for example ``virtual:2x2``."""

    model: str = ""
    """Network to load; empty: the largest shipped one that fits, or random weights."""

    count: int = 1000
    """Steps, or faults."""

    seed: int = 0
    slow_each: int = 20
    """How often each fault that lasts."""


class Boards(Protocol):
    """A workbench for boards."""

    def sightings(self) -> Finding:
        """List what is configured and plugged in; each is asked who it is, and no more."""

    def serve(self, array: str, listen: str, serial: int) -> None:
        """Serve a virtual board until it is told to stop, and end this process then.

        It says where it is, and what, in one line of JSON.
        listen: ``host:port``, or ``pty``.
        Raises  BackendNotFound for what no array is.
        """

    def check(self, bench: Bench, say: Say) -> Finding:
        """Go through all that a board has to do, though it fails at some.

        Raises BackendError if it cannot be reached.
        """

    def selftest(self, bench: Bench, say: Say) -> Finding:
        """Step a board and the reference side by side, and count where they differ."""

    def chaos(self, bench: Bench, say: Say) -> Finding:
        """Let everything go wrong between driver and board, and count what comes of it."""


def boards() -> Boards:
    """Return the workbench that is installed. Raises BackendNotFound if none is."""
    for entry in entry_points(group=GROUP):
        workbench: Boards = entry.load()
        return workbench
    raise BackendNotFound("board: no package that drives boards is installed", field="board")
