import multiprocessing
import os
from collections.abc import Iterator, Sequence

import pytest

from vau.errors import AudioCorrupt, BackendFault
from vau.processes import core_count, spread


def squares(numbers: Sequence[int]) -> Iterator[int]:
    for number in numbers:
        yield number * number


def fail_at_3(numbers: Sequence[int]) -> Iterator[int]:
    for number in numbers:
        if number == 3:
            raise AudioCorrupt("the third is bad", field="audio")
        yield number


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


def test_there_is_at_least_one_core() -> None:
    assert core_count() >= 1
