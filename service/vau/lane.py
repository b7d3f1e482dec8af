"""The thread of a backend, and the queue in front of it.

While the backend computes, audio of many streams gathers; all of it is the next batch. The
event loop hands audio in and awaits answers; the thread alone touches the backend and the
sessions, so neither needs a lock. A caller who hangs up does not stop the thread: its
``close`` queues behind whatever it left running, and gives the slot back in order.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from time import perf_counter
from typing import TypeVar

from vau.backend import Backend
from vau.errors import VauError
from vau.frontend import Frontend
from vau.model import Model
from vau.session import (
    Answer,
    EndReason,
    Observer,
    Push,
    Round,
    Session,
    advance,
    close_session,
    open_session,
)

T = TypeVar("T")

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


@dataclass(frozen=True, slots=True)
class _PushJob:
    push: Push
    future: "Future[Timed]" = field(default_factory=Future)
    queued_s: float = field(default_factory=perf_counter)


@dataclass(frozen=True, slots=True)
class _CallJob:
    """Something to do between two batches."""

    call: Callable[[], None]
    future: "Future[None]" = field(default_factory=Future)


class Lane:
    """A backend with its network, and the thread that drives it."""

    def __init__(
        self, model: Model, backend: Backend, on_round: Callable[[Round], None] | None = None
    ) -> None:
        """Start the thread. ``on_round`` hears of every round, on that thread."""
        self.model = model
        self.backend = backend
        self._frontend = Frontend(model.frontend)
        self._on_round = on_round
        self._jobs: SimpleQueue[_PushJob | _CallJob | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=backend.info.id, daemon=True)
        self._thread.start()

    async def open(self, session: Session) -> None:
        """Give ``session`` a slot. Raises BackendBusy if none is free."""
        await self._call(lambda: open_session(session, self.backend))

    async def push(
        self, session: Session, audio: bytes = b"", ends: EndReason | None = None
    ) -> Timed:
        """Answer the next audio of ``session``. Raises what it fails with, a VauError."""
        job = _PushJob(Push(session, audio, ends))
        self._jobs.put(job)
        return await asyncio.wrap_future(job.future)

    def close(self, session: Session) -> None:
        """Take the slot of ``session`` back, behind anything of it that is still running."""
        job = _CallJob(lambda: self._leave(session))
        job.future.add_done_callback(_log_failure)  # nobody waits for it
        self._jobs.put(job)

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
            self._jobs.put(None)
            raise
        except BaseException:
            await self._end_thread()
            raise
        await self._end_thread()

    async def _end_thread(self) -> None:
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _leave(self, session: Session) -> None:
        """Take the slot back for good, and let the observer go."""
        try:
            close_session(session, self.backend)
        finally:
            if session.observer is not None:
                _dismiss(session.observer)
                session.observer = None

    async def _call(self, call: Callable[[], None]) -> None:
        job = _CallJob(call)
        self._jobs.put(job)
        await asyncio.wrap_future(job.future)

    def _work(self) -> None:
        while True:
            jobs = [self._jobs.get()]
            while not self._jobs.empty():
                jobs.append(self._jobs.get())
            batch: list[_PushJob] = []
            for job in jobs:
                if isinstance(job, _PushJob):
                    batch.append(job)
                    continue
                self._run(batch)
                batch = []
                if job is None:
                    return
                _answer(job)
            self._run(batch)

    def _run(self, batch: list[_PushJob]) -> None:
        """Advance the sessions of ``batch``, at most ``max_batch`` at a time."""
        wanted = [job for job in batch if job.future.set_running_or_notify_cancel()]
        size = self.backend.info.max_batch
        for first in range(0, len(wanted), size):
            self._run_round(wanted[first : first + size])

    def _run_round(self, jobs: list[_PushJob]) -> None:
        started_s = perf_counter()
        try:
            done = advance(self._frontend, self.backend, [job.push for job in jobs])
            if self._on_round is not None:
                self._on_round(done)
        except Exception as defect:  # noqa: BLE001 - a caller who does not hear of it hangs
            for job in jobs:
                job.future.set_exception(defect)
            return
        for job, answer in zip(jobs, done.answers, strict=True):
            if isinstance(answer, VauError):
                job.future.set_exception(answer)
                continue
            times = StageTimes(
                queue_s=started_s - job.queued_s,
                feature_s=done.feature_s,
                compute_s=done.compute_s,
                post_s=done.post_s,
                batch_size=len(jobs),
            )
            job.future.set_result(Timed(answer, times))
        _tell(done)


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


def _log_failure(done: "Future[None]") -> None:
    error = None if done.cancelled() else done.exception()
    if error is not None:
        logger.error("a slot could not be given back", exc_info=error)


def _answer(job: _CallJob) -> None:
    if not job.future.set_running_or_notify_cancel():
        return
    try:
        job.call()
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the caller
        job.future.set_exception(error)
    else:
        job.future.set_result(None)
