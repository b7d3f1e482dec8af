"""Health: what the backends say of themselves, for probes, meters and new streams."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2

from vau.backend import Health, State, Telemetry
from vau.lane import Lane
from vau.logs import facts
from vau.v1 import speech_pb2 as pb
from vau.wire.host import USABLE, Host

logger = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]

SERVICE: Final = pb.DESCRIPTOR.services_by_name["SpeechRecognition"].full_name
WATCH_S: Final = 1.0  # how old a reported state may be
STUCK_S: Final = 10.0  # a round takes milliseconds
BADNESS: Final = (
    State.READY,
    State.DEGRADED,
    State.INITIALIZING,
    State.DRAINING,
    State.FAULT,
)
"""From good to bad: of a backend that holds several models the worst counts."""

_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING

_HealthListResponse: Final[Callable[..., Message]] = health_pb2.HealthListResponse  # type: ignore[attr-defined]


class Servicer(health.aio.HealthServicer):
    """The library's, which for all its age cannot list: asked to, it logs a traceback."""

    def __init__(self) -> None:
        """Begin with what the library begins with."""
        super().__init__()
        self._names = {""}

    async def set(self, service: str, status: int) -> None:
        """Show how a service fares."""
        self._names.add(service)
        await super().set(service, status)

    async def List(self, _request: object, context: Context) -> Message:  # noqa: N802
        """Say of every service how it fares."""
        asked = {name: health_pb2.HealthCheckRequest(service=name) for name in self._names}
        told = {name: await self.Check(each, context) for name, each in asked.items()}
        return _HealthListResponse(statuses=told)


class Watch:
    """Asks every backend how it fares, and answers ``grpc.health.v1`` with it."""

    def __init__(self, host: Host) -> None:
        """Begin with nothing SERVING."""
        self.servicer = Servicer()
        self._host = host
        self._said: dict[Lane, Health] = {}
        self._mended: dict[Lane, Mapping[str, int]] = {}  # as counted already
        self._there: set[str] = set()  # who was there once
        self._showing = asyncio.Lock()

    async def look(self) -> None:
        """Ask all once, at the same time, and show what they said when the last one has."""
        await asyncio.gather(*map(self._ask, self._host.lanes))
        for name in self._host.lanes.backend_ids:
            self._note(name)
        await self._show(*self._host.lanes.backend_ids)

    async def run(self) -> None:
        """Keep asking, until cancelled; one that is stuck delays no other."""
        await asyncio.gather(*map(self._watch, self._host.lanes))

    async def _watch(self, lane: Lane) -> None:
        """Keep asking one lane."""
        name = lane.backend.info.id
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                await self._ask(lane)
                self._note(name)
                await self._show(name)
            except Exception:  # whoever watches must not fall asleep over it
                logger.exception("defect")

    async def _ask(self, lane: Lane) -> None:
        self._said[lane], telemetry = await _state_of(lane)
        before = self._mended.get(lane, {})
        for kind, times in telemetry.mended.items():
            meters = self._host.metrics.of(lane.backend.info.id)
            meters.mended(kind, times - before.get(kind, 0))
        self._mended[lane] = telemetry.mended or before

    def why_not(self) -> str:
        """Say why no stream should be sent here; nothing if one may: "" is SERVING then."""
        if self._host.gate.is_draining:
            return "draining"
        states = {name: self._host.health[name].state.value for name in self._required()}
        return ", ".join(
            f"backend {name}: {state}"
            for name, state in states.items()
            if not self._is_usable(name)
        )

    async def shut_down(self) -> None:
        """Say NOT_SERVING from now on."""
        await self.servicer.enter_graceful_shutdown()

    def _is_usable(self, name: str) -> bool:
        return self._host.health[name].state in USABLE

    def _note(self, name: str) -> None:
        """Take note of what the lanes of a backend have said last: the worst counts."""
        said = [self._said[lane] for lane in self._host.lanes.of(name)]
        now = max(said, key=lambda each: BADNESS.index(each.state))
        before = self._host.health.get(name)
        self._host.health[name] = now
        if now.state is not State.INITIALIZING:
            self._there.add(name)
        self._host.metrics.of(name).state(now.state)
        if before is not None and before.state is not now.state:
            state = facts(backend=name, state=now.state.value, text=now.text)
            logger.warning("backend state", extra=state)

    async def _show(self, *names: str) -> None:
        """Show how these backends fare, and how the server does."""
        async with self._showing:  # or one would show what another has outdated meanwhile
            for name in names:
                await self._set(f"vau.backend.{name}", is_serving=self._is_usable(name))
            is_serving = all(map(self._is_usable, self._required()))
            await self._set(SERVICE, is_serving=is_serving)
            await self._set("", is_serving=is_serving)

    def _required(self) -> list[str]:
        """Return who has to be well for the server to be: the default, and all that were there.

        One that is still waited for takes nothing from those that serve.
        """
        default, *others = self._host.lanes.backend_ids
        return [default, *(name for name in others if name in self._there)]

    async def _set(self, service: str, *, is_serving: bool) -> None:
        await self.servicer.set(service, _SERVING if is_serving else _NOT_SERVING)


async def _state_of(lane: Lane) -> tuple[Health, Telemetry]:
    """Ask the backend of ``lane``, which may be stuck in a round."""
    asked = lane.ask(lambda backend: (backend.health(), backend.telemetry()))
    try:
        return await asyncio.wait_for(asked, STUCK_S)
    except TimeoutError:
        return Health(State.FAULT, f"it has not answered for {STUCK_S:g} s"), Telemetry()
