"""Whose the processor's time was."""

import os
from time import process_time
from typing import Final

from tests.commands import started
from vau.load.processor import children_cpu_s, machine_cpu_s, process_cpu_s

TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
NOBODY: Final = 2**22 + 1  # Linux gives no number above 2**22


def test_of_a_process_it_is_what_the_process_sees_itself() -> None:
    before_s = process_time()
    found_s = process_cpu_s(os.getpid())
    assert found_s is not None
    assert (
        before_s - 2 * TICK_S <= found_s <= process_time() + 2 * TICK_S
    )  # two counts, rounded


def test_a_process_that_has_ended_took_nobody_knows_how_much() -> None:
    assert process_cpu_s(NOBODY) is None
    assert children_cpu_s(NOBODY) == 0.0


def test_the_time_of_a_child_is_its_parents_childrens() -> None:
    with started(
        "serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"
    ) as child:
        assert child.stderr is not None
        child.stderr.readline()  # by now it has worked for seconds
        own_s = process_cpu_s(child.pid)
        assert own_s is not None
        assert children_cpu_s(os.getpid()) >= own_s > 0.0


def test_the_machine_was_as_busy_as_any_process_of_it() -> None:
    before_s, machine_s = process_time(), machine_cpu_s()
    while process_time() - before_s < 5 * TICK_S:
        pass
    assert machine_cpu_s() - machine_s >= process_time() - before_s - 3 * TICK_S
