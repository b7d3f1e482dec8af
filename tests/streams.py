"""A live stream without a network: real lanes and sessions, a transport that a test holds.

What a real transport does by itself and nobody can stop, such as taking a response, happens
here when the test says so; and the clock stands still until it is moved.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast

import grpc
from prometheus_client import CollectorRegistry

from tests.serving import FREE, MODEL, PATIENCE_S, muntaniala, streaming
from vau.backend import Backend
from vau.config import ServerConfig
from vau.errors import VauError
from vau.lane import Batching, Lane
from vau.metrics import Metrics
from vau.model import Model
from vau.v1 import speech_pb2 as pb
from vau.wire.call import Call
from vau.wire.context import Context
from vau.wire.server import Server
from vau.wire.stream.serving import stream

Request = pb.StreamingRecognizeRequest
Response = pb.StreamingRecognizeResponse
FLUSH: Final = pb.Control(kind=pb.Control.KIND_FLUSH)
KEEP_ALIVE: Final = pb.Control(kind=pb.Control.KIND_KEEP_ALIVE)


@dataclass
class _Alarm:
    when: float
    callback: Callable[[], Any]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


@dataclass
class StillClock:
    """Time that passes when a test says so."""

    now: float = 1000.0
    _alarms: list[_Alarm] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], Any]) -> _Alarm:
        alarm = _Alarm(when, callback)
        self._alarms.append(alarm)
        return alarm

    def advance(self, seconds: float) -> None:
        """Let time pass, and whatever becomes due happen in order. On the event loop."""
        end = self.now + seconds
        while due := [a for a in self._alarms if a.when <= end and not a.is_cancelled]:
            first = min(due, key=lambda alarm: alarm.when)
            self._alarms.remove(first)
            self.now = max(self.now, first.when)
            first.callback()
        self.now = end


def _as_request(request: bytes | pb.Control | Request) -> Request:
    if isinstance(request, bytes):
        return Request(audio=request)
    return Request(control=request) if isinstance(request, pb.Control) else request


class Line:
    """A transport: what the test sends is read, what is written waits to be heard."""

    def __init__(self) -> None:
        self._requests: asyncio.Queue[Any] = asyncio.Queue()
        self._responses: asyncio.Queue[Response] = asyncio.Queue()
        self.takes = asyncio.Event()
        self.takes.set()
        self.reads = 0
        """Messages that were read."""

        self.writes = asyncio.Semaphore(0)
        """One for each response that is on its way."""

    async def read(self) -> Any:  # noqa: ANN401 - a request, or the end
        request = await self._requests.get()
        self.reads += 1
        return request

    async def write(self, response: Response) -> None:
        self.writes.release()
        await self.takes.wait()
        self._responses.put_nowait(response)

    def send(self, *requests: bytes | pb.Control | Request) -> None:
        for request in requests:
            self._requests.put_nowait(_as_request(request))

    def half_close(self) -> None:
        self._requests.put_nowait(grpc.aio.EOF)

    async def hear(self) -> Response:
        return await asyncio.wait_for(self._responses.get(), PATIENCE_S)

    def heard(self) -> list[Response]:
        """Return what was written and not heard yet."""
        return [self._responses.get_nowait() for _ in range(self._responses.qsize())]


@dataclass
class Streaming:
    """A stream that has begun."""

    server: Server
    clock: StillClock
    line: Line
    task: "asyncio.Task[None]"
    started: pb.SessionStarted

    async def say(self, request: bytes | pb.Control) -> Response:
        self.line.send(request)
        return await self.line.hear()

    async def ended(self) -> list[Response]:
        """Wait for the end; raise what the stream fails with."""
        await asyncio.wait_for(asyncio.shield(self.task), PATIENCE_S)
        return self.line.heard()

    async def failure(self) -> VauError:
        """Wait for the end, and return what the stream fails with."""
        (error,) = await asyncio.wait_for(
            asyncio.gather(self.task, return_exceptions=True), PATIENCE_S
        )
        assert isinstance(error, VauError), error
        return error


async def settled() -> None:
    """Let everything happen that can happen without the network, a thread or the clock."""
    for _ in range(50):
        await asyncio.sleep(0)


@asynccontextmanager
async def served(
    *backends: tuple[Model, Backend],
    config: ServerConfig | None = None,
    batching: Batching = Batching(),  # noqa: B008 - it is immutable
) -> AsyncIterator[tuple[Server, StillClock]]:
    metrics, clock = Metrics(CollectorRegistry()), StillClock()
    lanes = [
        Lane(model, backend, batching=batching)
        for model, backend in backends or ((MODEL, muntaniala()),)
    ]
    config = config or ServerConfig(listen=FREE, metrics_listen=FREE)
    server = Server(config, lanes, metrics, clock=clock)
    try:
        await server.start()
        yield server, clock
    finally:
        await server.close()


def begun(
    server: Server, line: Line, config: pb.StreamingConfig | None = None
) -> "asyncio.Task[None]":
    """Begin a stream on ``line``."""
    line.send(Request(config=config or streaming()))
    call, context = Call("StreamingRecognize"), cast("Context", line)
    return asyncio.create_task(stream(server.host, context, call))


@asynccontextmanager
async def opened(
    server: Server, clock: StillClock, config: pb.StreamingConfig | None = None
) -> AsyncIterator[Streaming]:
    line = Line()
    task = begun(server, line, config)
    try:
        first = asyncio.create_task(line.hear())
        await asyncio.wait({task, first}, return_when=asyncio.FIRST_COMPLETED)
        if not first.done():
            first.cancel()
            task.result()
        yield Streaming(server, clock, line, task, first.result().started)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def streamed(
    *backends: tuple[Model, Backend],
    config: pb.StreamingConfig | None = None,
    server: ServerConfig | None = None,
) -> AsyncIterator[Streaming]:
    """Serve one stream for as long as the block lasts."""
    async with (
        served(*backends, config=server) as (running, clock),
        opened(running, clock, config) as streaming_now,
    ):
        yield streaming_now
