"""How the process of a shadow starts, and in words how it ended."""

import multiprocessing
import signal
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from typing import Final

from vau.errors import BackendFault
from vau.shadow import child
from vau.shadow.messages import Connection, Order
from vau.shadow.priority import come_forward
from vau.signals import ENDING

LAST_WORDS_S: Final = 2.0  # for a process whose pipe has ended to end as well


def death_of(process: BaseProcess, name: str) -> BackendFault:
    """Say how a process ended that did not say so itself."""
    process.join(LAST_WORDS_S)
    return BackendFault(
        f"backend {name}: the process of this shadow has {_end_in_words(process.exitcode)}",
        backend=name,
    )


def _end_in_words(exit_code: int | None) -> str:
    """Say how a process ended: by a status, by the negative number of a signal, or not yet."""
    if exit_code is None:
        return "closed its pipe and goes on; does the backend close what is not its own?"
    if exit_code >= 0:
        return f"ended with exit status {exit_code}; the log before this has its last words"
    if exit_code == -signal.SIGKILL:
        return "been killed by SIGKILL; is there enough memory?"
    numbers = {number.value: number.name for number in signal.Signals}
    cause = numbers.get(-exit_code, f"signal {-exit_code}")
    return f"been ended by {cause}; look for a defect in the backend"


def spawn(pipe: Connection, order: Order) -> BaseProcess:
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


def kill(process: BaseProcess) -> None:
    """Kill a process, if it is not dead yet, in such a way that it soon is."""
    come_forward(process.pid or 0)
    process.kill()
