"""What a test proves, in the words of the port, so that a failure can say them."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import pytest

Test = Callable[..., None]
PORT: Final = "vau.backend"
BROKEN: Final = (AssertionError, pytest.fail.Exception)
"""What says that a promise is broken. Whatever else a backend raises is a defect of another
kind, or the first test of ``Answers`` has said so already; to blame it on the promise that a
test happens to be about would mislead."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A sentence of the port."""

    by: str
    """Where it stands: ``Backend.run`` is that method in ``vau/backend.py``."""

    words: str

    def __str__(self) -> str:
        return f"{self.by}: “{self.words}”"


def promised(by: str, words: str) -> Callable[[Test], Test]:
    """Mark a test as the proof of a promise, which is then added to its failure.

    It is added to an assertion that does not hold, and to nothing else; see ``BROKEN``.
    """
    promise = Promise(by, words)

    def mark(test: Test) -> Test:
        @functools.wraps(test)
        def watched(*args: object, **kwargs: object) -> None:
            __tracebackhide__ = True
            try:
                test(*args, **kwargs)
            except BROKEN as broken:
                broken.add_note(f"This promise of {PORT} is broken. {promise}")
                raise

        vars(watched)["promises"] = (promise, *promises_of(test))
        return watched

    return mark


def promises_of(test: Test) -> tuple[Promise, ...]:
    """Return what a test proves."""
    found: tuple[Promise, ...] = vars(test).get("promises", ())
    return found


@contextmanager
def granted(what: str) -> Iterator[None]:
    """Hold the backend to a promise that ``what`` is done: an error breaks it."""
    try:
        yield
    except BROKEN:
        raise
    except Exception as cause:
        raise AssertionError(f"{what} raises {words_of(cause)}") from cause


@contextmanager
def refused(
    kind: type[Exception] | tuple[type[Exception], ...], says: str = ""
) -> Iterator[None]:
    """Hold the backend to a refusal of this kind: none, or another error, breaks the promise.

    ``says`` is a regular expression that the message must contain.
    """
    try:
        with pytest.raises(kind, match=says or None):
            yield
    except BROKEN:
        raise
    except Exception as cause:
        kinds = kind if isinstance(kind, tuple) else (kind,)
        names = " or ".join(each.__name__ for each in kinds)
        raise AssertionError(f"raises {words_of(cause)}; it should be {names}") from cause


def words_of(error: BaseException) -> str:
    """Return the type and the message of an error, in one line."""
    return f"{type(error).__name__}: {error}".partition("\n")[0]
