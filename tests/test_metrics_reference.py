"""The page of meters is what the code registers."""

from pathlib import Path

from vau.metrics.door import REASONS
from vau.metrics.reference import TEXTS, VALUES, page, rows

ROOT = Path(__file__).resolve().parent.parent


def test_the_page_is_as_the_code_makes_it() -> None:
    there = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    assert there == page(), "python -m vau.metrics.reference > docs/metrics.md"


def test_every_meter_says_what_it_counts_and_every_label_what_it_may_say() -> None:
    explained = {label for label, _ in VALUES}
    explained |= {label for labels in TEXTS for label in labels.split(", ")}
    for row in rows():
        assert row.text.endswith(".") or row.text.endswith("log"), row.name
        assert (row.kind == "histogram") == bool(row.bounds), row.name
        assert {*row.labels} - explained == set(), row.name


def test_values_are_told_of_meters_and_labels_that_there_are() -> None:
    by_name = {row.name: row for row in rows()}
    for label, meter in VALUES:
        if meter:
            assert label in by_name[meter].labels
        else:
            assert any(label in row.labels for row in by_name.values())


def test_why_callers_are_refused_is_told_whole() -> None:
    said = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("door", "web", "wire")
        for path in (ROOT / "service/vau" / folder).glob("*.py")
    )
    found = {part.partition('"')[0] for part in said.split('why="')[1:]}
    assert found == {*REASONS}
