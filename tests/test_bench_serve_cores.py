"""Where a process runs, and how much memory it has, as Linux says."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.commands import started
from vau.load.cores import Cores, on_core, siblings
from vau.load.memory import MemoryWatch, resident_kb, watched_memory

NOBODY = 2**22 + 1  # Linux gives no number above 2**22


def test_what_is_started_on_a_core_stays_there_and_we_go_back() -> None:
    before = os.sched_getaffinity(0)
    cores = Cores.of_this_process()
    assert {cores.server, cores.generator} <= before
    with on_core(cores.server):
        code = "import os; print(*os.sched_getaffinity(0))"
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert said.stdout.split() == [b"%d" % cores.server]
        assert os.sched_getaffinity(0) == before
        assert os.sched_getaffinity(child.pid) == {cores.server}
    finally:
        child.kill()
        child.wait()
        assert child.stdin is not None
        child.stdin.close()


def test_a_core_is_a_sibling_of_itself() -> None:
    core = Cores.of_this_process().server
    assert core in siblings(core)
    assert siblings(NOBODY) == {NOBODY}


class Taker:
    """A process that takes 64 MiB when told to, and gives them back. It does nothing else."""

    TAKES = """
held = None
while True:
    input()
    held = None if held else b"1" * (64 << 20)
    print(flush=True)
"""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.pid = process.pid
        self._process = process

    def take_or_give_back(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._process.stdout.readline()


@pytest.fixture
def taker() -> Iterator[Taker]:
    with subprocess.Popen(
        [sys.executable, "-c", Taker.TAKES],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        taker = Taker(process)
        for _ in range(2):  # once for nothing: now it has all that it needs for itself
            taker.take_or_give_back()
        yield taker
        process.kill()


def test_memory_is_what_a_process_has_in_use(taker: Taker) -> None:
    before_kb = resident_kb(taker.pid)
    taker.take_or_give_back()
    after_kb = resident_kb(taker.pid)
    assert before_kb is not None
    assert after_kb is not None
    assert 60 << 10 < after_kb - before_kb < 80 << 10


def test_nobody_has_no_memory() -> None:
    assert resident_kb(NOBODY) is None


def test_a_watch_keeps_the_most_it_saw(taker: Taker) -> None:
    watch = MemoryWatch(taker.pid)
    first_kb = watch.most_kb
    taker.take_or_give_back()
    watch.look()
    most_kb = watch.most_kb
    assert most_kb - first_kb > 60 << 10
    taker.take_or_give_back()
    watch.look()
    assert watch.most_kb == most_kb


def test_a_process_is_watched_until_its_end() -> None:
    with started(
        "serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"
    ) as child:
        assert child.stderr is not None
        child.stderr.readline()
        with watched_memory(child.pid) as watch:
            assert watch.most_kb > 10 << 10
            child.kill()
            child.wait()
        watch.look()
    assert watch.most_kb > 10 << 10
