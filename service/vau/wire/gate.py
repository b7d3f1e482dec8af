"""The gate: how many streams are in, whether another may enter, and when all must leave."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from vau.door.visits import STREAM_RETRY_S
from vau.errors import Draining, SlotsExhausted
from vau.lane import Lane
from vau.metrics import Metrics
from vau.wire.clock import Clock, Leash, Timer
from vau.wire.lanes import Lanes

LAST_WORD_S: Final = 1.0  # for a stream to say how far it came, when its time is up


@dataclass(eq=False, slots=True)
class Pass:
    """A stream's leave to stay."""

    lane: Lane
    leash: Leash = field(default_factory=Leash)
    """Ends the stream, whatever it is doing."""

    leave: Callable[[float], None] | None = None
    """Tells the stream in how many seconds it is to be gone; None if it cannot be told."""

    @property
    def backend_id(self) -> str:
        """Whose slot the stream holds."""
        return self.lane.backend.info.id


class Gate:
    """Admission to one server, decided at once: nobody queues for a slot."""

    def __init__(self, lanes: Lanes, max_streams: int, metrics: Metrics, clock: Clock) -> None:
        """Open the gate."""
        self._clock = clock
        self._lanes = lanes
        self._slots = {
            name: sum(lane.backend.info.slot_count for lane in lanes.of(name))
            for name in lanes.backend_ids
        }
        self.max_streams = min(max_streams, sum(self._slots.values()))
        self._metrics = metrics
        self._inside: set[Pass] = set()
        self._leave_at_s: float | None = None
        self._closing: Timer | None = None
        self._empty = asyncio.Event()
        self._empty.set()
        metrics.streams.all_slots.set(self.max_streams)
        for name, slots in self._slots.items():
            metrics.of(name).stream_slots.set(min(slots, self.max_streams))
            metrics.of(name).streams_active.set(0)

    @property
    def is_draining(self) -> bool:
        """Nobody is admitted any more."""
        return self._leave_at_s is not None

    def slots_total(self, backend_id: str) -> int:
        """Return how many streams a backend can carry."""
        return self._slots[backend_id]

    def slots_in_use(self, backend_id: str) -> int:
        """Return how many streams a backend carries."""
        return sum(admitted.backend_id == backend_id for admitted in self._inside)

    def check_open(self) -> None:
        """Raise Draining if nobody is admitted any more."""
        if self.is_draining:
            raise _draining("takes no new streams")

    @asynccontextmanager
    async def admit(self, lane: Lane) -> AsyncIterator[Pass]:
        """Count a stream in, and out again at the end of the block.

        Raises Draining or SlotsExhausted instead of letting it in, and Draining out of
        the block when the time to leave has come.
        """
        self.check_open()
        if (refusal := self.refusal(lane)) is not None:
            raise refusal
        admitted = Pass(lane)
        self._inside.add(admitted)
        self._count(admitted.backend_id)
        try:
            async with admitted.leash:
                yield admitted
        finally:
            self._inside.remove(admitted)
            self._count(admitted.backend_id)

    def move(self, admitted: Pass, lane: Lane) -> None:
        """Let a stream that is inside have a slot of another lane instead of its own.

        Raises SlotsExhausted, and changes nothing, if there is none.
        """
        if (refusal := self._fullness(lane)) is not None:
            raise refusal
        left, admitted.lane = admitted.backend_id, lane
        self._count(left)
        self._count(admitted.backend_id)

    def follow(self, admitted: Pass, leave: Callable[[float], None]) -> None:
        """Let a stream hear through ``leave`` when it is to be gone, from now on."""
        admitted.leave = leave
        if self._leave_at_s is not None:
            leave(max(0.0, self._leave_at_s - self._clock.time()))

    def drain(self, grace_s: float) -> None:
        """Admit nobody any more, and end after ``grace_s`` whoever is still inside.

        May be called again: who was to leave later then leaves sooner.
        """
        now_s = self._clock.time()
        leave_at_s = now_s + grace_s
        if self._leave_at_s is not None:
            leave_at_s = min(leave_at_s, self._leave_at_s)
        self._leave_at_s = leave_at_s
        for admitted in self._inside:
            if admitted.leave is not None:
                admitted.leave(max(0.0, leave_at_s - now_s))
        self._close_at(leave_at_s, self._end_the_deaf)

    def _end_the_deaf(self) -> None:
        """End at once those that cannot be told to leave, and soon those that do not."""
        for admitted in self._inside:
            if admitted.leave is None:
                admitted.leash.pull(outstayed())
        self._close_at(self._clock.time() + LAST_WORD_S, self._end_all)

    def _end_all(self) -> None:
        for admitted in self._inside:
            admitted.leash.pull(outstayed())

    def _close_at(self, when_s: float, close: Callable[[], None]) -> None:
        if self._closing is not None:
            self._closing.cancel()
        self._closing = self._clock.call_at(when_s, close)

    async def wait_empty(self) -> None:
        """Wait until nobody is inside."""
        await self._empty.wait()

    def refusal(self, lane: Lane) -> SlotsExhausted | None:
        """Return why another stream would find no slot on ``lane``; None if it would."""
        if len(self._inside) >= self.max_streams:
            return SlotsExhausted(
                f"all streams of this server are taken, {self.max_streams} in number; try "
                f"again in {STREAM_RETRY_S:g} s",
                limit=self.max_streams,
                retry_s=STREAM_RETRY_S,
            )
        return self._fullness(lane)

    def _fullness(self, lane: Lane) -> SlotsExhausted | None:
        slots = lane.backend.info.slot_count
        if sum(other.lane is lane for other in self._inside) < slots:
            return None
        name = lane.backend.info.id
        return SlotsExhausted(
            f"all slots of backend {name} with {lane.model.name} are taken, {slots} in number; "
            f"try again in {STREAM_RETRY_S:g} s, or another backend",
            limit=slots,
            retry_s=STREAM_RETRY_S,
            backend=name,
        )

    def _count(self, backend_id: str) -> None:
        self._metrics.of(backend_id).streams_active.set(self.slots_in_use(backend_id))
        self._metrics.streams.all_active.set(len(self._inside))
        if self._inside:
            self._empty.clear()
        else:
            self._empty.set()


def outstayed() -> Draining:
    """Return what ends a stream that is still there when the server must go."""
    return _draining("has waited as long as it may for this stream to end")


def _draining(what: str) -> Draining:
    return Draining(
        f"the server is shutting down and {what}; connect again, to another if there is one",
        acked_sample=0,
    )
