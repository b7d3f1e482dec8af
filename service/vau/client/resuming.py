"""A stream that outlives its calls, for code that waits in threads."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import chain

from vau.client.kept import Item
from vau.client.resume import Resume
from vau.client.resumption import Resumption
from vau.client.sieve import Response
from vau.client.throttle import Throttle
from vau.errors import VauError
from vau.v1 import speech_pb2 as pb

Request = pb.StreamingRecognizeRequest
Exchange = Callable[[Iterable[Request]], Generator[Response, None, None]]
"""Makes one call of whole requests; raises what becomes of it."""


def resuming(
    exchange: Exchange,
    config: pb.StreamingConfig,
    items: Iterable[Item],
    policy: Resume,
    throttle: Throttle | None = None,
) -> Iterator[Response]:
    """Stream ``items``, over several calls if it must be; yield each response once.

    items:  consumed on a thread of its own, as far ahead of what is safe as ``policy`` keeps.
    throttle: how fast its client may send.
    Raises  what ``items`` raises, what the server refuses, and the loss that was final.
    """
    stream = Resumption(config, policy, throttle)
    outbox = _Outbox(stream, items)
    try:
        while True:
            try:
                yield from outbox.once(exchange)
            except VauError as error:
                outbox.check()
                delay_s = stream.lost(error)
            else:
                return
            outbox.pause(delay_s)
    finally:
        outbox.close()


class _Outbox:
    """What is to be sent, between the source's thread, gRPC's and the caller's."""

    def __init__(self, stream: Resumption, items: Iterable[Item]) -> None:
        self._stream = stream
        self._changed = threading.Condition()
        self._calls = 0
        self._is_over = self._is_closed = False
        self._failure: BaseException | None = None
        threading.Thread(
            target=self._take, args=(items,), name="vau-source", daemon=True
        ).start()

    def once(self, exchange: Exchange) -> Iterator[Response]:
        """Make one call, from what is not safe on."""
        with self._changed:
            self._calls += 1
            first = self._stream.first_request()
            rest = self._messages(self._calls, self._stream.kept.first)
        try:
            with closing(exchange(chain([first], rest))) as responses:
                for response in responses:
                    with self._changed:
                        is_new = self._stream.heard(response)
                        self._changed.notify_all()
                    if is_new:
                        yield response
        finally:
            self._hang_up()

    def pause(self, seconds: float) -> None:
        """Wait before the next call, or until the source has failed."""
        with self._changed:
            self._changed.wait_for(lambda: self._failure is not None, seconds)
        self.check()

    def check(self) -> None:
        """Raise what the source raised."""
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Let the source's thread end with the next item it has."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _hang_up(self) -> None:
        """Let gRPC's thread end that waits for messages of the last call."""
        with self._changed:
            self._calls += 1
            self._changed.notify_all()

    def _take(self, items: Iterable[Item]) -> None:
        """Move items from the source to what is kept, as long as there is room."""
        try:
            for item in items:
                with self._changed:
                    self._changed.wait_for(lambda: self._is_closed or not self._stream.is_full)
                    if self._is_closed:
                        return
                    self._stream.kept.add(item)
                    self._changed.notify_all()
        except BaseException as failure:  # noqa: BLE001 - it belongs to the caller's thread
            self._failure = failure
        finally:
            with self._changed:
                self._is_over = True
                self._changed.notify_all()

    def _messages(self, call: int, number: int) -> Iterator[Request]:
        """Yield messages from a number on as they come, for as long as a call lasts."""
        while (item := self._next(call, number)) is not None:
            number += 1
            if not self._is_turn(call, self._stream.wait_s(item)):
                return
            yield as_request(item)

    def _is_turn(self, call: int, wait_s: float) -> bool:
        """Wait for the turn of a message; tell whether the call still lasts then."""
        with self._changed:
            return not self._changed.wait_for(lambda: call != self._calls, wait_s)

    def _next(self, call: int, number: int) -> Item | None:
        with self._changed:
            self._changed.wait_for(
                lambda: call != self._calls or self._is_over or number < self._stream.kept.end
            )
            if call != self._calls:
                return None
            if number < self._stream.kept.end:
                item = self._stream.kept.get(number)
                if not self._stream.keeps:
                    self._stream.kept.drop()
                    self._changed.notify_all()
                return item
            self.check()
            return None


def as_request(item: Item) -> Request:
    """Return the message that carries audio or a control."""
    if isinstance(item, pb.Control):
        return Request(control=item)
    return Request(audio=item)
