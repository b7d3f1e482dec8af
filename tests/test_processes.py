import multiprocessing
import os
import signal
import threading
import weakref
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from multiprocessing import resource_tracker, util
from pathlib import Path

import pytest

from tests.serving import eventually
from vau.errors import AudioCorrupt, BackendFault
from vau.processes import core_count, matched, spread, stopping_on_interrupt, told_to_stop


def squares(numbers: Iterable[int]) -> Iterator[int]:
    for number in numbers:
        yield number * number


def fail_at_3(numbers: Iterable[int]) -> Iterator[int]:
    for number in numbers:
        if number == 3:
            raise AudioCorrupt("the third is bad", field="audio")
        yield number


def one_until_told(numbers: Iterable[int]) -> Iterator[int]:
    for number in numbers:
        yield number
        eventually(told_to_stop)


def one_then_for_ever(numbers: Iterable[int]) -> Iterator[int]:
    yield from islice(numbers, 1)
    threading.Event().wait()


def with_pid(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    for number in numbers:
        yield os.getpid(), number


def die(_numbers: Iterable[int]) -> list[int]:
    os._exit(1)


def first_waits_for_last(last: int, done: Path, numbers: Iterable[int]) -> Iterator[int]:
    for number in numbers:
        if number == 0:
            eventually(done.exists)
        if number == last:
            done.touch()
        yield number


def test_what_a_process_has_not_asked_for_is_done_by_another(tmp_path: Path) -> None:
    work = partial(first_waits_for_last, 19, tmp_path / "done")
    assert sorted(spread(work, range(20), jobs=2)) == list(range(20))


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_comes_back_does_not_depend_on_the_processes(jobs: int) -> None:
    outcomes = spread(squares, range(7), jobs=jobs)
    assert sorted(outcomes) == [0, 1, 4, 9, 16, 25, 36]


def test_nothing_to_do_is_done_at_once() -> None:
    assert list(spread(squares, [], jobs=8)) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_reaches_the_caller_and_leaves_no_process(jobs: int) -> None:
    with pytest.raises(AudioCorrupt, match="the third is bad"):
        list(spread(fail_at_3, range(6), jobs=jobs))
    assert multiprocessing.active_children() == []


def test_a_process_that_dies_is_an_error_and_no_wait_without_end() -> None:
    with pytest.raises(BackendFault, match="a worker process died"):
        list(spread(die, range(4), jobs=2))


def test_leaving_early_leaves_no_process_whatever_it_is_at() -> None:
    outcomes = spread(one_then_for_ever, range(8), jobs=2)
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_who_stops_gives_no_other_item_and_gets_those_that_run(jobs: int) -> None:
    heard: list[int] = []
    heard.extend(spread(squares, range(1000), jobs=jobs, stopping=lambda: len(heard) > 3))
    assert 3 < len(heard) < 1000


def test_who_stops_tells_those_that_have_items_left() -> None:
    heard: list[int] = []
    heard.extend(
        spread(one_until_told, range(12), jobs=2, ahead=5, stopping=lambda: len(heard) == 2)
    )
    assert len(heard) == 2
    assert not told_to_stop()


def test_who_stops_at_once_begins_nothing() -> None:
    assert list(spread(squares, range(9), jobs=2, ahead=2, stopping=lambda: True)) == []


def test_what_is_given_ahead_is_given_in_turns() -> None:
    taken: dict[int, set[int]] = {}
    for pid, number in spread(with_pid, range(20), jobs=2, ahead=10):
        taken.setdefault(pid, set()).add(number)
    assert sorted(map(sorted, taken.values())) == [[*range(0, 20, 2)], [*range(1, 20, 2)]]


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
            list(spread(squares, range(4), jobs=2))
    finally:
        signal.signal(number, before)
        free.set()
        other.join()
    assert len(born) == 2
    assert multiprocessing.active_children() == []
    assert capfd.readouterr().err == ""


class Asked:
    """An item, of which it can be told whether anybody still holds it."""

    def __init__(self, number: int) -> None:
        self.number = number


def in_pairs_backwards(items: Iterator[Asked]) -> Iterator[tuple[int, int]]:
    numbers = enumerate(item.number for item in items)
    while pair := list(islice(numbers, 2)):
        yield from reversed(pair)


def test_each_answer_stands_behind_its_item_whatever_their_order() -> None:
    items = [Asked(number) for number in range(10, 15)]
    answers = [(item.number, answer) for item, answer in matched(items, in_pairs_backwards)]
    assert answers == [(number, number) for number in (11, 10, 13, 12, 14)]


def test_an_item_that_is_answered_is_not_held() -> None:
    held: list[weakref.ref[Asked]] = []

    def asked() -> Iterator[Asked]:
        for number in range(10):
            item = Asked(number)
            held.append(weakref.ref(item))
            yield item
            del item

    for item, _ in matched(asked(), in_pairs_backwards):
        del item
        assert sum(each() is not None for each in held) <= 2
    assert len(held) == 10
