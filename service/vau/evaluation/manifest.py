"""What is to be heard: a manifest of utterances and, beside it, where each phone lies.

A manifest needs the columns ``utt`` (or ``utterance``), ``path`` (relative to the manifest)
and ``phones`` (separated by spaces); ``split``, ``speaker`` and ``gender`` are optional. If
``phones_10ms.tsv`` stands beside it, it has no
header and a line ``utt TAB PHONE:frames PHONE:frames ...`` for each utterance, 100 frames a
second from the first sample on, silence included.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from vau.manifest import check_apart, invalid, listed, rows_of, rows_of_split

COLUMNS: Final = ("utt", "path", "phones")
LABELS: Final = "phones_10ms.tsv"
MOST_DIGITS: Final = 9  # of a count of frames: 115 days

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
    rows = rows_of(manifest, COLUMNS)
    rows = rows_of_split(manifest, rows, split, warn)[:limit]
    _check_rows(manifest, rows)
    labels = _labels_beside(manifest, {row["utt"] for _, row in rows}, inventory)
    utterances = [_utterance(manifest, row, inventory, labels) for _, row in rows]
    missing = [str(utterance.path) for utterance in utterances if not _is_file(utterance.path)]
    if missing:
        raise invalid(
            manifest,
            f"{len(missing)} of {len(utterances)} audio files missing: {listed(missing)}",
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


def _labels_beside(
    manifest: Path, wanted: set[str], inventory: Inventory
) -> dict[str, tuple[Stretch, ...]] | None:
    file = manifest.with_name(LABELS)
    labels = read_labels(file, wanted, inventory)
    bare = [] if labels is None else sorted(wanted - labels.keys())
    if bare:
        raise invalid(
            file,
            f"utterance {bare[0]} has no labels; add its line, or move the file away to "
            "measure without frame labels",
        )
    return labels


def _check_rows(manifest: Path, rows: Sequence[tuple[int, dict[str, str]]]) -> None:
    check_apart(manifest, rows)
    for line, row in rows:
        if not row["phones"].split():
            raise invalid(
                manifest,
                f"line {line}: utterance {row['utt']} has no phones; write what is said in it, "
                "or leave the line out",
            )


def _check_phones(
    file: Path, utterance: str, phones: Iterable[str], inventory: Inventory
) -> None:
    unknown = sorted(set(phones) - set(inventory.phonemes))
    if unknown:
        raise invalid(
            file,
            f"utterance {utterance} has phones that the model does not know: "
            f"{listed(unknown)}; it knows {' '.join(inventory.phonemes)}",
        )


def read_labels(
    file: Path, wanted: set[str], inventory: Inventory
) -> dict[str, tuple[Stretch, ...]] | None:
    """Return the labels of those wanted that have some; None if there is no such file.

    Raises ConfigInvalid if it cannot be read, or labels of one that is wanted not be meant.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as cause:
        reason = getattr(cause, "strerror", None) or cause
        raise invalid(file, f"cannot be read: {reason}") from cause
    labels = {}
    for number, line in enumerate(lines, start=1):
        name, _, cells = line.partition("\t")
        if name in wanted:
            labels[name] = tuple(_stretch(file, number, cell) for cell in cells.split())
    folded = {
        name: tuple((inventory.fold(phone), frames) for phone, frames in stretches)
        for name, stretches in labels.items()
        if stretches
    }
    for name, stretches in folded.items():
        _check_phones(file, name, (phone for phone, _ in stretches), inventory)
    return folded


def _stretch(file: Path, line: int, cell: str) -> Stretch:
    phone, _, frames = cell.rpartition(":")
    is_count = frames.isascii() and frames.isdecimal() and len(frames) <= MOST_DIGITS
    if not phone or not is_count or not int(frames):
        raise invalid(file, f"line {line}: {cell!r} is not a phone, a colon and its frames")
    return phone, int(frames)
