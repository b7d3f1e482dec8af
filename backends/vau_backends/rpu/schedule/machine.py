"""Executes a placed chunk on real integers: the schedule as hardware would meet it.

Operations begin in the order of their cycles, in whatever order they were placed. Each reads
its operands when it begins, and what it writes is there when it ends. Whoever reads what is
not there yet, or no longer, and whoever begins on a component that is busy, ends the run with
a ``ScheduleFault``. What comes out has to be the bits of ``cell.py``, whatever the schedule.

Ref: docs/rpu-spec-0.md: the arithmetic in sections 3 to 5, the schedule in section 6.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from vau_backends.rpu.cell import Ints
from vau_backends.rpu.form import Form
from vau_backends.rpu.schedule.datapath import Datapath, Writes
from vau_backends.rpu.schedule.operations import MAC_CLUSTERS, Operation, Turn
from vau_backends.rpu.schedule.registers import ScheduleFault
from vau_backends.rpu.weights import LayerWeights


@dataclass(frozen=True, slots=True)
class Memory:
    """What is in the chip before a chunk, or after it; all of it in int64."""

    x: Sequence[Ints]
    """By stream, shape (frames, inputs): before the chunk its quantised features, after it h
    of the top layer."""

    h: Ints
    """Shape (streams, layers, hidden)."""

    c: Ints
    """Likewise."""


def execute(
    operations: Iterable[Operation], layers: Sequence[LayerWeights], form: Form, before: Memory
) -> Memory:
    """Run a chunk and return what it leaves.

    Raises ScheduleFault if an operation comes too early or too late for its operands, or to a
           component that is busy.
    """
    machine = _Machine(Datapath(layers, form))
    machine.load(before)
    issues = [issue for operation in operations for issue in operation.issues()]
    for issue in sorted(issues, key=lambda issue: issue.start_cycle):
        machine.begin(issue)
    machine.wait()
    return machine.unload(before)


class _Machine:
    """A datapath in time."""

    def __init__(self, datapath: Datapath) -> None:
        self._datapath = datapath
        self._pending: list[tuple[int, int, Writes]] = []  # end, number of arrival, results
        self._arrivals = 0
        self._free_at: dict[str, int] = {}

    def load(self, memory: Memory) -> None:
        """Put features and states where the first operations look for them."""
        registers = self._datapath.registers
        for stream, x in enumerate(memory.x):
            for step, features in enumerate(x):
                registers.write(self._datapath.x(Turn(0, step, stream)), features)
            for layer in range(len(self._datapath.layers)):
                turn = Turn(layer, 0, stream)
                registers.write(self._datapath.h(turn), memory.h[stream, layer])
                registers.write(self._datapath.c(turn), memory.c[stream, layer])

    def unload(self, before: Memory) -> Memory:
        """Return what is there behind the last frame of each stream."""
        registers, layers = self._datapath.registers, len(self._datapath.layers)
        h, c, top = before.h.copy(), before.c.copy(), list[Ints]()
        for stream, x in enumerate(before.x):
            for layer in range(layers):
                turn = Turn(layer, len(x), stream)
                h[stream, layer] = registers.read(self._datapath.h(turn))
                c[stream, layer] = registers.read(self._datapath.c(turn))
            top.append(np.zeros((len(x), h.shape[2]), np.int64))
            for step in range(len(x)):
                place = self._datapath.x(Turn(layers, step, stream))
                top[stream][step] = registers.read(place)
        return Memory(top, h, c)

    def begin(self, issue: Operation) -> None:
        """Take the operands of an operation; its results are on their way."""
        now, component = issue.start_cycle, issue.component
        self._arrive(now)
        if self._free_at.get(component, 0) > now:
            raise ScheduleFault(
                f"cycle {now}: {component} is to begin {issue.kind} for {issue.turn}, but is "
                f"busy until cycle {self._free_at[component]}"
            )
        # A cluster takes one product at a time; whatever is pipelined begins every cycle.
        self._free_at[component] = issue.end_cycle if component in MAC_CLUSTERS else now + 1
        try:
            results = self._datapath.results(issue)
        except ScheduleFault as fault:
            raise ScheduleFault(f"cycle {now}, {component}, {issue.kind}: {fault}") from fault
        heappush(self._pending, (issue.end_cycle, self._arrivals, results))
        self._arrivals += 1

    def wait(self) -> None:
        """Let everything arrive that is on its way."""
        self._arrive(max((end for end, _, _ in self._pending), default=0))

    def _arrive(self, now: int) -> None:
        """Write the results of whatever has ended."""
        while self._pending and self._pending[0][0] <= now:
            for place, values in heappop(self._pending)[2]:
                self._datapath.registers.write(place, values)
