"""Histograms that take many equal values at the price of one.

The library's take one at a time, and of a chunk of live audio all frames take equally long:
ten frames and five stages would be fifty calls where five do.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from threading import Lock

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector


class Cells:
    """One line of a histogram: the counts of its buckets for one set of labels."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """Begin empty; ``bounds`` are the upper ones, ascending, without infinity."""
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self._lock = Lock()

    def observe(self, value: float, times: int = 1) -> None:
        """Count ``value``, which occurred so many times."""
        at = bisect_left(self._bounds, value)
        with self._lock:
            self._counts[at] += times
            self._sum += value * times

    def add(self, counts: Sequence[int], total: float) -> None:
        """Count many values, of which so many belong in each bucket, and which sum to this."""
        with self._lock:
            pairs = zip(self._counts, counts, strict=True)
            self._counts = [ours + more for ours, more in pairs]
            self._sum += total

    def snapshot(self) -> tuple[list[int], float]:
        """Return the counts up to each bound and up to infinity, and the sum of all values."""
        with self._lock:
            return list(accumulate(self._counts)), self._sum


class Histogram(Collector):
    """A histogram with labels, on the page like any other."""

    def __init__(
        self,
        name: str,
        text: str,
        labels: Sequence[str],
        *,
        buckets: Sequence[float],
        registry: CollectorRegistry,
    ) -> None:
        """Register it. Raises ValueError if the name is taken."""
        self._name, self._text, self._labelnames = name, text, tuple(labels)
        self.bounds = tuple(buckets)
        self._lines: dict[tuple[str, ...], Cells] = {}
        self._lock = Lock()
        registry.register(self)

    def labels(self, *values: str) -> Cells:
        """Return the line of these labels; look it up once and keep it."""
        if len(values) != len(self._labelnames):
            raise ValueError(f"{self._name} has labels {self._labelnames}, not {len(values)}")
        with self._lock:
            if values not in self._lines:
                self._lines[values] = Cells(self.bounds)
            return self._lines[values]

    def describe(self) -> Iterable[HistogramMetricFamily]:
        """Return the family without a line: what the registry knows the name from."""
        return [HistogramMetricFamily(self._name, self._text, labels=self._labelnames)]

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """Return what the page shows."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._labelnames)
        edges = [*map(_shown, self.bounds), "+Inf"]
        with self._lock:
            lines = list(self._lines.items())
        for values, cells in lines:
            counts, total = cells.snapshot()
            family.add_metric(values, list(zip(edges, counts, strict=True)), total)
        return [family]


def _shown(bound: float) -> str:
    """Return a bound as the library shows those of its own."""
    return str(float(bound))
