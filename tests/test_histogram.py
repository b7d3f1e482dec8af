"""Histograms that take many values at once, held to those of the library."""

import threading

import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics

from vau.metrics.histogram import Cells, Histogram


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 20)), max_size=30))
def test_a_histogram_counts_many_at_once_as_the_library_does_one_by_one(
    values: list[tuple[float, int]],
) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    bounds = (0.01, 0.1, 1.0)
    many = Histogram("h", "h", ("a",), buckets=bounds, registry=ours).labels("x")
    one = prometheus_client.Histogram("h", "h", ("a",), buckets=bounds, registry=theirs)
    line = one.labels("x")
    for value, count in values:
        many.observe(value, count)
        for _ in range(count):
            line.observe(value)
    for name in ("h_count", *(f"h_bucket {edge}" for edge in ("0.01", "0.1", "1.0", "+Inf"))):
        labels = {"a": "x"} | ({"le": name.split()[1]} if " " in name else {})
        shown = [each.get_sample_value(name.split()[0], labels) for each in (ours, theirs)]
        assert shown[0] == shown[1]
    sums = [each.get_sample_value("h_sum", {"a": "x"}) for each in (ours, theirs)]
    assert sums[0] == pytest.approx(sums[1])


def test_a_histogram_is_on_the_page_as_one_of_the_library_is() -> None:
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    bounds = (50e-6, 0.33e-3, 1.0, 14400.0)
    many = Histogram("h", "A text.", ("a", "b"), buckets=bounds, registry=ours)
    many.labels("x", 'y"').observe(0.5, 2)
    one = prometheus_client.Histogram(
        "h", "A text.", ("a", "b"), buckets=bounds, registry=theirs
    )
    for _ in range(2):
        one.labels("x", 'y"').observe(0.5)
    for page in (prometheus_client.generate_latest, openmetrics):
        assert page(ours) == page(theirs)


def test_a_histogram_that_is_there_already_is_refused() -> None:
    registry = CollectorRegistry()
    Histogram("h", "h", ("a",), buckets=(1.0,), registry=registry)
    with pytest.raises(ValueError, match="Duplicated"):
        Histogram("h", "h", ("a",), buckets=(1.0,), registry=registry)


def test_a_histogram_loses_nothing_that_threads_count_at_once() -> None:
    cells = Cells((1.0,))

    def count() -> None:
        for _ in range(20_000):
            cells.observe(0.5, 2)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cells.snapshot() == ([160_000, 160_000], 80_000.0)


def test_labels_that_are_too_few_are_a_mistake() -> None:
    histogram = Histogram("h", "h", ("a",), buckets=(1.0,), registry=CollectorRegistry())
    with pytest.raises(ValueError, match="has labels"):
        histogram.labels()
