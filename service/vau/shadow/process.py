"""One shadow with one model, as the server has it: a process, and two threads that serve it.

The listener starts the process and hears its reports; when the process fails or dies it says
so and starts another, each time after twice as long a pause. The feeder sends what gathers.
"""

import atexit
import logging
import multiprocessing
import threading
from concurrent.futures import Future
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from time import perf_counter
from typing import Final

from vau.awaited import ABSENT, unknown
from vau.backend import BackendInfo, Health, State
from vau.errors import BackendFault, VauError
from vau.logs import facts
from vau.shadow.backlog import LIMIT_STEPS, Backlog
from vau.shadow.birth_and_death import death_of, kill, spawn
from vau.shadow.feeder import feed
from vau.shadow.messages import Connection, GaveUp, Message, Opened, Order
from vau.shadow.meters import ShadowMeters, ShadowMetrics
from vau.shadow.priority import come_forward

logger = logging.getLogger(__name__)

BACKEND: Final = "backend"  # how an error begins that is about what was asked for
SHADOW: Final = "shadow"
END_S: Final = 2.0  # to finish a round and close the backend; then it is killed
LOOKS: Final = 4  # into the pipe of a process that is silent, before that is held against it


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a shadow may take, and when it is given another try."""

    backlog_steps: int = LIMIT_STEPS
    opening_s: float = 60.0
    """For a process to open its backend when it is not the first, for which others wait."""

    silence_s: float = 60.0
    """A process that has something to do reports ten times a second. One that is silent for so
    long is taken for stuck, and killed."""

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
        """Done once it listens for the first time, or is known to be absent and is tried again;
        fails if it cannot be had at all."""

        self.opened.set_running_or_notify_cancel()  # whoever gives up waiting cancels nothing
        self._order = order
        self._metrics = metrics
        self._limits = limits
        self._info: BackendInfo | None = None
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
        """What it said of itself, little if it was absent so far. It has to have opened."""
        if self._info is None:
            raise ValueError(f"{self.asked} has not opened yet")
        return self._info

    @property
    def name(self) -> str:
        """Its id, or until that is known, what was asked for."""
        return self.asked if self._info is None else self._info.id

    @property
    def pid(self) -> int:
        """Of the process that was started last; 0 before that."""
        process = self._process
        return 0 if process is None else process.pid or 0

    @property
    def health(self) -> Health:
        """How it fares."""
        why = self._why_down
        return Health(State.FAULT, why) if why else Health(State.READY)

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
            come_forward(self.pid)
            backlog.close()  # which the feeder passes on; the listener counts what is left

    def close(self, patience_s: float = END_S) -> None:
        """End the process, by force if it takes long. Closing twice is harmless."""
        self.hang_up()
        if self._backlog is not None:
            self._thread.join(patience_s)
        if self._process is not None and self._thread.is_alive():
            kill(self._process)
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        """Keep a process going."""
        pause_s = self._limits.first_pause_s
        while True:
            started_s = perf_counter()
            error = self._outcome()
            self._why_down = str(error)
            if self._info is None and not isinstance(error, ABSENT):
                self.opened.set_exception(_of_a_shadow(error))
                return
            if self._info is None:
                self._show(unknown(self.asked, self._order.slots))
            if self._is_last.is_set():
                return
            if perf_counter() - started_s > self._limits.longest_pause_s:
                pause_s = self._limits.first_pause_s
            self._complain(error, pause_s)
            if self._is_last.wait(pause_s):
                return
            pause_s = min(2.0 * pause_s, self._limits.longest_pause_s)
            self._order = replace(self._order, is_first=False)

    def _outcome(self) -> VauError:
        """Have a process live; return what became of it, whatever it was."""
        try:
            return self._live()
        except Exception as defect:  # of ours, or a system that has no process to give
            logger.exception("shadow not served", extra=facts(shadow=self.name))
            text = f"{type(defect).__name__}: {defect}"
            return BackendFault(
                f"backend {self.name}: the server cannot keep its process: {text}; "
                "the log has the traceback",
                backend=self.name,
            )

    def _live(self) -> VauError:
        """Start a process and hear it out; return what it failed with."""
        pipe, theirs = multiprocessing.Pipe()
        with pipe:
            with theirs:  # closed here, or else its death would not end the pipe
                process = spawn(theirs, self._order)
            self._process = process
            atexit.register(process.kill)  # or Python would wait for one that ignores SIGTERM
            if self._is_last.is_set():  # who closed us did not see it yet
                kill(process)
            try:
                return self._hear(pipe, process)
            finally:
                kill(process)
                process.join()
                atexit.unregister(process.kill)

    def _hear(self, pipe: Connection, process: BaseProcess) -> VauError:
        """Listen to a process until it fails or dies."""
        patience_s = None if self._order.is_first else self._limits.opening_s
        try:
            if not pipe.poll(patience_s):
                return self._stuck("has not opened its backend", self._limits.opening_s)
            first: Message = pipe.recv()
        except (EOFError, OSError):
            return death_of(process, self.name)
        if isinstance(first, GaveUp):
            return first.error
        assert isinstance(first, Opened)
        backlog = Backlog(self._order.primaries, self._limits.backlog_steps)
        feeder = threading.Thread(target=feed, args=(pipe, backlog), daemon=True)
        feeder.start()
        try:
            meters = self._begin(first.info, backlog)
            return self._count(pipe, meters, backlog) or death_of(process, self.name)
        finally:
            self._end(backlog)
            kill(process)  # or the feeder might wait for it
            feeder.join()

    def _begin(self, info: BackendInfo, backlog: Backlog) -> ShadowMeters:
        """Show that a process listens."""
        is_first = self._info is None
        meters = self._show(info)
        meters.up(lambda: backlog.frames)
        self._backlog, self._why_down = backlog, ""
        if not is_first:
            what = facts(shadow=self.name, model=self.model, pid=self.pid)
            logger.info("shadow up again", extra=what)
        return meters

    def _show(self, info: BackendInfo) -> ShadowMeters:
        """Show what it is. The id by which it is known stays; the rest may be news."""
        self._info = replace(info, id=info.id if self._info is None else self._info.id)
        self._meters = ShadowMeters(
            self._metrics, self._info, model=self.model, primaries=self._order.primaries
        )
        if not self.opened.done():
            self.opened.set_result(self._info)
        return self._meters

    def _count(
        self, pipe: Connection, meters: ShadowMeters, backlog: Backlog
    ) -> VauError | None:
        """Count what a process reports, until it ends.

        Returns what it failed with, None if it died without a word.
        """
        silent_looks = 0
        try:
            while True:
                if not pipe.poll(self._limits.silence_s / LOOKS):
                    silent_looks = silent_looks + 1 if backlog.is_open and backlog.steps else 0
                    if silent_looks > LOOKS:  # at the first it may just have got some work
                        return self._stuck("has not reported", self._limits.silence_s)
                    continue
                silent_looks = 0
                message: Message = pipe.recv()
                if isinstance(message, GaveUp):
                    return message.error
                if isinstance(message, tuple):
                    for tally in message:
                        meters.count(tally, sum(map(backlog.lose, tally.without_slot)))
                        backlog.done(tally.done)
        except (EOFError, OSError):
            return None

    def _end(self, backlog: Backlog) -> None:
        """Show that no process listens, and count what it leaves undone."""
        self._backlog = None
        backlog.close()
        for primary, loss in enumerate(backlog.leftover()):
            self.shed(primary, loss.frames, loss.utterances)
        if self._meters is not None:
            self._meters.down()

    def _stuck(self, what: str, for_s: float) -> BackendFault:
        return BackendFault(
            f"backend {self.name}: the process of this shadow {what} for {for_s:g} s; "
            "it is stuck, or the machine has no time for it",
            backend=self.name,
        )

    def _complain(self, error: VauError, pause_s: float) -> None:
        """Count and log a loss, in words."""
        if self._meters is not None:
            self._meters.lost()
        what = facts(shadow=self.info.id, model=self.model, text=str(error), again_s=pause_s)
        logger.warning("shadow down", extra=what)


def _of_a_shadow(error: VauError) -> VauError:
    """Return an error about a backend as one about the shadow that it was to be."""
    if error.field != BACKEND:
        return error
    other = error.saying(SHADOW + str(error).removeprefix(BACKEND))
    other.field = SHADOW
    return other
