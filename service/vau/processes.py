"""Work on many items, in this process or spread over several.

Each process starts fresh, so that nothing is shared but what is handed over. What comes
back does not depend on how the items were spread; only its order does.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from vau.errors import BackendFault

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def spread(
    work: Callable[[Sequence[Item]], Iterable[Outcome]],
    items: Sequence[Item],
    *,
    jobs: int,
    group_size: int,
) -> Iterator[Outcome]:
    """Yield what ``work`` yields for the items, as groups of them are done.

    work:   can be pickled, like the items and what it yields: a function of a module.
    Raises  what ``work`` raises, and BackendFault if a process died; leaving early, for
            whatever reason, ends the other processes at once.
    """
    jobs = min(jobs, len(items))
    if jobs <= 1:
        yield from work(items)
        return
    size = min(group_size, -(-len(items) // jobs))
    groups = [items[at : at + size] for at in range(0, len(items), size)]
    context = multiprocessing.get_context("spawn")
    known = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin)
    try:
        futures = [pool.submit(_gather, work, group) for group in groups]
        for future in as_completed(futures):
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


def core_count() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def _begin() -> None:
    """Let an interrupt from the terminal end a worker without a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _gather(
    work: Callable[[Sequence[Item]], Iterable[Outcome]], group: Sequence[Item]
) -> list[Outcome]:
    return list(work(group))
