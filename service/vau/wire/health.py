"""Health: what the backends say of themselves, for probes, meters and new streams."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2

from vau.backend import Health, State
from vau.lane import Lane
from vau.logs import facts
from vau.v1 import speech_pb2 as pb
from vau.wire.door import Context
from vau.wire.host import USABLE, Host

logger = logging.getLogger(__name__)

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

    async def look(self) -> None:
        """Ask once, and show what was said."""
        lanes = list(self._host.lanes)
        told = await asyncio.gather(*map(_health, lanes))  # one that is stuck delays no other
        for name in self._host.lanes.backend_ids:
            said = [
                health
                for lane, health in zip(lanes, told, strict=True)
                if lane.backend.info.id == name
            ]
            self._note(name, max(said, key=lambda each: BADNESS.index(each.state)))
            await self._show(f"vau.backend.{name}", is_serving=self._is_usable(name))
        all_usable = all(self._is_usable(name) for name in self._host.lanes.backend_ids)
        await self._show(SERVICE, is_serving=all_usable)
        await self._show("", is_serving=all_usable)

    async def run(self) -> None:
        """Keep asking, until cancelled."""
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                await self.look()
            except Exception:  # whoever watches must not fall asleep over it
                logger.exception("defect")

    async def shut_down(self) -> None:
        """Say NOT_SERVING from now on."""
        await self.servicer.enter_graceful_shutdown()

    def _is_usable(self, name: str) -> bool:
        return self._host.health[name].state in USABLE

    def _note(self, name: str, now: Health) -> None:
        before = self._host.health.get(name)
        self._host.health[name] = now
        self._host.metrics.of(name).state(now.state)
        if before is not None and before.state is not now.state:
            state = facts(backend=name, state=now.state.value, text=now.text)
            logger.warning("backend state", extra=state)

    async def _show(self, service: str, *, is_serving: bool) -> None:
        await self.servicer.set(service, _SERVING if is_serving else _NOT_SERVING)


async def _health(lane: Lane) -> Health:
    """Ask the backend of ``lane``, which may be stuck in a round."""
    try:
        return await asyncio.wait_for(lane.ask(lambda backend: backend.health()), STUCK_S)
    except TimeoutError:
        return Health(State.FAULT, f"it has not answered for {STUCK_S:g} s")
