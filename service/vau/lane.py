"""The thread of a backend, and the line of those who wait for it.

While the backend computes, audio of many streams gathers; all of it is the next batch, or as
much as the backend takes at once, and then those go first who must be answered first. A
caller who hangs up does not stop the thread: its ``close`` queues behind whatever it left
running, and gives the slot back in order.

Who may touch what: the backend, this thread alone. A session, this thread from when it comes
to a job of it until that is answered, but while the backend is asked for something: then, and
while the job is still in line, the event loop may take the session away (``Claim``), and let
it go to another lane. Between two jobs the session is the event loop's.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from itertools import groupby
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any, Final, NamedTuple, TypeVar

from vau.audio import FRAME_BUDGET_S
from vau.backend import Backend, Slot
from vau.checkpoint.whole import resume_session, saved_session
from vau.endpoint import EndReason
from vau.errors import ConfigInvalid, VauError
from vau.frontend import Frontend
from vau.model import Model
from vau.session import (
    Answer,
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

MOST_WAIT_S: Final = 1.0  # whoever waits that long is not live any more

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTimes:
    """Where the wall time of an answer went, on this host."""

    queue_s: float
    feature_s: float
    compute_s: float
    post_s: float
    batch_size: int
    """Streams that shared the round."""


@dataclass(frozen=True, slots=True)
class Timed:
    """An answer and the time it took."""

    answer: Answer
    times: StageTimes
    state: bytes | None = None
    """Of the session behind this answer, if that was asked for; see ``Lane.resume``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """How long a lane waits for company, and how much of it takes part."""

    max_wait_s: float = 0.0
    """After the first who comes, for the others whose streams are open. Nobody waits while the
    backend is busy anyway, nor once all are there."""

    max_size: int = 0
    """Streams in a round; 0 for as many as the backend gains by."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.max_wait_s <= MOST_WAIT_S:
            raise ConfigInvalid(
                f"max_wait_ms={self.max_wait_s * 1e3:g} is outside 0..{MOST_WAIT_S * 1e3:g}; "
                "0 makes nobody wait",
                field="max_wait_ms",
            )
        if self.max_size < 0:
            raise ConfigInvalid(
                f"max_batch_size={self.max_size} must be 0, for what the backend gains by, "
                "or more",
                field="max_batch_size",
            )


@dataclass(frozen=True, slots=True, eq=False)
class _PushJob:
    push: Push
    due_s: float
    """By the clock of ``perf_counter``: who has to be answered first goes first."""

    future: "asyncio.Future[Timed]"
    saves: bool
    waits: bool
    queued_s: float = field(default_factory=perf_counter)


@dataclass(frozen=True, slots=True, eq=False)
class _CallJob:
    """Something to do between two rounds."""

    call: Callable[[], None]
    future: "asyncio.Future[None] | None" = None
    """None if nobody waits for it."""

    context: Context = field(default_factory=copy_context)
    """Of whoever asked: what is logged on the way is about that call."""


class _Outcome(NamedTuple):
    """What becomes of a job."""

    future: "asyncio.Future[Any]"
    answer: Any
    error: BaseException | None = None


class _Sign(Enum):
    """What is no job."""

    END = "the thread is to end"
    NOBODY = "nobody is waited for any longer"


class Lane:
    """A backend with its network, and the thread that drives it."""

    def __init__(
        self,
        model: Model,
        backend: Backend,
        on_round: Callable[[Round], None] | None = None,
        batching: Batching = Batching(),
    ) -> None:
        """Start the thread. ``on_round`` hears of every round, on that thread."""
        self.model = model
        self.backend = backend
        self._frontend = Frontend(model.frontend)
        self._on_round = on_round
        self._max_wait_s = batching.max_wait_s
        self._size = batching.max_size or backend.info.max_batch
        self._sessions: set[Session] = set()
        self._jobs: SimpleQueue[_PushJob | _CallJob | _Sign] = SimpleQueue()
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
            self._put(_CallJob(_pass))  # a wall: whoever is in line goes before it

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
        slot, session.slot = session.slot, None
        observer, session.observer = session.observer, None
        self._put(_CallJob(lambda: self._let_go(session, slot, observer)))

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
        self._put(_CallJob(lambda: self._leave(session)))

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
            self._jobs.put(_Sign.END)
            raise
        except BaseException:
            await self._end_thread()
            raise
        await self._end_thread()

    async def _end_thread(self) -> None:
        self._jobs.put(_Sign.END)
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

    def _leave(self, session: Session) -> None:
        """Take the slot back for good, and let the observer go."""
        slot, session.slot = session.slot, None
        observer, session.observer = session.observer, None
        self._let_go(session, slot, observer)

    def _let_go(self, session: Session, slot: Slot | None, observer: Observer | None) -> None:
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
        self._put(_PushJob(push, due_s, future, saves, waits))
        return await future

    async def _call(self, call: Callable[[], None]) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(_CallJob(call, future))
        await future

    def _put(self, job: _PushJob | _CallJob) -> None:
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
            if not isinstance(job, _Sign) and job.future is not None:
                late = RuntimeError(f"the lane of {self.backend.info.id} has been shut down")
                _hand_over([_Outcome(job.future, None, late)])

    def _work(self) -> None:
        """Take jobs as they come: a call is a wall between the rounds before and behind it."""
        line: list[_PushJob] = []
        while True:
            job = self._next(line)
            if isinstance(job, _PushJob):
                line.append(job)
            elif job is _Sign.NOBODY:
                line = self._run_round(line)
            else:
                while line:
                    line = self._run_round(line)
                if isinstance(job, _Sign):
                    self._has_ended = True
                    self._refuse_the_rest()
                    return
                _run(job)

    def _next(self, line: list[_PushJob]) -> _PushJob | _CallJob | _Sign:
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
                return _Sign.NOBODY
        try:
            return self._jobs.get(timeout=left_s)
        except Empty:
            return _Sign.NOBODY

    def _run_round(self, line: list[_PushJob]) -> list[_PushJob]:
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
                _outcome(job, answer, done, started_s, len(jobs))
                for job, answer in zip(jobs, done.answers, strict=True)
            ]
        except Exception as defect:  # noqa: BLE001 - a caller who does not hear of it hangs
            _hand_over([_Outcome(job.future, None, defect) for job in jobs])
            return rest
        _hand_over([each for job, each in zip(jobs, outcomes, strict=True) if not job.saves])
        _hand_over(
            [
                self._with_state(job, each)
                for job, each in zip(jobs, outcomes, strict=True)
                if job.saves
            ]
        )
        _tell(done)
        return rest

    def _with_state(self, job: _PushJob, outcome: _Outcome) -> _Outcome:
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


def _outcome(
    job: _PushJob, answer: Answer | VauError, done: Round, started_s: float, batch_size: int
) -> _Outcome:
    if isinstance(answer, VauError):
        return _Outcome(job.future, None, answer)
    times = StageTimes(
        queue_s=started_s - job.queued_s,
        feature_s=done.feature_s,
        compute_s=done.compute_s,
        post_s=done.post_s,
        batch_size=batch_size,
    )
    return _Outcome(job.future, Timed(answer, times))


def _hand_over(outcomes: list[_Outcome]) -> None:
    """Give outcomes to the loops that wait for them: one call for all of a loop."""
    for loop, of_loop in groupby(outcomes, key=lambda outcome: outcome.future.get_loop()):
        try:
            loop.call_soon_threadsafe(_settle, list(of_loop))
        except RuntimeError:  # the loop has ended, and whoever waited with it
            logger.warning("nobody is left to be answered")


def _settle(outcomes: list[_Outcome]) -> None:
    """Wake those who wait; on their own loop."""
    for future, answer, error in outcomes:
        if future.done():  # its caller has hung up
            continue
        if isinstance(error, StopIteration):  # which no future takes: await would end by it
            future.set_exception(RuntimeError(f"a defect raised {error!r}"))
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(answer)


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


def _run(job: _CallJob) -> None:
    if job.future is not None and job.future.cancelled():
        return
    error: Exception | None = None
    try:
        job.context.run(job.call)
    except Exception as failure:  # noqa: BLE001 - whatever it is, it belongs to the caller
        error = failure
    if job.future is not None:
        _hand_over([_Outcome(job.future, None, error)])
    elif error is not None:
        text = "a slot could not be given back"
        job.context.run(lambda: logger.error(text, exc_info=error))
