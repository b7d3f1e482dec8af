"""The life of a server: check the backends, serve, drain, stop."""

import asyncio
import errno
import gc
import logging
import signal
import socket
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from vau import search
from vau.checkpoint.seal import Sealer, read_key
from vau.config import OFF, ServerConfig, is_loopback, join_address, split_address, version
from vau.errors import ConfigInvalid
from vau.lane import Lane
from vau.logs import facts
from vau.metrics import Metrics, MetricsPage
from vau.shadow.shadows import Shadows
from vau.tracing import tracer_of
from vau.v1.speech_pb2_grpc import add_SpeechRecognitionServicer_to_server
from vau.wire.beforehand import capacity_of, checked, opened, too_many
from vau.wire.clock import Clock
from vau.wire.door import Door
from vau.wire.doorman import Doorman
from vau.wire.entrance import Entrance
from vau.wire.gate import Gate
from vau.wire.health import SERVICE, Watch
from vau.wire.host import Host
from vau.wire.lanes import Lanes
from vau.wire.malformed import Reader
from vau.wire.service import SpeechRecognition

logger = logging.getLogger(__name__)

# More than we ever admit. A client whose connection is full is told nothing and waits, see
# https://github.com/grpc/grpc-java/issues/8252.
HTTP2_STREAMS: Final = 1000
PINGS_S: Final = 5.0  # clients that ask more often whether we are there are disconnected
OPEN_METRICS: Final = "other machines may read /metrics, which asks for no token"
METADATA_BYTES: Final = 8 << 10  # of one call; ours have a tenth of that
HANDSHAKE_S: Final = 10.0  # for a connection to say what it wants
IDLE_CONNECTION_S: Final = 300.0  # without a call; clients come back by themselves
LINGER_S: Final = 1.0  # for last responses on their way out, and for watchers of the health
STALLED_S: Final = 3.0  # for the event loop to say whether it is ready; it takes milliseconds
CLOSE_S: Final = 5.0  # for a backend to finish its round and close


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a server listens, free ports filled in."""

    grpc: str
    metrics: str
    """``OFF`` if it does not show any."""

    web: str
    """The URL of the live page; ``OFF`` if it has none."""


async def serve(
    config: ServerConfig,
    lanes: Sequence[Lane],
    metrics: Metrics,
    shadows: Shadows | None = None,
    *,
    entrance: Entrance | None = None,
    announce: Callable[[Addresses], None] = lambda _: None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain; another signal cuts the grace short.

    SIGHUP has the files of the door read again, and ends nothing.

    lanes: one per backend and model, the default first, made with ``metrics.of(id).on_round``;
           they are shut down at the end, whatever happens, and so are the shadows.
    entrance: another way in than gRPC.
    announce: told where it listens, once it does.
    The first line of the log says where it listens.
    Raises BackendFault if a backend fails its check, ConfigInvalid if an address cannot
    be had, and what a shadow raises that cannot be opened.
    """
    try:
        server = Server(config, lanes, metrics, shadows, entrance=entrance)
    except BaseException:
        await _shut_down(lanes)
        raise
    stop = asyncio.Event()

    def told_to_stop() -> None:
        if stop.is_set():
            server.hurry()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_stop)
    loop.add_signal_handler(signal.SIGHUP, server.reload)
    stopping = asyncio.create_task(stop.wait())
    try:
        addresses = await _started(server, stopping)
        if addresses is not None:
            announce(addresses)
            _set_apart_what_stays()
            await stopping
            await server.drain(config.drain_grace_s)
    finally:
        stopping.cancel()
        await server.close()


async def _started(server: "Server", stopping: "asyncio.Task[bool]") -> Addresses | None:
    """Start ``server``; give up and return None if it is told to stop meanwhile."""
    starting = asyncio.create_task(server.start())
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        with suppress(asyncio.CancelledError):
            await starting
        return None
    return await starting


def _set_apart_what_stays() -> None:
    """Spare the collector what lives as long as the server: it would look at that each time.

    Modules, models and backends are hundreds of thousands of objects; a collection that walks
    them holds every stream up for tens of milliseconds.
    """
    gc.collect()
    gc.freeze()


class Server:
    """One server in this process, without signals."""

    def __init__(
        self,
        config: ServerConfig,
        lanes: Sequence[Lane],
        metrics: Metrics,
        shadows: Shadows | None = None,
        *,
        clock: Clock | None = None,
        entrance: Entrance | None = None,
    ) -> None:
        """Put it together; nothing listens yet, and no shadow has been started.

        clock: for how long streams may do what; the event loop's if it is None.
        entrance: another way in than gRPC.
        """
        self._config = config
        self._metrics = metrics
        catalogue = Lanes(lanes)
        clock = clock or asyncio.get_running_loop()
        gate = Gate(catalogue, config.max_streams, metrics, clock)
        door = Door(config, metrics)
        self._shadows = shadows or Shadows()
        self._host = Host(
            config=config,
            lanes=catalogue,
            shadows=self._shadows,
            gate=gate,
            door=door,
            metrics=metrics,
            clock=clock,
            sealer=_sealer(config),
            tracer=tracer_of(config),
            health={},
        )
        self._watch = Watch(self._host)
        self._watching: tuple[asyncio.Task[None], ...] = ()
        self._page: MetricsPage | None = None
        self._entrance = entrance
        self._carried: dict[str, int] = {}  # streams by backend, of its slowest model
        self._server = _transport(config, door)

    @property
    def host(self) -> Host:
        """What its calls share."""
        return self._host

    async def start(self) -> Addresses:
        """Check every backend and open every shadow, then listen."""
        self._shadows.start()
        for lane in self._host.lanes:
            await checked(lane)
            name = lane.backend.info.id
            if (streams := await capacity_of(lane)) is not None:
                self._carried[name] = min(streams, self._carried.get(name, streams))
            meters = self._metrics.of(name)
            meters.model(lane.model.name, lane.model.digest)
        for shadow in self._shadows.all:
            await opened(shadow)
        self._shadows.check_unlike()
        self._metrics.built(version(), self._config.build)
        await self._watch.look()
        add_SpeechRecognitionServicer_to_server(SpeechRecognition(self._host), self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._watch.servicer, self._server)
        if self._config.door.shows_reflection:
            names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)
        listening = _bind(self._server, self._config.listen, self._host.door)
        if self._config.has_metrics:
            why_not = partial(self._why_not, asyncio.get_running_loop())
            self._page = MetricsPage(self._metrics, self._config.metrics_listen, why_not)
        web = OFF if self._entrance is None else await self._entrance.open(self._host)
        await self._server.start()
        self._watching = (
            asyncio.create_task(self._watch.run()),
            asyncio.create_task(self._host.door.watch()),
        )
        page = OFF if self._page is None else self._page.address
        addresses = Addresses(listening, page, web)
        logger.info(
            "listening",
            extra=facts(
                grpc=addresses.grpc,
                metrics=addresses.metrics,
                web=addresses.web,
                backends=", ".join(self._host.lanes.backend_ids),
                tiers=", ".join(self._tiers()),
                shadows=", ".join(dict.fromkeys(each.info.id for each in self._shadows.all)),
                shadow_pids=", ".join(self._shadow_pids()),
                max_streams=self._host.gate.max_streams,
                version=version(),
                **self._host.door.described(),
            ),
        )
        self._remark()
        return addresses

    def _why_not(self, loop: asyncio.AbstractEventLoop) -> str:
        """Say why no stream should be sent here, on another thread than that of ``loop``."""
        told: Future[str] = Future()
        try:
            loop.call_soon_threadsafe(lambda: told.set_result(self._watch.why_not()))
            return told.result(STALLED_S)
        except RuntimeError:  # the loop is closed: who asked just before that is answered
            return "stopped"
        except TimeoutError:
            return f"the server has not answered itself for {STALLED_S:g} s"

    def _tiers(self) -> list[str]:
        """Say of each backend that has a choice what computes it."""
        infos = {lane.backend.info.id: lane.backend.info for lane in self._host.lanes}
        return [f"{name}={info.tier}" for name, info in infos.items() if info.tier]

    def _shadow_pids(self) -> list[str]:
        """Say which process is which shadow: one for each model."""
        return [f"{each.info.id}/{each.model}={each.pid}" for each in self._shadows.all]

    def _remark(self) -> None:
        """Warn of what may not be meant, and of what decoder and backends say, once."""
        if self._page is not None and not is_loopback(split_address(self._page.address)[0]):
            logger.warning(
                "metrics for anybody",
                extra=facts(listen=self._config.metrics_listen, text=OPEN_METRICS),
            )
        self._host.door.remark(self._config.listen)
        if self._config.has_web:
            self._host.door.remark(self._config.web_listen)
        if text := search.remark():
            logger.warning("decoder remark", extra=facts(text=text))
        for name in self._host.lanes.backend_ids:
            if text := self._host.health[name].text:
                logger.warning("backend remark", extra=facts(backend=name, text=text))
            if text := too_many(self._host.gate.max_streams, self._carried.get(name)):
                logger.warning("backend remark", extra=facts(backend=name, text=text))

    async def drain(self, grace_s: float) -> None:
        """Refuse new streams, and wait until the live ones have ended or been ended."""
        logger.info("draining", extra=facts(grace_s=grace_s))
        await self._watch.shut_down()
        self._shadows.let_die()
        self._host.gate.drain(grace_s)
        await self._host.gate.wait_empty()

    def reload(self) -> None:
        """Have the files of the door read again: what SIGHUP asks of a daemon."""
        self._host.door.reload()

    def hurry(self) -> None:
        """End the live streams now."""
        self._host.gate.drain(0.0)

    async def close(self) -> None:
        """Stop listening and give the backends back."""
        for task in self._watching:
            task.cancel()
        if self._entrance is not None:
            await self._entrance.close()
        await self._server.stop(LINGER_S)
        await asyncio.gather(
            _shut_down(self._host.lanes), asyncio.to_thread(self._shadows.close)
        )
        await asyncio.to_thread(self._host.tracer.close)
        if self._page is not None:
            await asyncio.to_thread(self._page.close)
        if self._watching:  # or it never listened
            logger.info("stopped")


async def _shut_down(lanes: Iterable[Lane]) -> None:
    """Give every backend back; one that fails or is stuck does not stop the others."""
    await asyncio.gather(*map(_shut_down_one, lanes))


async def _shut_down_one(lane: Lane) -> None:
    try:
        await asyncio.wait_for(lane.shutdown(), CLOSE_S)
    except TimeoutError:
        logger.warning("backend stuck", extra=facts(backend=lane.backend.info.id))
    except Exception:  # whatever it is, it comes too late to matter to a caller
        logger.exception("backend not closed", extra=facts(backend=lane.backend.info.id))


def _sealer(config: ServerConfig) -> Sealer:
    """Return what seals checkpoints. Raises ConfigInvalid for a file that holds no key."""
    key = None if config.resume_key_file is None else read_key(config.resume_key_file)
    return Sealer(key, ttl_s=config.resume_ttl_s)


def _transport(config: ServerConfig, door: Door) -> grpc.aio.Server:
    closed_health = config.door.closed_health
    doormen = [Doorman(door, closed_health=closed_health)] if door.wants_tokens else []
    return grpc.aio.server(
        interceptors=[*doormen, Reader()],
        options=[
            ("grpc.max_receive_message_length", config.transport_bytes),
            ("grpc.max_concurrent_streams", HTTP2_STREAMS),
            ("grpc.keepalive_time_ms", round(config.keepalive_s * 1e3)),
            ("grpc.keepalive_timeout_ms", round(config.keepalive_timeout_s * 1e3)),
            # Or else gRPC waits a minute for the answer to a ping.
            ("grpc.http2.ping_timeout_ms", round(config.keepalive_timeout_s * 1e3)),
            ("grpc.http2.min_ping_interval_without_data_ms", round(PINGS_S * 1e3)),
            ("grpc.max_metadata_size", METADATA_BYTES),
            ("grpc.absolute_max_metadata_size", METADATA_BYTES),
            ("grpc.server_handshake_timeout_ms", round(HANDSHAKE_S * 1e3)),
            ("grpc.max_connection_idle_ms", round(IDLE_CONNECTION_S * 1e3)),
            *_ageing(config),
            ("grpc.so_reuseport", 0),  # a port that is taken is an error, not a lottery
        ],
    )


def _ageing(config: ServerConfig) -> list[tuple[str, int]]:
    """Let connections end, so that a balancer which only sees connections can balance."""
    if not config.max_connection_age_s:
        return []
    return [
        ("grpc.max_connection_age_ms", round(config.max_connection_age_s * 1e3)),
        ("grpc.max_connection_age_grace_ms", round(config.max_connection_age_grace_s * 1e3)),
    ]


def _bind(server: grpc.aio.Server, listen: str, door: Door) -> str:
    host, asked_port = split_address(listen, "listen")
    try:
        _try_address(host, asked_port)
        if door.credentials is None:
            port = server.add_insecure_port(listen)
        else:
            port = server.add_secure_port(listen, door.credentials)
    except (OSError, RuntimeError) as cause:
        # gRPC's own words are a hint how to make it more talkative.
        why = cause.strerror if isinstance(cause, OSError) else "gRPC cannot listen there"
        raise ConfigInvalid(
            f"listen={listen!r}: {why}; choose another address", field="listen"
        ) from cause
    return join_address(host, port)


def _try_address(host: str, port: int) -> None:
    """Raise OSError if one of the addresses of ``host`` is taken, or none can be had.

    gRPC would not say why, and would log a line of its own.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    failures: list[OSError] = []
    for family, kind, protocol, _name, address in found:
        try:
            with socket.socket(family, kind, protocol) as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gRPC does
                tried.bind(address)
        except OSError as failure:
            failures.append(failure)
            if failure.errno == errno.EADDRINUSE:
                raise
    if len(failures) == len(found):
        raise failures[0]
