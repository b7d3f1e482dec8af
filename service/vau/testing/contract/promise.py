"""What a test proves, in the words of the port, so that a failure can say them."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest

Test = Callable[..., None]
PORT: Final = "vau.backend"


@dataclass(frozen=True, slots=True)
class Promise:
    """A sentence of the port."""

    by: str
    """Where it stands: ``Backend.run`` is that method in ``vau/backend.py``."""

    words: str

    def __str__(self) -> str:
        return f"This promise of {PORT} is broken. {self.by}: “{self.words}”"


def promised(by: str, words: str) -> Callable[[Test], Test]:
    """Mark a test as the proof of a promise, which is then added to its failure."""
    promise = Promise(by, words)

    def mark(test: Test) -> Test:
        @functools.wraps(test)
        def watched(*args: object, **kwargs: object) -> None:
            __tracebackhide__ = True
            try:
                test(*args, **kwargs)
            except (Exception, pytest.fail.Exception) as broken:  # the latter is no Exception
                broken.add_note(str(promise))
                raise

        vars(watched)["promises"] = (promise, *promises_of(test))
        return watched

    return mark


def promises_of(test: Test) -> tuple[Promise, ...]:
    """Return what a test proves."""
    found: tuple[Promise, ...] = vars(test).get("promises", ())
    return found
