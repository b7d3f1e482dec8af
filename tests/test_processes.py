import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from multiprocessing import resource_tracker, util

import pytest

from tests.serving import eventually
from vau.errors import AudioCorrupt, BackendFault
from vau.processes import core_count, spread, stopping_on_interrupt, told_to_stop


def squares(numbers: Sequence[int]) -> Iterator[int]:
    for number in numbers:
        yield number * number


def fail_at_3(numbers: Sequence[int]) -> Iterator[int]:
    for number in numbers:
        if number == 3:
            raise AudioCorrupt("the third is bad", field="audio")
        yield number


def until_told(_numbers: Sequence[int]) -> Iterator[bool]:
    eventually(told_to_stop)
    yield True


def die(_numbers: Sequence[int]) -> list[int]:
    os._exit(1)


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_comes_back_does_not_depend_on_the_processes(jobs: int) -> None:
    outcomes = spread(squares, range(7), jobs=jobs, group_size=2)
    assert sorted(outcomes) == [0, 1, 4, 9, 16, 25, 36]


def test_nothing_to_do_is_done_at_once() -> None:
    assert list(spread(squares, [], jobs=8, group_size=2)) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_reaches_the_caller_and_leaves_no_process(jobs: int) -> None:
    with pytest.raises(AudioCorrupt, match="the third is bad"):
        list(spread(fail_at_3, range(6), jobs=jobs, group_size=2))
    assert multiprocessing.active_children() == []


def test_a_process_that_dies_is_an_error_and_no_wait_without_end() -> None:
    with pytest.raises(BackendFault, match="a worker process died"):
        list(spread(die, range(4), jobs=2, group_size=2))


def test_leaving_early_leaves_no_process() -> None:
    outcomes = spread(squares, range(8), jobs=2, group_size=1)
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []


def test_who_stops_begins_no_other_group_and_gets_those_that_run() -> None:
    outcomes = spread(squares, range(9), jobs=2, group_size=2, stopping=lambda: True)
    assert sorted(outcomes) == [0, 1, 4, 9]


def test_who_stops_tells_the_groups_that_run() -> None:
    outcomes = spread(until_told, range(9), jobs=2, group_size=5, stopping=lambda: True)
    assert list(outcomes) == [True, True]
    assert not told_to_stop()


def test_the_second_interrupt_is_one() -> None:
    said: list[str] = []
    with stopping_on_interrupt(lambda: said.append("once")) as stopping:
        assert not stopping()
        signal.raise_signal(signal.SIGINT)
        assert stopping()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert said == ["once"]


def test_an_interrupt_that_cannot_be_told_of_is_one_all_the_same() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with stopping_on_interrupt(lambda: os.write(writer, b"stopping")) as stopping:
        signal.raise_signal(signal.SIGINT)
        assert stopping()
    os.close(writer)


def test_the_cores_are_those_that_this_process_may_use() -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert core_count() == 1
    finally:
        os.sched_setaffinity(0, allowed)


class Interrupted(BaseException):
    """What a handler raises in the middle of anything."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_between_birth_and_instruction_of_a_process_waits_until_all_are_started(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    resource_tracker.ensure_running()  # a process too, but not one of those meant
    give_birth = util.spawnv_passfds
    born: list[int] = []

    def and_interrupt(path: bytes, arguments: list[str], descriptors: list[int]) -> int:
        pid = give_birth(path, arguments, descriptors)
        os.kill(os.getpid(), number)
        os.kill(pid, number)  # as a terminal does, to all of its processes
        born.append(pid)
        return pid

    def interrupt(_number: int, _frame: object) -> None:
        raise Interrupted

    monkeypatch.setattr(util, "spawnv_passfds", and_interrupt)
    free = threading.Event()
    other = threading.Thread(target=free.wait)  # one that takes signals, as a drawing one does
    other.start()
    before = signal.signal(number, interrupt)
    try:
        with pytest.raises(Interrupted):
            list(spread(squares, range(4), jobs=2, group_size=2))
    finally:
        signal.signal(number, before)
        free.set()
        other.join()
    assert len(born) == 2
    assert multiprocessing.active_children() == []
    assert capfd.readouterr().err == ""
