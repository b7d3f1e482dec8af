"""Saying that one is there, while one's source has nothing to say."""

import asyncio
import queue
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Final, TypeVar

from vau.client.asker import Answer, Asker
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
    answers: queue.SimpleQueue[Answer[T]] = queue.SimpleQueue()
    with Asker(items, answers.put) as asker:
        while True:
            asker.want()
            while (answer := _next(answers, interval_s)) is None:
                yield KEEP_ALIVE
            if not (taken := answer.taken()):
                return
            yield taken[0]


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


def _next(answers: "queue.SimpleQueue[Answer[T]]", patience_s: float) -> Answer[T] | None:
    """Return what a source said; None if it said nothing for so long."""
    try:
        return answers.get(timeout=patience_s)
    except queue.Empty:
        return None
