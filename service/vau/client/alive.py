"""Saying that one is there, while one's source has nothing to say."""

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Generic, TypeVar

from vau.errors import ConfigInvalid
from vau.v1 import speech_pb2 as pb

T = TypeVar("T")
KEEP_ALIVE: Final = pb.Control(kind=pb.Control.KIND_KEEP_ALIVE)


def check_interval(interval_s: float) -> None:
    """Raise ConfigInvalid unless it is a time to wait."""
    if not 0.0 < interval_s < float("inf"):
        raise ConfigInvalid(
            f"keep_alive_s={interval_s} must be more than 0 and finite", field="keep_alive_s"
        )


def alive(items: Iterable[T], interval_s: float) -> Iterator[T | pb.Control]:
    """Yield the items, and a KEEP_ALIVE after each ``interval_s`` without one.

    items:  asked on a thread of their own, and for the next one only when it is wanted.
    Raises  what ``items`` raise.
    """
    asker = _Asker(items)
    try:
        while True:
            asker.want()
            while (answer := asker.answer(interval_s)) is None:
                yield KEEP_ALIVE
            if answer.error is not None:
                raise answer.error
            if not answer.items:
                return
            yield answer.items[0]
    finally:
        asker.leave()


async def alive_async(
    items: AsyncIterator[T], interval_s: float
) -> AsyncIterator[T | pb.Control]:
    """Do the same for asyncio."""
    asking: asyncio.Future[T] | None = None
    try:
        while True:
            asking = asyncio.ensure_future(anext(items))
            while not (await asyncio.wait([asking], timeout=interval_s))[0]:
                yield KEEP_ALIVE
            try:
                item = asking.result()
            except StopAsyncIteration:
                return
            yield item
    finally:
        if asking is not None:
            asking.cancel()


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    """The next item, or none at the end, or what the source raised."""

    items: tuple[T, ...] = ()
    error: BaseException | None = None


class _Asker(Generic[T]):
    """Asks a source on a thread, whenever the next item is wanted."""

    def __init__(self, items: Iterable[T]) -> None:
        self._wanted = threading.Semaphore(0)
        self._answers: queue.SimpleQueue[_Answer[T]] = queue.SimpleQueue()
        self._is_left = False
        threading.Thread(
            target=self._take, args=(items,), name="vau-alive", daemon=True
        ).start()

    def want(self) -> None:
        """Have the source asked for its next item."""
        self._wanted.release()

    def answer(self, patience_s: float) -> _Answer[T] | None:
        """Return what it said; None if it said nothing for so long."""
        try:
            return self._answers.get(timeout=patience_s)
        except queue.Empty:
            return None

    def leave(self) -> None:
        """Let the thread end, with the next item if it waits for one."""
        self._is_left = True
        self._wanted.release()

    def _take(self, items: Iterable[T]) -> None:
        try:
            source = iter(items)
            while self._wanted.acquire() and not self._is_left:
                answer = _Answer(tuple(islice(source, 1)))
                self._answers.put(answer)
                if not answer.items:
                    return
        except BaseException as failure:  # noqa: BLE001 - it belongs to who asked
            self._answers.put(_Answer(error=failure))
