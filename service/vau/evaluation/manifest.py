"""What is to be heard: a manifest of utterances and, beside it, where each phone lies.

A manifest is a TSV file with a header. It needs the columns ``utt`` (or ``utterance``),
``path`` (relative to the manifest) and ``phones`` (separated by spaces); ``split``,
``speaker`` and ``gender`` are optional. If ``phones_10ms.tsv`` stands beside it, it has no
header and a line ``utt TAB PHONE:frames PHONE:frames ...`` for each utterance, 100 frames a
second from the first sample on, silence included.
"""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from vau.errors import ConfigInvalid

COLUMNS: Final = ("utt", "path", "phones")
NAME_ALIAS: Final = "utterance"
LABELS: Final = "phones_10ms.tsv"
MOST_DIGITS: Final = 9  # of a count of frames: 115 days
LISTED: Final = 12  # values that a message names before it says "..."

Stretch: TypeAlias = tuple[str, int]
"""A phone, or silence, and for how many frames of 10 ms it lasts."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """The phones that a model knows."""

    phonemes: tuple[str, ...]
    """The index is the class id."""

    silences: frozenset[str]
    """Those of them that count on neither side."""

    def fold(self, phone: str) -> str:
        """Take off a stress digit, where the model knows the phone without it alone."""
        bare = phone.rstrip("0123456789")
        return bare if phone not in self.phonemes and bare in self.phonemes else phone


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One line of a manifest."""

    name: str
    path: Path
    phones: tuple[str, ...]
    """Silence left out."""

    speaker: str | None = None
    gender: str | None = None
    alignment: tuple[Stretch, ...] | None = None
    """The whole recording, silence included; None without labels."""


def read_manifest(
    manifest: Path,
    inventory: Inventory,
    split: str = "",
    limit: int | None = None,
    *,
    warn: Callable[[str], None],
) -> list[Utterance]:
    """Return the utterances of ``split``, or all of them if it is empty, in their order.

    limit:  no more than so many, the first ones; what is wrong beyond them does not matter.
    warn:   hears of a ``split`` that was asked for where the manifest has no such column: then
            it is all one split.
    Raises  ConfigInvalid if the manifest, a column, the split, a phoneme, an audio file or an
            utterance's labels are missing or unknown; the message lists what is there. So too
            if an utterance has no phones, or the name of an earlier one.
    """
    rows = _rows(manifest)
    if split and "split" not in rows[0][1]:
        warn(f"{manifest}: no column split, so all its utterances are taken for {split!r}")
    elif split:
        splits = sorted({row["split"] for _, row in rows if row["split"]})
        if split not in splits:
            raise _invalid(manifest, f"no split {split!r}; it has {_listed(splits)}")
        rows = [(line, row) for line, row in rows if row["split"] == split]
    rows = rows[:limit]
    _check_rows(manifest, rows)
    labels = read_labels(manifest.with_name(LABELS), {row["utt"] for _, row in rows}, inventory)
    utterances = [_utterance(manifest, row, inventory, labels) for _, row in rows]
    missing = [str(utterance.path) for utterance in utterances if not _is_file(utterance.path)]
    if missing:
        raise _invalid(
            manifest,
            f"{len(missing)} of {len(utterances)} audio files missing: {_listed(missing)}",
        )
    return utterances


def _is_file(path: Path) -> bool:
    """Tell whether there is such a file; no system has one whose name it refuses."""
    try:
        return path.is_file()
    except OSError:
        return False


def _utterance(
    manifest: Path,
    row: dict[str, str],
    inventory: Inventory,
    labels: dict[str, tuple[Stretch, ...]] | None,
) -> Utterance:
    phones = [inventory.fold(phone) for phone in row["phones"].split()]
    _check_phones(manifest, row["utt"], phones, inventory)
    return Utterance(
        name=row["utt"],
        path=manifest.parent / row["path"],
        phones=tuple(phone for phone in phones if phone not in inventory.silences),
        speaker=row.get("speaker") or None,
        gender=row.get("gender") or None,
        alignment=None if labels is None else labels[row["utt"]],
    )


def _check_rows(manifest: Path, rows: Iterable[tuple[int, dict[str, str]]]) -> None:
    lines: dict[str, int] = {}
    for line, row in rows:
        name = row["utt"]
        if not row["phones"].split():
            raise _invalid(
                manifest,
                f"line {line}: utterance {name} has no phones; write what is said in it, "
                "or leave the line out",
            )
        if name in lines:
            raise _invalid(
                manifest,
                f"line {line}: utterance {name} is there already, in line {lines[name]}; "
                "give each a name of its own",
            )
        lines[name] = line


def _check_phones(
    file: Path, utterance: str, phones: Iterable[str], inventory: Inventory
) -> None:
    unknown = sorted(set(phones) - set(inventory.phonemes))
    if unknown:
        raise _invalid(
            file,
            f"utterance {utterance} has phones that the model does not know: "
            f"{_listed(unknown)}; it knows {' '.join(inventory.phonemes)}",
        )


def _rows(manifest: Path) -> list[tuple[int, dict[str, str]]]:
    """Return each row below the header with the number of its line."""
    try:
        with manifest.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, restval="")
            found = list(table.fieldnames or [])
            table.fieldnames = _without_alias(found)
            rows = [(table.line_num, row) for row in table]
    except (OSError, UnicodeDecodeError, csv.Error) as cause:
        reason = getattr(cause, "strerror", None) or cause
        raise _invalid(manifest, f"cannot be read: {reason}") from cause
    lacking = [name for name in COLUMNS if name not in _without_alias(found)]
    if lacking:
        raise _invalid(
            manifest,
            f"no column {', '.join(lacking)}; separated by tabs it has {_listed(found)}",
        )
    if not rows:
        raise _invalid(manifest, "has no utterance below its header")
    return rows


def _without_alias(columns: Sequence[str]) -> list[str]:
    if "utt" in columns:
        return list(columns)
    return ["utt" if name == NAME_ALIAS else name for name in columns]


def read_labels(
    file: Path, wanted: set[str], inventory: Inventory
) -> dict[str, tuple[Stretch, ...]] | None:
    """Return the labels of the utterances that are wanted; None if there is no such file."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as cause:
        reason = getattr(cause, "strerror", None) or cause
        raise _invalid(file, f"cannot be read: {reason}") from cause
    labels = {}
    for number, line in enumerate(lines, start=1):
        name, _, cells = line.partition("\t")
        if name in wanted:
            labels[name] = tuple(_stretch(file, number, cell) for cell in cells.split())
    for name in sorted(wanted):
        if not labels.get(name):
            raise _invalid(
                file,
                f"utterance {name} has no labels; add its line, or move the file away to "
                "measure without frame labels",
            )
    folded = {
        name: tuple((inventory.fold(phone), frames) for phone, frames in stretches)
        for name, stretches in labels.items()
    }
    for name, stretches in folded.items():
        _check_phones(file, name, (phone for phone, _ in stretches), inventory)
    return folded


def _stretch(file: Path, line: int, cell: str) -> Stretch:
    phone, _, frames = cell.rpartition(":")
    is_count = frames.isascii() and frames.isdecimal() and len(frames) <= MOST_DIGITS
    if not phone or not is_count or not int(frames):
        raise _invalid(file, f"line {line}: {cell!r} is not a phone, a colon and its frames")
    return phone, int(frames)


def _invalid(file: Path, what: str) -> ConfigInvalid:
    return ConfigInvalid(f"{file}: {what}", field="manifest")


def _listed(values: Sequence[str]) -> str:
    if not values:
        return "none"
    return ", ".join(values[:LISTED]) + (", ..." if len(values) > LISTED else "")
