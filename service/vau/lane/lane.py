"""The thread of a backend."""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import TypeVar

from vau.audio import FRAME_BUDGET_S
from vau.backend import Backend, Slot
from vau.checkpoint.whole import resume_session, saved_session
from vau.endpoint import EndReason
from vau.frontend import Frontend
from vau.lane.batching import EAGER, Batching
from vau.lane.jobs import CallJob, Outcome, PushJob, Sign, hand_over, outcome_of, run
from vau.lane.times import Timed
from vau.model import Model
from vau.session import (
    Claim,
    LateEnd,
    Observer,
    Push,
    Round,
    Session,
    advance,
    move_session,
    open_session,
)

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Lane:
    """A backend with its network, and the thread that drives it."""

    def __init__(
        self,
        model: Model,
        backend: Backend,
        on_round: Callable[[Round], None] | None = None,
        batching: Batching = EAGER,
    ) -> None:
        """Start the thread. ``on_round`` hears of every round, on that thread."""
        self.model = model
        self.backend = backend
        self._frontend = Frontend(model.frontend)
        self._on_round = on_round
        self._max_wait_s = batching.max_wait_s
        self._max_size = batching.max_size
        self._sessions: set[Session] = set()
        self._jobs: SimpleQueue[PushJob | CallJob | Sign] = SimpleQueue()
        self._has_ended = False
        self._thread = threading.Thread(target=self._work, name=backend.info.id, daemon=True)
        self._thread.start()

    async def open(self, session: Session, claim: Claim | None = None) -> None:
        """Give ``session`` a slot. Raises BackendBusy if none is free.

        claim: by which the session can be taken away while this stands in line.
        """
        await self._call(lambda: self._enter(session, open_session, claim))

    async def push(
        self,
        session: Session,
        audio: bytes = b"",
        ends: EndReason | None = None,
        due_s: float | None = None,
        *,
        saves: bool = False,
        waits: bool = True,
        claim: Claim | None = None,
        late_end: LateEnd | None = None,
    ) -> Timed:
        """Answer the next audio of ``session``. Raises what it fails with, a VauError.

        due_s:    when the answer is due, by the clock of ``perf_counter``; if nobody says, one
                  budget of a frame from now.
        saves:    whether the state behind the answer is wanted with it.
        waits:    whether it may wait for the company of others, as ``Batching`` has it.
        claim:    by which the session can be taken away; whoever does that cancels this.
        late_end: through which the end of the stream may come along while this is in line.
        """
        push = Push(session, audio, ends, claim=claim or Claim(), late_end=late_end)
        return await self._pushed(push, due_s, saves=saves, waits=waits)

    def hurry(self) -> None:
        """Let nobody who waits for company at present wait any longer."""
        if self._max_wait_s:
            self._put(CallJob(_pass))  # a wall: whoever is in line goes before it

    async def replay(
        self,
        session: Session,
        due_s: float | None = None,
        *,
        waits: bool = False,
        claim: Claim | None = None,
    ) -> Timed:
        """Take the next of what a session owes that was taken over, as ``Session.way`` has it.

        due_s, waits, claim: as for ``push``; it has waited already, and for worse.
        Returns at last what ``push`` would have, and before that, for what has been answered
        elsewhere, answers without a frame.
        """
        push = Push(session, is_new=False, claim=claim or Claim())
        return await self._pushed(push, due_s, waits=waits)

    async def take_over(self, session: Session, claim: Claim | None = None) -> None:
        """Give a session a slot that another lane has ``let_go``, where its trail begins.

        The backends owe each other equal states. Raises BackendBusy if no slot is free,
        BadSnapshot if this one does not take the state, BackendFault if it fails.
        """
        await self._call(lambda: self._enter(session, move_session, claim))

    def let_go(self, session: Session) -> None:
        """Take the slot of a session back that is to go on elsewhere.

        Only for one of which nothing is running here, or that was taken away. Its observer is
        told that it has left.
        """
        slot, observer = _bare(session)
        self._put(CallJob(lambda: self._give_back(session, slot, observer)))

    async def save(self, session: Session, claim: Claim | None = None) -> bytes:
        """Return the state of ``session`` as it is now, for ``resume`` here or elsewhere."""
        return await self.ask(partial(saved_session, session, claim=claim))

    async def resume(self, session: Session, state: bytes, claim: Claim | None = None) -> None:
        """Give a new ``session`` a slot, and the state of one that was saved.

        Raises ResumeError for a state that does not belong here, BackendBusy if no slot is
        free.
        """
        await self._call(lambda: self._enter(session, partial(_resume, state), claim))

    def close(self, session: Session) -> None:
        """Take the slot of ``session`` back, behind anything of it that is still running."""

        def close() -> None:
            self._give_back(session, *_bare(session))

        self._put(CallJob(close))

    async def ask(self, question: Callable[[Backend], T]) -> T:
        """Put ``question`` to the backend, on its own thread, between two batches."""
        answers: list[T] = []
        await self._call(lambda: answers.append(question(self.backend)))
        return answers[0]

    async def shutdown(self) -> None:
        """Finish what is queued, close the backend, end the thread."""
        try:
            await self._call(self.backend.close)
        except asyncio.CancelledError:  # of a backend that is stuck, the thread is too
            self._jobs.put(Sign.END)
            raise
        except BaseException:
            await self._end_thread()
            raise
        await self._end_thread()

    async def _end_thread(self) -> None:
        self._jobs.put(Sign.END)
        await asyncio.to_thread(self._thread.join)

    def _enter(
        self,
        session: Session,
        enter: Callable[[Session, Backend], None],
        claim: Claim | None,
    ) -> None:
        if claim is not None and not claim.hold():
            return  # it is somebody else's by now
        try:
            enter(session, self.backend)
        finally:
            if session.slot is not None:
                self._sessions.add(session)

    def _give_back(
        self, session: Session, slot: Slot | None, observer: Observer | None
    ) -> None:
        self._sessions.discard(session)
        try:
            if slot is not None:
                self.backend.release(slot)
        finally:
            if observer is not None:
                _dismiss(observer)

    async def _pushed(
        self, push: Push, due_s: float | None, *, saves: bool = False, waits: bool = True
    ) -> Timed:
        if due_s is None:
            due_s = perf_counter() + FRAME_BUDGET_S
        future: asyncio.Future[Timed] = asyncio.get_running_loop().create_future()
        self._put(PushJob(push, due_s, future, saves, waits))
        return await future

    async def _call(self, call: Callable[[], None]) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(CallJob(call, future))
        await future

    def _put(self, job: PushJob | CallJob) -> None:
        """Put a job into the line; behind the end it is refused."""
        self._jobs.put(job)
        if self._has_ended:
            self._refuse_the_rest()

    def _refuse_the_rest(self) -> None:
        """Tell those who came too late, or they would wait for ever."""
        while True:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return
            if not isinstance(job, Sign) and job.future is not None:
                late = RuntimeError(f"the lane of {self.backend.info.id} has been shut down")
                hand_over([Outcome(job.future, None, late)])

    def _work(self) -> None:
        """Take jobs as they come: a call is a wall between the rounds before and behind it."""
        line: list[PushJob] = []
        while True:
            job = self._next(line)
            if isinstance(job, PushJob):
                line.append(job)
            elif job is Sign.NOBODY:
                line = self._run_round(line)
            else:
                while line:
                    line = self._run_round(line)
                if isinstance(job, Sign):
                    self._has_ended = True
                    self._refuse_the_rest()
                    return
                run(job)

    @property
    def _size(self) -> int:
        """The most works of a round; a backend that was awaited says so once it is there."""
        return self._max_size or self.backend.info.max_batch

    def _next(self, line: list[PushJob]) -> PushJob | CallJob | Sign:
        """Return the next job, or NOBODY if those in line should not wait for more."""
        if not line:
            return self._jobs.get()
        try:
            return self._jobs.get_nowait()
        except Empty:
            first_s = min(job.queued_s for job in line)
            left_s = first_s + self._max_wait_s - perf_counter()
            if (
                left_s <= 0.0
                or len(line) >= min(self._size, len(self._sessions))
                or not all(job.waits for job in line)
            ):
                return Sign.NOBODY
        try:
            return self._jobs.get(timeout=left_s)
        except Empty:
            return Sign.NOBODY

    def _run_round(self, line: list[PushJob]) -> list[PushJob]:
        """Advance the sessions that are due first; return those that have to wait longer.

        Of equally urgent ones those who came first go first.
        """
        wanted = [job for job in line if not job.future.cancelled()]
        wanted.sort(key=lambda job: job.due_s)
        jobs, rest = wanted[: self._size], wanted[self._size :]
        if not jobs:
            return rest
        started_s = perf_counter()
        try:
            done = advance(self._frontend, self.backend, [job.push for job in jobs])
            if self._on_round is not None:
                self._on_round(done)
            outcomes = [
                outcome_of(job, answer, done, started_s, len(jobs))
                for job, answer in zip(jobs, done.answers, strict=True)
            ]
        except Exception as defect:  # noqa: BLE001 - a caller who does not hear of it hangs
            hand_over([Outcome(job.future, None, defect) for job in jobs])
            return rest
        hand_over([each for job, each in zip(jobs, outcomes, strict=True) if not job.saves])
        hand_over(
            [
                self._with_state(job, each)
                for job, each in zip(jobs, outcomes, strict=True)
                if job.saves
            ]
        )
        _tell(done)
        return rest

    def _with_state(self, job: PushJob, outcome: Outcome) -> Outcome:
        """Add the state behind an answer."""
        if outcome.error is not None:
            return outcome
        try:
            state = saved_session(job.push.session, self.backend)
        except Exception as failure:  # noqa: BLE001 - as above
            return outcome._replace(error=failure)
        return outcome._replace(answer=replace(outcome.answer, state=state))


def _resume(state: bytes, session: Session, backend: Backend) -> None:
    resume_session(session, backend, state)


def _bare(session: Session) -> tuple[Slot | None, Observer | None]:
    """Return the slot and the observer of a session, which has neither from now on."""
    slot, session.slot = session.slot, None
    observer, session.observer = session.observer, None
    return slot, observer


def _tell(done: Round) -> None:
    """Tell the observers, now that nobody waits for an answer any more."""
    for observer, heard in done.heard:
        try:
            observer.heard(heard)
        except Exception:  # an observer is no part of the service, whatever becomes of it
            logger.exception("an observer failed")


def _dismiss(observer: Observer) -> None:
    try:
        observer.left()
    except Exception:  # as above
        logger.exception("an observer failed")


def _pass() -> None:
    """Do nothing."""
