"""A stream on its lane, and on another when that one fails.

A client may name backends that may take over. At the start of a stream that is whichever is
ready and has room, the best first. Later it is one that owes the same bits: it gets the state
of a second ago, takes the steps since then again, and answers what the other one failed at. So
nothing is said twice and nothing is missing, and what was said is never revised. Each backend
is tried at most once per answer, but one that was left may serve the stream again later.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from vau.backend import BackendInfo, State, promise_equal_bits
from vau.endpoint import EndReason
from vau.errors import BackendError, BackendFault, ResumeMismatch, VauError
from vau.lane import Lane, Timed
from vau.session import NOTHING_REPEATED, Claim, LateEnd, Session, Trail
from vau.v1 import speech_pb2 as pb
from vau.wire.call import Call
from vau.wire.changes import Change
from vau.wire.gate import Pass
from vau.wire.host import Host
from vau.wire.route import Route, ailment, is_for_another, ready, unfitness, with_words

T = TypeVar("T")

LOOK_S: Final = 1.0  # after so long without an answer it is looked whether a backend is stuck


@asynccontextmanager
async def carried(host: Host, call: Call, route: Route) -> AsyncIterator["Carrier"]:
    """Let a stream in, to the first lane of its route that is ready and has room.

    Raises what ``Gate.admit`` does for the first of them, if none is.
    """
    lane, route = ready(host, route)
    async with host.gate.admit(lane) as admitted:
        yield Carrier(host, call, route, admitted)


class Carrier:
    """Takes the audio of one session through the lane that serves it."""

    def __init__(self, host: Host, call: Call, route: Route, admitted: Pass) -> None:
        """Begin where ``admitted`` is, which is on the route."""
        self._host, self._call, self._route = host, call, route
        self.admitted = admitted
        self._shadows: tuple[str, ...] = ()
        self._session: Session | None = None
        self._flushes = 0
        self._repeats = 0
        self._repeated = NOTHING_REPEATED
        self._notices: list[pb.Notice] = []
        call.backend_id = self.lane.backend.info.id

    @property
    def lane(self) -> Lane:
        """Where the session is."""
        return self.admitted.lane

    @property
    def session(self) -> Session:
        """What is carried. Raises ValueError before it has been opened."""
        if self._session is None:
            raise ValueError("nothing is carried yet: open a session")
        return self._session

    async def open(
        self, new: Callable[[], Session], shadows: Sequence[str], state: bytes | None = None
    ) -> None:
        """Give a session a slot, and the state of one that was saved if there is one.

        new:     makes the session, anew for each lane that is tried.
        shadows: the ids of those that are to hear it.
        Raises   what ``Lane.open`` or ``Lane.resume`` does, if no lane of the route takes it.
        """
        self._shadows = tuple(shadows)

        async def begin(lane: Lane) -> None:
            self._session = session = new()
            self._set_out(is_late=state is not None)
            if state is None:
                await self._watched(lane, lambda lane, claim: lane.open(session, claim))
            else:
                await self._watched(
                    lane, lambda lane, claim: lane.resume(session, state, claim)
                )

        why = self._route.why
        try:
            await begin(self.lane)
        except (BackendError, ResumeMismatch) as error:
            if not is_for_another(error):
                raise
            why = why or error
            await self._elsewhere(error, begin, lambda _: "")
        if why is not None and self.lane is not self._route.wanted:
            self._repeats = 0
            self._tell(self._place(self._route.wanted, why))

    async def push(
        self,
        audio: bytes = b"",
        ends: EndReason | None = None,
        *,
        due_s: float | None = None,
        saves: bool = False,
        late_end: LateEnd | None = None,
    ) -> Timed:
        """Answer the next audio as ``Lane.push`` does, on another lane if it must be."""
        apart = saves and self.session.way.trail is not None  # or a failure costs the answer

        async def push(lane: Lane, claim: Claim) -> Timed:
            saves_here = saves and not apart
            return await lane.push(
                self.session,
                audio,
                ends,
                due_s,
                saves=saves_here,
                waits=not self._flushes,
                claim=claim,
                late_end=late_end,
            )

        try:
            timed = await self._watched(self.lane, push)
        except BackendError as error:
            timed = await self._moved(error, partial(self._answered, push, due_s))
        if apart:
            timed = replace(timed, state=await self.save())
        return self._with_repeated(timed)

    def flush(self) -> None:
        """Compute what has come so far without waiting for company, until ``flushed``."""
        self._flushes += 1
        self.lane.hurry()

    def flushed(self) -> None:
        """Take note that all which was to be flushed has been answered."""
        self._flushes -= 1

    async def save(self) -> bytes:
        """Return the state of the session as it is now."""
        try:
            return await self._watched(self.lane, self._save)
        except BackendError as error:
            return await self._moved(error, self._saved)

    def close(self) -> None:
        """Give the slot back, behind anything that is still running."""
        if self._session is not None:
            self.lane.close(self._session)

    def take_notices(self) -> list[pb.Notice]:
        """Return what there is to say of changes, once."""
        taken, self._notices = self._notices, []
        return taken

    async def _save(self, lane: Lane, claim: Claim) -> bytes:
        return await lane.save(self.session, claim)

    async def _answered(
        self, push: Callable[[Lane, Claim], Awaitable[Timed]], due_s: float | None, lane: Lane
    ) -> Timed:
        """Let ``lane`` answer what another one has failed at, or has not even begun."""
        await self._take_over(lane, due_s)
        if self.session.way.pending is None:
            return await self._watched(lane, push)
        return await self._replayed(lane, due_s, waits=not self._flushes)

    async def _saved(self, lane: Lane) -> bytes:
        """Let ``lane`` come to where another one was that had answered everything."""
        await self._take_over(lane, None)
        return await self._watched(lane, self._save)

    async def _take_over(self, lane: Lane, due_s: float | None) -> None:
        """Bring the session to where its last answer left it."""

        async def take_over(lane: Lane, claim: Claim) -> None:
            await lane.take_over(self.session, claim)

        self._set_out(is_late=True)
        await self._watched(lane, take_over)
        self._repeats = self.session.way.steps_to_repeat
        while self.session.way.repeats:
            timed = await self._replayed(lane, due_s)
            self._repeated += timed.answer.repeated

    async def _replayed(self, lane: Lane, due_s: float | None, *, waits: bool = False) -> Timed:
        async def replay(lane: Lane, claim: Claim) -> Timed:
            return await lane.replay(self.session, due_s, waits=waits, claim=claim)

        return await self._watched(lane, replay)

    async def _watched(self, lane: Lane, work: Callable[[Lane, Claim], Awaitable[T]]) -> T:
        """Let ``lane`` do some work. Raises BackendFault if it is stuck, and may be left."""
        claim = Claim()
        if not self._route.others(lane):
            return await work(lane, claim)
        task = asyncio.ensure_future(work(lane, claim))
        name = lane.backend.info.id
        try:
            while not (await asyncio.wait({task}, timeout=LOOK_S))[0]:
                health = self._host.health[name]
                if health.state is State.FAULT and claim.take():
                    raise BackendFault(f"backend {name}: {health.text}", backend=name)
            return task.result()
        finally:
            task.cancel()

    def _with_repeated(self, timed: Timed) -> Timed:
        """Let an answer bring what was taken again since the last one."""
        if not self._repeated.steps:
            return timed
        repeated, self._repeated = self._repeated, NOTHING_REPEATED
        return replace(timed, answer=replace(timed.answer, repeated=repeated))

    async def _moved(self, error: BackendError, enter: Callable[[Lane], Awaitable[T]]) -> T:
        """Let another lane do what this one failed at, and say so.

        Raises ``error`` if no other can, or none may.
        """
        if not is_for_another(error):
            raise error
        change = self._place(self.lane, error)
        here, trail = self.lane.backend.info, self.session.way.trail
        unfit = partial(unfitness, here=here, trail=trail)
        done = await self._elsewhere(error, enter, unfit)
        self._tell(change)
        return done

    async def _elsewhere(
        self,
        error: BackendError | ResumeMismatch,
        enter: Callable[[Lane], Awaitable[T]],
        unfit: Callable[[BackendInfo], str],
    ) -> T:
        """Enter the first other lane that can be entered. Raises ``error`` if none can.

        unfit: says why a backend is not to be tried; nothing if it is.
        """
        refusals, failed = [], self.lane
        for lane in self._route.others(failed):
            name = lane.backend.info.id
            if text := unfit(lane.backend.info) or ailment(self._host, lane):
                refusals.append(f"{name} {text}")
                continue
            try:
                left = self.lane
                self._host.gate.move(self.admitted, lane)
                left.let_go(self.session)
                return await enter(lane)
            except VauError as failure:
                if not is_for_another(failure):
                    raise
                refusals.append(f"{name}: {failure}")
        self._call.backend_id = failed.backend.info.id
        raise with_words(error, refusals) if refusals else error

    def _set_out(self, *, is_late: bool) -> None:
        """Prepare the session for its lane.

        is_late: the beginning of the utterance was heard by nobody who hears it now.
        """
        session, info = self.session, self.lane.backend.info
        if session.way.trail is not None:
            session.way.trail.gives_states = info.state_export
        elif self._has_successors():
            session.way.trail = Trail(gives_states=info.state_export)
        ears = self._host.shadows.ears(self._shadows, info.id, self.lane.model.name)
        if ears is not None and is_late:
            ears.late()
        session.observer = ears
        self._call.backend_id = info.id

    def _has_successors(self) -> bool:
        """Whether some lane of the route could take over from the present one."""
        here, others = self.lane.backend.info, self._route.others(self.lane)
        return any(promise_equal_bits(lane.backend.info, here) for lane in others)

    def _place(self, left: Lane, why: VauError) -> Change:
        """Return the change from ``left`` to where the stream will be, before it goes on."""
        utterance_index, frame = self.session.next_frame
        return Change(
            left=left,
            taken=self.lane,
            why=why,
            utterance_index=utterance_index,
            frame=frame,
            sample=self.session.answered_sample,
        )

    def _tell(self, change: Change) -> None:
        """Say to everybody that the stream is on another lane now."""
        change = replace(change, taken=self.lane, repeated_steps=self._repeats)
        self._notices.append(change.notice())
        self._host.metrics.changed(change.left_id, change.taken_id, change.reason)
        self._call.span.event("backend changed", **change.facts())
        change.log()
