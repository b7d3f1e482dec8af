"""Work on many items, in this process or spread over several.

Each process starts fresh, so that nothing is shared but what is handed over. What comes
back does not depend on how the items were spread; only its order does.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from ctypes import c_bool
from itertools import islice
from multiprocessing import resource_tracker
from typing import Final, TypeVar

from vau.errors import BackendFault
from vau.signals import ENDING, signals_held_back

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

POLL_S: Final = 0.1  # how long a Ctrl-C is on its way to the workers

_told: Final[list[c_bool]] = []  # of a worker: what its parent sets


def spread(
    work: Callable[[Sequence[Item]], Iterable[Outcome]],
    items: Sequence[Item],
    *,
    jobs: int,
    group_size: int,
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[Outcome]:
    """Yield what ``work`` yields for the items, as groups of them are done.

    stopping: once it is true no other group is begun, and ``told_to_stop`` is true in the
            workers; the groups that were begun, end.
    work:   can be pickled, like the items and what it yields: a function of a module.
    Raises  what ``work`` raises, and BackendFault if a process died; leaving early, for
            whatever reason, ends the other processes at once.
    """
    jobs = min(jobs, len(items))
    if jobs <= 1:
        yield from work(items)
        return
    size = min(group_size, -(-len(items) // jobs))
    groups = (items[at : at + size] for at in range(0, len(items), size))
    context = multiprocessing.get_context("spawn")
    known = set(multiprocessing.active_children())
    told = context.RawValue(c_bool, False)  # without a lock that one who dies would hold
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(told,))
    try:
        with _births():  # a process starts when work is submitted
            running = {pool.submit(_gather, work, group) for group in islice(groups, jobs)}
        while running:
            done, running = wait(running, POLL_S, FIRST_COMPLETED)
            told.value = told.value or stopping()
            if following := [] if told.value else list(islice(groups, len(done))):
                with _births():
                    running |= {pool.submit(_gather, work, group) for group in following}
            for future in done:
                yield from future.result()
    except BrokenProcessPool as cause:
        raise BackendFault(
            "a worker process died, perhaps for want of memory; try fewer --jobs"
        ) from cause
    except BaseException:
        for process in set(multiprocessing.active_children()) - known:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


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


def _gather(
    work: Callable[[Sequence[Item]], Iterable[Outcome]], group: Sequence[Item]
) -> list[Outcome]:
    return list(work(group))
