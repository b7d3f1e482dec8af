"""Workers, and the watchdog over them."""

import mmap
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Final

from tests.commands import ROOT, environment
from tests.fuzz.case import Failure, random_of, read_failures
from tests.fuzz.targets import ALL
from tests.fuzz.worker import BOARD_BYTES, Order, Progress

START_S: Final = 90.0  # for a worker to come up, with its server, on however busy a machine
LOOK_S: Final = 0.05
ENOUGH_LOOKS: Final = 3  # one may fall into the moment in which a worker writes
MOST_GROWTH_BYTES: Final = 48 << 20  # of a worker and its server, once they are warm
MOST_RESTARTS: Final = (
    50  # of the workers of one order; whatever it is, it has been seen by then
)
SAID_CHARACTERS: Final = 4000


@dataclass(slots=True)
class Tally:
    """What became of the inputs of one target."""

    inputs: int = 0
    typed_errors: int = 0
    accepted: int = 0
    growth_bytes: int = 0
    """The most that one worker and its server grew after they were warm."""

    failures: list[Failure] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.inputs += other.inputs
        self.typed_errors += other.typed_errors
        self.accepted += other.accepted
        self.growth_bytes = max(self.growth_bytes, other.growth_bytes)
        self.failures += other.failures


def run(orders: list[Order], jobs: int) -> dict[str, Tally]:
    """Carry out all orders, ``jobs`` at a time."""
    waiting: SimpleQueue[Order] = SimpleQueue()
    for order in orders:
        waiting.put(order)
    tallies = {order.target: Tally() for order in orders}
    lock = threading.Lock()

    def work() -> None:
        while True:
            try:
                order = waiting.get_nowait()
            except Empty:
                return
            tally = carry_out(order)
            with lock:
                tallies[order.target].add(tally)

    with ThreadPoolExecutor(jobs) as pool:
        for done in [pool.submit(work) for _ in range(jobs)]:
            done.result()  # raises what went wrong here rather than there
    return tallies


def carry_out(order: Order) -> Tally:
    """Try the inputs of an order; a worker that ends before its time gets a successor."""
    tally = Tally()
    for _ in range(MOST_RESTARTS):
        last = _one_worker(order, tally)
        if last is None:
            break
        order = replace(order, first=last + 1)
        if order.first >= order.last:
            break
    return tally


def _one_worker(order: Order, tally: Tally) -> int | None:
    """Run one worker; return the number of the input that ended it, None if it came through."""
    failures = Path(order.failures)
    failures.write_text("", encoding="utf-8")
    log = failures.with_suffix(".log")
    with _board(order) as board, log.open("w+b") as stderr:
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker", order.to_json()],
            cwd=ROOT,
            env=environment(OPENBLAS_NUM_THREADS="1"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,  # so that its server can be ended with it
        )
        hung = _watch(worker, board, order.input_s)
        progress = Progress.read(board)
    ended_well = worker.returncode == 0
    tally.add(
        Tally(
            inputs=progress.number - order.first + (not ended_well),
            typed_errors=progress.typed_errors,
            accepted=progress.accepted,
            growth_bytes=max(0, progress.last_bytes - progress.warm_bytes)
            if ended_well and progress.warm_bytes
            else 0,
            failures=list(read_failures(failures)),
        )
    )
    if ended_well:
        return None
    said = log.read_text(encoding="utf-8", errors="replace")[-SAID_CHARACTERS:]
    make = ALL[order.target].make
    tally.failures.append(
        Failure(
            target=order.target,
            number=progress.number,
            verdict="hang" if hung else "crash",
            said=f"{said}\nexit status {worker.returncode}",
            parts=make(random_of(order.seed, order.target, progress.number)),
        )
    )
    return progress.number


@contextmanager
def _board(order: Order) -> Iterator[mmap.mmap]:
    file = Path(order.board)
    file.write_bytes(bytes(BOARD_BYTES))
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), BOARD_BYTES) as board:
        Progress(order.first, monotonic() + START_S - order.input_s).write(board)
        yield board


def _watch(worker: "subprocess.Popen[bytes]", board: mmap.mmap, input_s: float) -> bool:
    """Wait for the end of a worker; kill it, and return True, if it stays with one input."""
    looks = 0  # at one and the same input, since its time is up
    try:
        while looks < ENOUGH_LOOKS:
            try:
                worker.wait(LOOK_S)
            except subprocess.TimeoutExpired:
                is_late = monotonic() > Progress.read(board).begun_s + input_s
                looks = looks + 1 if is_late else 0
            else:
                return False
        return True
    finally:
        _kill_session(worker)


def _kill_session(worker: "subprocess.Popen[bytes]") -> None:
    """End a worker, and what it has started."""
    with suppress(ProcessLookupError):
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
