"""Real servers on free ports, and what tests send them.

``serving`` runs one on an event loop of its own thread in this process;
``tests/server_process.py`` runs one as a process that can be told to stop.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from time import monotonic, sleep
from typing import Any, Final, TypeVar

import grpc
import numpy as np
from google.protobuf import text_format
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from tests.models import tiny_model
from vau.backend import Backend, BackendOptions, Health, Result, State, Telemetry, Work
from vau.client import Access, Client, posteriors_array
from vau.client.access import PLAIN
from vau.commands.serve import shadows_of
from vau.config import ServerConfig
from vau.lane import Lane
from vau.metrics import Metrics
from vau.model import Model
from vau.shadow.process import Limits
from vau.shadow.shadows import Shadows
from vau.v1 import speech_pb2 as pb
from vau.web.setup import entrance_of
from vau.wire.server import Addresses, Server
from vau_backends.float.backend import FACTORY as FLOAT
from vau_backends.muntaniala.backend import FACTORY as MUNTANIALA

MODEL: Final = tiny_model()
FREE: Final = "127.0.0.1:0"
PATIENCE_S: Final = 120.0  # for what must happen, on however busy a machine

T = TypeVar("T")


class Held:
    """A real backend whose ``run`` waits while the test holds it."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.may_run = threading.Event()
        self.may_run.set()
        self.entered = threading.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(self.backend, name)

    def run(self, work: Sequence[Work]) -> list[Result]:
        self.entered.set()
        assert self.may_run.wait(PATIENCE_S)
        return self.backend.run(work)


def muntaniala(model: Model = MODEL, slot_count: int = 8) -> Backend:
    return MUNTANIALA.open(model, BackendOptions(slot_count=slot_count))


def floating(model: Model = MODEL, slot_count: int = 8) -> Backend:
    return FLOAT.open(model, BackendOptions(slot_count=slot_count))


class Failing:
    """A real backend that a test may break."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.present = Health(State.READY)
        self.mended: dict[str, int] = {}
        self.defect: Exception | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self.backend, name)

    def health(self) -> Health:
        return self.present

    def telemetry(self) -> Telemetry:
        return Telemetry(mended=self.mended)

    def run(self, work: object) -> list[Result]:
        if self.defect is not None:
            raise self.defect
        return self.backend.run(work)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs."""

    addresses: Addresses
    client: Client
    registry: CollectorRegistry
    metrics: Metrics
    server: Server
    loop: asyncio.AbstractEventLoop

    @property
    def address(self) -> str:
        return self.addresses.grpc

    @property
    def metrics_address(self) -> str:
        return self.addresses.metrics

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` on the loop of the server."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE_S)

    def soon(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Begin ``work`` on the loop of the server."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def value(self, name: str, **labels: str) -> float:
        """Return a sample of the registry, 0 if there is none yet."""
        return self.registry.get_sample_value(name, labels) or 0.0

    def slots_in_use(self) -> int:
        listed = self.client.backends(include_unavailable=True)
        return sum(backend.slots_in_use for backend in listed.backends)


@dataclass(frozen=True, slots=True)
class Shadowing:
    """Shadows that a server is to have."""

    backends: Sequence[str]
    sources: Sequence[str]
    """The folders of its models: the processes of the shadows load them themselves."""

    limits: Limits | None = None

    def open(self, lanes: Sequence[Lane], metrics: Metrics, config: ServerConfig) -> Shadows:
        return shadows_of(
            self.backends,
            self.sources,
            lanes=lanes,
            metrics=metrics,
            config=config,
            limits=self.limits,
        )


@contextmanager
def serving(
    *backends: tuple[Model, Backend],
    config: ServerConfig | None = None,
    shadows: Shadowing | None = None,
    access: Access = PLAIN,
) -> Iterator[Served]:
    """Serve ``backends`` for as long as the block lasts; one muntaniala if none is given.

    access: how the client of what is yielded comes to the server.
    """
    config = config or ServerConfig(listen=FREE, metrics_listen=FREE)
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    lanes = [
        Lane(model, backend, metrics.of(backend.info.id).on_round)
        for model, backend in backends or ((MODEL, muntaniala()),)
    ]
    shadowing = shadows or Shadowing((), ())
    with event_loop() as loop:

        async def started() -> tuple[Server, Addresses]:
            shadows = shadowing.open(lanes, metrics, config)
            server = Server(config, lanes, metrics, shadows, entrance=entrance_of(config))
            try:
                addresses = await server.start()
            except BaseException:
                await server.close()
                raise
            return server, addresses

        server, addresses = asyncio.run_coroutine_threadsafe(started(), loop).result()
        with Client(addresses.grpc, access=access) as client:
            served = Served(addresses, client, registry, metrics, server, loop)
            try:
                yield served
            finally:
                served.run(server.drain(0.0))
                served.run(server.close())


@contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Run an event loop on a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="event-loop")
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


SERVING: Final = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING


def health_of(address: str, service: str) -> int:
    request = health_pb2.HealthCheckRequest(service=service)
    with grpc.insecure_channel(address) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        return int(check(request).status)


def eventually(is_so: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait for what another thread or process is about to make true."""
    end_s = monotonic() + patience_s
    while not is_so():
        assert monotonic() < end_s, "it never came true"
        sleep(0.01)


def speech(samples: int = 16_000, seed: int = 0) -> bytes:
    """Return noise of the loudness of speech, as LINEAR16."""
    noise = np.random.default_rng(seed).normal(0.0, 3000.0, samples)
    return noise.astype("<i2").tobytes()


def cut(data: bytes, *at: int) -> list[bytes]:
    """Return ``data`` in pieces that end at these offsets, and the rest."""
    edges = [0, *sorted(at), len(data)]
    return [data[first:last] for first, last in pairwise(edges)]


def audio_format(
    encoding: pb.AudioFormat.Encoding = pb.AudioFormat.ENCODING_LINEAR16,
    rate_hz: int = 16_000,
    channels: int = 1,
) -> pb.AudioFormat:
    return pb.AudioFormat(encoding=encoding, sample_rate_hertz=rate_hz, channel_count=channels)


LINEAR16: Final = audio_format()
FULL: Final = pb.OutputConfig(
    phonemes=True,
    posteriors=pb.OutputConfig.POSTERIORS_FULL,
    encoding=pb.POSTERIOR_ENCODING_RAW_INT32,
    timing=True,
    energy=True,
)


def recognition(
    output: pb.OutputConfig = FULL,
    audio: pb.AudioFormat = LINEAR16,
    *,
    model: str = "",
    backend: str = "",
    decoder: pb.Decoder = pb.DECODER_UNSPECIFIED,
) -> pb.RecognitionConfig:
    return pb.RecognitionConfig(
        audio_format=audio, model=model, backend=backend, output=output, decoder=decoder
    )


def streaming(
    output: pb.OutputConfig = FULL,
    audio: pb.AudioFormat = LINEAR16,
    *,
    interim_results: bool = False,
    model: str = "",
    backend: str = "",
) -> pb.StreamingConfig:
    return pb.StreamingConfig(
        recognition=recognition(output, audio, model=model, backend=backend),
        interim_results=interim_results,
    )


def brief(value: object) -> str | None:
    """Name a message among the parameters of a test by what it holds."""
    if isinstance(value, Message):
        return text_format.MessageToString(value, as_one_line=True) or "nothing"
    return None


END_UTTERANCE: Final = pb.Control(kind=pb.Control.KIND_END_UTTERANCE, control_id=7)


@dataclass(frozen=True, slots=True)
class Heard:
    """All that a stream said."""

    responses: list[pb.StreamingRecognizeResponse]

    @property
    def finished(self) -> pb.SessionFinished:
        return self.responses[-1].finished

    @property
    def finals(self) -> list[pb.Result]:
        return [
            result
            for response in self.responses
            for result in response.results
            if result.is_final
        ]

    def values(self, utterance: int = 0) -> NDArray[Any]:
        """Return the posteriors of an utterance, shape (frames, width)."""
        parts = [
            posteriors_array(response.posteriors)
            for response in self.responses
            if response.HasField("posteriors")
            and response.posteriors.utterance_index == utterance
        ]
        return np.concatenate(parts)


def hear(
    client: Client, requests: Iterable[bytes | pb.Control], config: pb.StreamingConfig
) -> Heard:
    return Heard(list(client.stream(config, requests)))


class Talk:
    """A stream that stays open until the test ends it."""

    def __init__(self, client: Client, config: pb.StreamingConfig | None = None) -> None:
        self._requests: queue.SimpleQueue[bytes | pb.Control | None] = queue.SimpleQueue()
        self.responses = client.stream(config or streaming(), self._sent())
        self.started = next(self.responses).started

    def _sent(self) -> Iterator[bytes | pb.Control]:
        while (request := self._requests.get()) is not None:
            yield request

    def send(self, request: bytes | pb.Control) -> None:
        self._requests.put(request)

    def say(self, audio: bytes) -> pb.StreamingRecognizeResponse:
        self.send(audio)
        return next(self.responses)

    def half_close(self) -> list[pb.StreamingRecognizeResponse]:
        self._requests.put(None)
        return list(self.responses)

    def vanish(self) -> None:
        self.responses.close()  # type: ignore[attr-defined]
        self._requests.put(None)
