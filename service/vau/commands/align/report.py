"""What came of a manifest: counts, scores, and how far boundaries are from labels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import Any

from vau.alignment import Alignment
from vau.alignment.accuracy import COLUMNS, Offsets, figures, offsets
from vau.batch import Failed
from vau.commands.align.items import Item
from vau.errors import ConfigInvalid
from vau.evaluation.manifest import Inventory, Stretch, read_labels


@dataclass(slots=True)
class Tally:
    """What the alignments of a manifest add up to."""

    labels: Mapping[str, Sequence[Stretch]]
    """By the names of the items; empty where nobody measures."""

    silences: frozenset[str]
    failed: int = 0
    missing: set[str] = field(default_factory=set)
    """Words that no lexicon has."""

    phones: int = 0
    gops_nats: list[float] = field(default_factory=list)
    """Of the utterances."""

    offsets: list[tuple[int, Offsets]] = field(default_factory=list)
    """Behind the places of the items: what is added up does not depend on who was first."""

    def add(self, at: int, item: Item, found: Alignment) -> None:
        """Take note of one alignment."""
        self.phones += len(found.phones)
        self.gops_nats.append(found.gop_nats)
        if self.labels:
            stretches = self.labels[item.name.as_posix()]
            self.offsets.append((at, offsets(found, stretches, self.silences)))

    def fail(self, failed: Failed) -> None:
        """Take note of one that could not be aligned."""
        self.failed += 1
        self.missing |= {*str(failed.error.facts.get("words", "")).split()}

    def report(self) -> dict[str, Any]:
        """Return the figures, those of boundaries at the top for the alignment itself."""
        said: dict[str, Any] = {
            "utterances": len(self.gops_nats),
            "failed": self.failed,
            "missing_words": sorted(self.missing),
            "phones": self.phones,
            "mean_gop_nats": round(fmean(sorted(self.gops_nats)), 6),
        }
        if not self.labels:
            return said
        ordered = [each for _, each in sorted(self.offsets, key=lambda pair: pair[0])]
        aligned, *others = (
            figures(chain.from_iterable(getattr(each, name) for each in ordered))
            for name in COLUMNS
        )
        return said | aligned | dict(zip(COLUMNS[1:], others, strict=True))


def labelled(
    file: Path | None, items: list[Item], inventory: Inventory
) -> tuple[Mapping[str, Sequence[Stretch]], list[Item]]:
    """Return labels by the names of items, none without a file, and the items.

    Those that have no labels there cannot be measured, and their scripts say so.
    Raises ConfigInvalid if the file is not there, or is not to be used.
    """
    if file is None:
        return {}, items
    labels = read_labels(file, {item.name.as_posix() for item in items}, inventory)
    if labels is None:
        raise ConfigInvalid(f"labels: {file}: no such file", field="labels")
    return labels, [
        item
        if item.name.as_posix() in labels or isinstance(item.script, ConfigInvalid)
        else replace(item, script=_unlabelled(item, file))
        for item in items
    ]


def _unlabelled(item: Item, file: Path) -> ConfigInvalid:
    return ConfigInvalid(
        f"labels: {file}: utterance {item.name.as_posix()} has no labels; add its line, or "
        "leave out --labels to align without measuring",
        field="labels",
    )


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the report for people."""
    yield (
        f"{report['utterances']} utterances aligned, {report['failed']} failed; "
        f"{report['phones']} phones, GOP {report['mean_gop_nats']:.2f} nats in the mean"
    )
    if report["missing_words"]:
        yield f"no lexicon has {', '.join(report['missing_words'])}"
    if "boundaries" not in report:
        return
    yield ""
    yield f"{'starts of phones':20}" + "".join(
        f"{name.replace('_', ' '):>13}" for name in COLUMNS
    )
    columns = (report, *(report[name] for name in COLUMNS[1:]))
    for name in figures([0.0]):
        cells = "".join(f"{each.get(name, '-'):>13}" for each in columns)
        yield f"{name.replace('_', ' '):20}{cells}"
