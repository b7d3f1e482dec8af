"""A thread that asks a source for its items, so that nobody else waits for it.

It is one of its own and a daemon: a microphone that says nothing holds up neither other
sources nor the end of the program.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Generic, Self, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """The next item, or none at the end, or what the source raised."""

    items: tuple[T, ...] = ()
    error: BaseException | None = None

    def taken(self) -> tuple[T, ...]:
        """Return the item alone, or nothing at the end. Raises what the source raised."""
        if self.error is not None:
            raise self.error
        return self.items


class Asker(Generic[T]):
    """Asks a source on a thread, whenever the next item is wanted, until its block ends."""

    def __init__(self, items: Iterable[T], tell: Callable[[Answer[T]], None]) -> None:
        """Begin with nothing wanted.

        tell: hears the answers, on that thread.
        """
        self._wanted = threading.Semaphore(0)
        self._tell = tell
        self._is_left = False
        threading.Thread(
            target=self._take, args=(items,), name="vau-source", daemon=True
        ).start()

    def want(self) -> None:
        """Have the source asked for its next item."""
        self._wanted.release()

    def __enter__(self) -> Self:
        """Ask until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let the thread end, with the next item if it waits for one."""
        self._is_left = True
        self._wanted.release()

    def _take(self, items: Iterable[T]) -> None:
        try:
            source = iter(items)
            while self._wanted.acquire() and not self._is_left:
                answer = Answer(tuple(islice(source, 1)))
                self._tell(answer)
                if not answer.items:
                    return
        except BaseException as failure:  # noqa: BLE001 - it belongs to who asked
            self._tell(Answer(error=failure))
