"""A promise: where it stands, what it is, and how it is tried."""

from collections.abc import Callable
from dataclasses import dataclass

from vau_backends.board.workbench.conformance.probe import Probe


@dataclass(frozen=True, slots=True)
class Promise:
    """One line of the list."""

    section: str
    """Of docs/vau-link-1.md."""

    text: str
    attempt: Callable[[Probe], None]
    """Raises Unkept if the board does not keep it."""


def promise(section: str, text: str) -> Callable[[Callable[[Probe], None]], Promise]:
    """Make a promise of the function that tries it."""
    return lambda attempt: Promise(section, text, attempt)
