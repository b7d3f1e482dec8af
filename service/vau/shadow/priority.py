"""When the process of a shadow runs: behind everyone else, until it is to end."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

LOWEST_NICENESS: Final = 19
NO_PRIORITY: Final = os.sched_param(0)  # the only one that the classes here have


def stand_back() -> None:
    """Run only when nobody else wants the processor; threads that begin later do too.

    Half of the cores stay out of reach. To be taken off a core takes until the system notices
    that another wants it, so whoever answers clients must find cores where nobody has to be.
    """
    cores = sorted(os.sched_getaffinity(0))
    ours = cores[len(cores) // 2 :]
    for thread in _threads(os.getpid()):
        with suppress(OSError):  # it has ended, or the system does not allow it
            os.sched_setscheduler(thread, os.SCHED_IDLE, NO_PRIORITY)
        with suppress(OSError):
            os.sched_setaffinity(thread, ours)
            os.setpriority(os.PRIO_PROCESS, thread, LOWEST_NICENESS)


def come_forward(process: int) -> None:
    """Let a process that is to end do so soon, like any other, on any core that we have.

    Even one that is killed needs the processor to end, and on a busy machine one that stands
    back may not get it for a long time. Which of this the system allows, depends on who we are.
    """
    cores = os.sched_getaffinity(0)
    for thread in _threads(process):
        with suppress(OSError):
            os.sched_setaffinity(thread, cores)
        with suppress(OSError):  # who is not root may need RLIMIT_NICE for it
            os.sched_setscheduler(thread, os.SCHED_OTHER, NO_PRIORITY)
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, 0))


def _threads(process: int) -> Iterator[int]:
    """Yield those of a process, none if it is no more."""
    with suppress(OSError):
        for entry in Path(f"/proc/{process}/task").iterdir():
            yield int(entry.name)
