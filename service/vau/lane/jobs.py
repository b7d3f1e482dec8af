"""What a lane has to do, and how those who wait for it hear what has become of it."""

import asyncio
import logging
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby
from time import perf_counter
from typing import Any, NamedTuple

from vau.errors import VauError
from vau.lane.times import StageTimes, Timed
from vau.session import Answer, Push, Round

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class PushJob:
    """The next audio of a session, for one of the next rounds."""

    push: Push
    due_s: float
    """By the clock of ``perf_counter``: who has to be answered first goes first."""

    future: "asyncio.Future[Timed]"
    saves: bool
    waits: bool
    queued_s: float = field(default_factory=perf_counter)


@dataclass(frozen=True, slots=True, eq=False)
class CallJob:
    """Something to do between two rounds."""

    call: Callable[[], None]
    future: "asyncio.Future[None] | None" = None
    """None if nobody waits for it."""

    context: Context = field(default_factory=copy_context)
    """Of whoever asked: what is logged on the way is about that call."""


class Outcome(NamedTuple):
    """What becomes of a job."""

    future: "asyncio.Future[Any]"
    answer: Any
    error: BaseException | None = None


class Sign(Enum):
    """What is no job."""

    END = "the thread is to end"
    NOBODY = "nobody is waited for any longer"


def outcome_of(
    job: PushJob, answer: Answer | VauError, done: Round, started_s: float, batch_size: int
) -> Outcome:
    """Return what becomes of a push that was answered in a round."""
    if isinstance(answer, VauError):
        return Outcome(job.future, None, answer)
    times = StageTimes(
        queue_s=started_s - job.queued_s,
        feature_s=done.feature_s,
        compute_s=done.compute_s,
        post_s=done.post_s,
        batch_size=batch_size,
    )
    return Outcome(job.future, Timed(answer, times))


def hand_over(outcomes: list[Outcome]) -> None:
    """Give outcomes to the loops that wait for them: one call for all of a loop."""
    for loop, of_loop in groupby(outcomes, key=lambda outcome: outcome.future.get_loop()):
        try:
            loop.call_soon_threadsafe(_settle, list(of_loop))
        except RuntimeError:  # the loop has ended, and whoever waited with it
            logger.warning("nobody is left to be answered")


def _settle(outcomes: list[Outcome]) -> None:
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


def run(job: CallJob) -> None:
    """Do what a call asks for, and tell whoever waits for it."""
    if job.future is not None and job.future.cancelled():
        return
    error: Exception | None = None
    try:
        job.context.run(job.call)
    except Exception as failure:  # noqa: BLE001 - whatever it is, it belongs to the caller
        error = failure
    if job.future is not None:
        hand_over([Outcome(job.future, None, error)])
    elif error is not None:
        text = "a slot could not be given back"
        job.context.run(lambda: logger.error(text, exc_info=error))
