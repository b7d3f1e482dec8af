"""A stream that outlives its calls, for asyncio: what ``resuming`` is for threads."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing, suppress

from vau.client.kept import Item
from vau.client.resume import Resume
from vau.client.resuming import as_request
from vau.client.resumption import Resumption
from vau.client.sieve import Response
from vau.client.throttle import Throttle
from vau.errors import VauError
from vau.v1 import speech_pb2 as pb

Request = pb.StreamingRecognizeRequest
Exchange = Callable[[AsyncIterable[Request]], AsyncGenerator[Response, None]]
"""Makes one call of whole requests; raises what becomes of it."""


async def resuming(
    exchange: Exchange,
    config: pb.StreamingConfig,
    items: AsyncIterable[Item],
    policy: Resume,
    throttle: Throttle | None = None,
) -> AsyncGenerator[Response, None]:
    """Stream ``items``, over several calls if it must be; yield each response once.

    items:  taken as far ahead of what is safe as ``policy`` keeps.
    throttle: how fast its client may send.
    Raises  what ``items`` raises, what the server refuses, and the loss that was final.
    """
    outbox = _Outbox(Resumption(config, policy, throttle))
    taking = asyncio.create_task(outbox.take(items))
    try:
        while True:
            try:
                async with aclosing(outbox.once(exchange)) as responses:
                    async for response in responses:
                        yield response
            except VauError as error:
                outbox.check()
                delay_s = outbox.stream.lost(error)
            else:
                return
            await outbox.pause(delay_s)
    finally:
        taking.cancel()
        with suppress(asyncio.CancelledError):
            await taking


class _Outbox:
    """What is to be sent, between the source and the calls."""

    def __init__(self, stream: Resumption) -> None:
        self.stream = stream
        self._changed = asyncio.Condition()
        self._is_over = False
        self._failure: Exception | None = None

    async def once(self, exchange: Exchange) -> AsyncGenerator[Response, None]:
        """Make one call, from what is not safe on."""
        async with aclosing(exchange(self._messages())) as responses:
            async for response in responses:
                is_new = self.stream.heard(response)
                await self._tell()
                if is_new:
                    yield response

    async def pause(self, seconds: float) -> None:
        """Wait before the next call, or until the source has failed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self._failure is not None)
        self.check()

    def check(self) -> None:
        """Raise what the source raised."""
        if self._failure is not None:
            raise self._failure

    async def take(self, items: AsyncIterable[Item]) -> None:
        """Move items from the source to what is kept, as long as there is room."""
        try:
            async for item in items:
                async with self._changed:
                    await self._changed.wait_for(lambda: not self.stream.is_full)
                    self.stream.kept.add(item)
                    self._changed.notify_all()
        except Exception as failure:  # noqa: BLE001 - it belongs to whoever reads
            self._failure = failure
        self._is_over = True
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _messages(self) -> AsyncGenerator[Request, None]:
        """Yield the config, and messages as they come."""
        first, number = self.stream.first_request(), self.stream.kept.first
        yield first
        while True:
            async with self._changed:
                await self._changed.wait_for(
                    lambda: self._is_over or number < self.stream.kept.end  # noqa: B023
                )
            if number >= self.stream.kept.end:
                self.check()
                return
            item = self.stream.kept.get(number)
            number += 1
            if not self.stream.keeps:
                self.stream.kept.drop()
                await self._tell()
            await asyncio.sleep(self.stream.wait_s(item))
            yield as_request(item)
