"""What the accelerators' work cost: the sums of a round, counted once."""

from collections import defaultdict
from collections.abc import Sequence

from prometheus_client import Counter

from vau.backend import Cost
from vau.metrics.families import ALL_COMPONENTS, SharingFamilies, WorkFamilies
from vau.metrics.histogram import Cells, Histogram
from vau.session import Answer, Repetition


class CostMeters:
    """The meters of one backend's costs. A line appears when there is something to count."""

    def __init__(self, work: WorkFamilies, sharing: SharingFamilies, backend_id: str) -> None:
        """Begin without a line."""
        self._work, self._sharing = work, sharing
        self._id = backend_id
        self._counters: dict[tuple[Counter, tuple[str, ...]], Counter] = {}
        self._cells: dict[tuple[Histogram, tuple[str, ...]], Cells] = {}

    def count(self, done: Sequence[Answer | Repetition]) -> None:
        """Count what a round cost, what was taken again in it included."""
        sums: defaultdict[Counter, float] = defaultdict(float)
        for each in done:
            self._add(sums, each.cost)
            self._add_apart(sums, each.cost.apart)
            if each.steps:
                self._observe(each.cost, each.steps)
        for counter, amount in sums.items():
            counter.inc(amount)

    def _add(self, sums: defaultdict[Counter, float], cost: Cost) -> None:
        work = self._work
        if cost.cycles is not None:
            sums[self._counter(work.cycles, cost.device_origin)] += cost.cycles
        if cost.memory_bytes is not None:
            sums[self._counter(work.memory)] += cost.memory_bytes
        for energy in cost.energies:
            parts = energy.parts or ((ALL_COMPONENTS, energy.joules),)
            for name, joules in parts:
                line = self._counter(work.energy, energy.origin, energy.boundary, name)
                sums[line] += joules
        for layer, events in enumerate(cost.saturations):
            sums[self._counter(work.saturations, str(layer))] += events

    def _add_apart(self, sums: defaultdict[Counter, float], cost: Cost) -> None:
        """Add what it would have cost; where sharing changes nothing that is what it did."""
        sharing = self._sharing
        if cost.cycles is not None:
            sums[self._counter(sharing.cycles, cost.device_origin)] += cost.cycles
        if cost.memory_bytes is not None:
            sums[self._counter(sharing.memory)] += cost.memory_bytes
        for energy in cost.energies:
            line = self._counter(sharing.energy, energy.origin, energy.boundary)
            sums[line] += energy.joules

    def _observe(self, cost: Cost, steps: int) -> None:
        """Count a share of the cost for each of the steps."""
        if cost.device_s is not None:
            device = self._line(self._work.frame_device, cost.device_origin)
            device.observe(cost.device_s / steps, steps)
        for energy in cost.energies:
            line = self._line(self._work.energy_per_frame, energy.origin, energy.boundary)
            line.observe(energy.joules / steps, steps)

    def _counter(self, family: Counter, *labels: str) -> Counter:
        found = self._counters.get((family, labels))
        if found is None:
            found = self._counters[family, labels] = family.labels(self._id, *labels)
        return found

    def _line(self, family: Histogram, *labels: str) -> Cells:
        found = self._cells.get((family, labels))
        if found is None:
            found = self._cells[family, labels] = family.labels(self._id, *labels)
        return found
