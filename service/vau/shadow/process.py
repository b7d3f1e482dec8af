"""One shadow with one model, as the server has it: a process, and two threads that serve it.

The listener starts the process and hears its reports; when the process fails or dies it says
so and starts another, each time after twice as long a pause. The feeder sends what gathers.
"""

import logging
import multiprocessing
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from time import perf_counter, sleep
from typing import Final

from vau.backend import BackendInfo, Health, State
from vau.errors import BackendFault, VauError
from vau.logs import facts
from vau.processes import ENDING
from vau.shadow import child
from vau.shadow.backlog import LIMIT_FRAMES, Backlog
from vau.shadow.messages import (
    Connection,
    Failed,
    Message,
    Opened,
    Order,
    Piece,
    Pieces,
)
from vau.shadow.meters import ShadowMeters, ShadowMetrics

logger = logging.getLogger(__name__)

# A shadow is not in a hurry, and each time its feeder wakes up it takes the interpreter from
# those who are. Live streams send every 100 ms or more often: in twice that all of them gather,
# and share one pass over the weights, which spares the caches of whoever answers.
GATHER_S: Final = 0.2
MESSAGE_PIECES: Final = 32  # joined and sent in one go: some hundred microseconds at most
END_S: Final = 2.0  # to finish a round and close the backend; then it is killed


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a shadow may take, and when it is given another try."""

    backlog_frames: int = LIMIT_FRAMES
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0
    """A process that lived longer than this is followed by another after the first pause."""


class Shadow:
    """A backend that answers nobody."""

    def __init__(
        self, order: Order, model: str, metrics: ShadowMetrics, limits: Limits
    ) -> None:
        """Do nothing yet. ``model`` is the name by which clients know it."""
        self.asked = order.backend
        self.model = model
        self.opened: Future[BackendInfo] = Future()
        """Done once it listens for the first time; fails if it cannot be had at all."""

        self.opened.set_running_or_notify_cancel()  # whoever gives up waiting cancels nothing
        self._order = order
        self._metrics = metrics
        self._limits = limits
        self._meters: ShadowMeters | None = None
        self._backlog: Backlog | None = None
        self._process: BaseProcess | None = None
        self._why_down = "it has not opened yet"
        self._is_last = threading.Event()  # no other process is started after this one
        self._thread = threading.Thread(
            target=self._run, name=f"shadow {order.backend}", daemon=True
        )

    @property
    def backlog(self) -> Backlog | None:
        """What the process that listens now is offered; None while there is none."""
        return self._backlog

    @property
    def info(self) -> BackendInfo:
        """What it said of itself. It has to have opened."""
        return self.opened.result(0.0)

    @property
    def health(self) -> Health:
        """How it fares."""
        if self._backlog is not None:
            return Health(State.READY)
        return Health(State.FAULT, self._why_down)

    def place_of(self, backend: str) -> int:
        """Return by which number the process knows a backend that answers clients."""
        return [primary.id for primary in self._order.primaries].index(backend)

    def start(self) -> None:
        """Start it; ``opened`` tells how that went."""
        self._thread.start()

    def shed(self, primary: int, frames: int, utterances: int) -> None:
        """Count what it is not asked to compute."""
        if self._meters is not None:
            self._meters.shed(primary, frames, utterances)

    def let_die(self) -> None:
        """Do not start it again when it is lost: the server is about to end."""
        self._is_last.set()

    def hang_up(self) -> None:
        """Tell the process to end; nothing is offered to it any more."""
        self.let_die()
        backlog = self._backlog
        if backlog is not None:
            backlog.close()  # which the feeder passes on

    def close(self, patience_s: float = END_S) -> None:
        """End the process, by force if it takes long. Closing twice is harmless."""
        self.hang_up()
        if self._backlog is not None:
            self._thread.join(patience_s)
        if self._process is not None and self._thread.is_alive():
            self._process.kill()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        """Keep a process going."""
        pause_s = self._limits.first_pause_s
        while True:
            started_s = perf_counter()
            error = self._live()
            if not self.opened.done():
                self.opened.set_exception(error)
                return
            if self._is_last.is_set():
                return
            if perf_counter() - started_s > self._limits.longest_pause_s:
                pause_s = self._limits.first_pause_s
            self._complain(error, pause_s)
            if self._is_last.wait(pause_s):
                return
            pause_s = min(2.0 * pause_s, self._limits.longest_pause_s)
            self._order = replace(self._order, is_first=False)

    def _live(self) -> VauError:
        """Start a process and hear it out; return what it failed with."""
        pipe, theirs = multiprocessing.Pipe()
        with pipe:
            process = _spawn(theirs, self._order)
            theirs.close()  # or else its death would not end the pipe
            self._process = process
            if self._is_last.is_set():  # who closed us did not see it yet
                process.kill()
            try:
                return self._hear(pipe, process)
            finally:
                process.kill()
                process.join()

    def _hear(self, pipe: Connection, process: BaseProcess) -> VauError:
        """Listen to a process until it fails or dies."""
        try:
            first: Message = pipe.recv()
        except (EOFError, OSError):
            return _death_of(process, self.asked)
        if isinstance(first, Failed):
            return first.error
        assert isinstance(first, Opened), "a report before it has opened"
        backlog = Backlog(self._order.primaries, self._limits.backlog_frames)
        feeder = threading.Thread(target=_feed, args=(pipe, backlog), daemon=True)
        feeder.start()
        meters = self._begin(first.info, backlog)
        try:
            error = _count(pipe, meters, backlog) or _death_of(process, self.asked)
            self._why_down = str(error)
        finally:
            self._backlog = None
            meters.down()
            for primary, frames in enumerate(backlog.close()):
                meters.shed(primary, frames, 0)
            process.kill()  # or the feeder might wait for it
            feeder.join()
        return error

    def _begin(self, info: BackendInfo, backlog: Backlog) -> ShadowMeters:
        """Show that a process listens."""
        if self._meters is None:
            self._meters = ShadowMeters(
                self._metrics, (info.id, self.model), info.arithmetic_id, self._order.primaries
            )
        self._meters.up(lambda: backlog.frames)
        self._backlog = backlog
        if self.opened.done():
            logger.info("shadow up again", extra=facts(shadow=info.id, model=self.model))
        else:
            self.opened.set_result(info)
        return self._meters

    def _complain(self, error: VauError, pause_s: float) -> None:
        """Count and log a loss, in words."""
        if self._meters is not None:
            self._meters.lost()
        what = facts(shadow=self.info.id, model=self.model, text=str(error), again_s=pause_s)
        logger.warning("shadow down", extra=what)


def _count(pipe: Connection, meters: ShadowMeters, backlog: Backlog) -> VauError | None:
    """Count what a process reports; return what it failed with, None if it died without."""
    try:
        while True:
            message: Message = pipe.recv()
            if isinstance(message, Failed):
                return message.error
            if isinstance(message, tuple):
                for tally in message:
                    meters.count(tally)
                    backlog.done(tally.primary, tally.frames + tally.shed_frames)
    except (EOFError, OSError):
        return None


def _death_of(process: BaseProcess, asked: str) -> BackendFault:
    process.join(END_S)
    return BackendFault(
        f"backend {asked}: the process of this shadow has ended, with exit status "
        f"{process.exitcode}; is there enough memory?",
        backend=asked,
    )


def _feed(pipe: Connection, backlog: Backlog) -> None:
    """Send what gathers, a little at a time, until the backlog is closed."""
    with suppress(OSError):  # the listener finds that out as well, and says so
        while pieces := backlog.gather():
            sleep(GATHER_S)
            for message in _messages([*pieces, *backlog.rest()]):
                pipe.send(message)
        pipe.send(None)


def _messages(pieces: Sequence[Piece]) -> Iterator[Pieces]:
    """Join pieces of one primary; those of one utterance stay in order."""
    by_primary = sorted(pieces, key=lambda piece: piece.primary)
    for _, group in groupby(by_primary, key=lambda piece: piece.primary):
        alike = list(group)
        for first in range(0, len(alike), MESSAGE_PIECES):
            yield Pieces.join(alike[first : first + MESSAGE_PIECES])


def _spawn(pipe: Connection, order: Order) -> BaseProcess:
    """Start a process that no signal interrupts before it can deal with one."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=child.main, args=(pipe, order), daemon=True)
    resource_tracker.ensure_running()  # or it would start with the mask, and take it off
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return process
