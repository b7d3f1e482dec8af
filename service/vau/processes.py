"""Work on many items, in this process or spread over several.

Each process starts fresh, so that nothing is shared but what is handed over. What comes
back does not depend on how the items were spread; only its order does.
"""

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from ctypes import c_bool
from enum import Enum, auto
from itertools import takewhile
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, TypeVar

from vau.errors import BackendFault
from vau.signals import ENDING, signals_held_back

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

POLL_S: Final = 0.1  # how long a Ctrl-C is on its way to the workers

_told: Final[list[c_bool]] = []  # of a worker: what its parent sets


def spread(
    work: Callable[[Iterator[Item]], Iterable[Outcome]],
    items: Sequence[Item],
    *,
    jobs: int,
    ahead: int = 0,
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[Outcome]:
    """Yield what ``work`` yields, as it comes; it is called once in each process.

    Each takes an item when it asks for one, so that none is idle while another has some left.

    ahead:  how many items a process is given before it asks, so that it need not wait for one.
    stopping: once it is true no process is given another item, nor takes one that it was given.
    work:   can be pickled, like the items and what it yields: a function of a module.
    Raises  what ``work`` raises, and BackendFault if a process died; leaving early, for
            whatever reason, ends the other processes at once.
    """
    waiting = takewhile(lambda _: not stopping(), items)
    jobs = min(jobs, len(items))
    if jobs <= 1:
        yield from work(waiting)
        return
    with closing(_Workers(jobs, work)) as workers:
        workers.give_each(ahead, waiting)
        while workers.are_left:
            for worker, said, what in workers.hear():
                if said is _Said.WANT:
                    workers.give(worker, waiting)
                elif said is _Said.OUTCOME:
                    yield what
                elif said is _Said.ERROR:
                    raise what
            if stopping():
                workers.tell_to_stop()


def matched(
    items: Iterable[Item],
    work: Callable[[Iterator[Item]], Iterable[tuple[int, Outcome]]],
) -> Iterator[tuple[Item, Outcome]]:
    """Yield what ``work`` yields, with the item in place of its place; it is called once.

    Of the items, those are held that were taken and not yet answered.
    """
    taken: dict[int, Item] = {}

    def taking() -> Iterator[Item]:
        for place, item in enumerate(items):
            taken[place] = item
            yield item

    for place, outcome in work(taking()):
        yield taken.pop(place), outcome


class _Said(Enum):
    """What a process tells its parent."""

    WANT = auto()
    OUTCOME = auto()
    ERROR = auto()
    END = auto()


_NO_MORE: Final = None
"""Stands behind the last item, each of which is in a tuple."""


class _Workers:
    """Processes that work on what they are given, each at the other end of a pipe."""

    def __init__(self, jobs: int, work: Callable[[Iterator[Item]], Iterable[Outcome]]) -> None:
        """Start them. If that cannot be, none is left."""
        context = multiprocessing.get_context("spawn")
        self._told = context.RawValue(c_bool, False)  # no lock that one who dies would hold
        self._left: dict[Connection, SpawnProcess] = {}
        try:
            with _births():
                for _ in range(jobs):
                    ours, theirs = context.Pipe()
                    process = context.Process(target=_serve, args=(theirs, self._told, work))
                    process.start()
                    self._left[ours] = process
                    theirs.close()  # so that the end of the process is that of the pipe
        except BaseException:
            self.close()
            raise

    @property
    def are_left(self) -> bool:
        """Whether any has not come to its end."""
        return bool(self._left)

    def hear(self) -> Iterator[tuple[Connection, _Said, Any]]:
        """Yield what they say next, after a while even if nobody does."""
        ready = wait([*self._left], POLL_S)
        for worker in [each for each in self._left if each in ready]:
            try:
                said, what = worker.recv()
            except (EOFError, ConnectionError) as cause:
                raise BackendFault(
                    "a worker process died, perhaps for want of memory; try fewer --jobs"
                ) from cause
            if said is _Said.END:
                self._left.pop(worker).join()
                worker.close()
            yield worker, said, what

    def give(self, worker: Connection, waiting: Iterator[object]) -> None:
        """Give one the next item, or word that there is none."""
        with suppress(ConnectionError):  # it has ended, and ``hear`` says how
            worker.send(next(((item,) for item in waiting), _NO_MORE))

    def give_each(self, count: int, waiting: Iterator[object]) -> None:
        """Give so many to each of them, in turns."""
        for worker in [*self._left] * count:
            self.give(worker, waiting)

    def tell_to_stop(self) -> None:
        """Let none take another item."""
        self._told.value = True

    def close(self) -> None:
        """End those that are left."""
        for worker, process in self._left.items():
            worker.close()
            process.terminate()
            process.join()
        self._left = {}


def told_to_stop() -> bool:
    """Tell, in a worker of ``spread``, whether it is to begin nothing more."""
    return any(told.value for told in _told)


def core_count() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


@contextmanager
def stopping_on_interrupt(say: Callable[[], object]) -> Iterator[Callable[[], bool]]:
    """Yield what tells whether there was a Ctrl-C in the block; the second one interrupts us.

    say: is called at the first, within the handler of the signal.
    """
    pressed = threading.Event()

    def press(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        pressed.set()
        with suppress(OSError):  # of an output that nobody reads
            say()

    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _births() -> Iterator[None]:
    """Let nobody be interrupted while processes start: neither us nor, until they can, them.

    A child that dies before it has read what it is to do complains, and so does one whose
    parent is gone by then. Children inherit the mask, and ``_begin`` takes it off; it keeps
    no signal from the other threads of this process, so our handlers wait as well.
    """
    resource_tracker.ensure_running()  # takes the mask off when it has started
    with signals_held_back():
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _begin(told: c_bool) -> None:
    """Take what tells to stop, and let a signal end a worker without a word, from now on.

    A Ctrl-C, which a terminal sends to all, is its parent's to answer; that ends it or not.
    """
    _told.append(told)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def _serve(
    connection: Connection,
    told: c_bool,
    work: Callable[[Iterator[Item]], Iterable[Outcome]],
) -> None:
    """Work on what the parent gives, in a process of its own."""
    _begin(told)
    given: SimpleQueue[tuple[Item] | None] = SimpleQueue()
    Thread(target=_receive, args=(connection, given), daemon=True).start()
    try:
        for outcome in work(_drawn(connection, given)):
            connection.send((_Said.OUTCOME, outcome))
        connection.send((_Said.END, None))
    except Exception as error:  # noqa: BLE001 - it is the parent's
        error.add_note(f"in a worker process:\n{traceback.format_exc()}")
        with suppress(ConnectionError):  # the parent is gone
            connection.send((_Said.ERROR, error))


def _receive(connection: Connection, given: "SimpleQueue[tuple[Item] | None]") -> None:
    """Take what comes at once: if both waited until the other reads, both would for ever."""
    with suppress(EOFError, OSError):
        while True:
            given.put(connection.recv())
    given.put(_NO_MORE)  # the parent is gone


def _drawn(connection: Connection, given: "SimpleQueue[tuple[Item] | None]") -> Iterator[Item]:
    """Yield items as they are asked for, until there are no more or none is to be begun."""
    while True:
        connection.send((_Said.WANT, None))
        item = given.get()
        if item is _NO_MORE or told_to_stop():
            return
        yield item[0]
