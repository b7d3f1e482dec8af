"""A labelled corpus on disk: a manifest of utterances and one phone label per frame.

The form: ``manifest.tsv`` with at least the columns utt, path, split, phones, and
``phones_10ms.tsv`` with ``utt TAB PHONE:frames PHONE:frames ...``, 100 frames a second.
Where the phonemes are not ours, ``phonemes.txt`` has one a line, silence first.
"""

import csv
import hashlib
import io
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from vau.audio import SAMPLE_RATE_HZ
from vau.evaluation.manifest import Stretch
from vau.wholefile import write_text_whole

MANIFEST: Final = "manifest.tsv"
COLUMNS: Final = ("utt", "path", "split", "phones")
LABELS: Final = "phones_10ms.tsv"
INVENTORY: Final = "phonemes.txt"
CARD: Final = "card.json"
"""What a model trained on the corpus says of it."""

DIGEST: Final = "manifest_sha256"
"""The field of a card that tells which manifest it describes."""

TRAIN_SPLITS: Final = ("train", "train_extra", "train_more")
SILENCE: Final = "SIL"
PHONEMES: Final = (SILENCE, *"""AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N
    NG OW OY P R S SH T TH UH UW V W Y Z ZH""".split())  # fmt: skip
"""39 ARPAbet phones and silence: the inventory of a corpus that brings none."""


class BadCorpus(ValueError):
    """A corpus that cannot be trained on. The message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One recording and what is said in it."""

    utt: str
    path: Path
    split: str
    phones: tuple[str, ...]
    labels: NDArray[np.uint8]
    """Class id per 10 ms frame of the recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One recording on its way into a labelled corpus."""

    utt: str
    path: Path
    """Absolute."""

    split: str
    speaker: str
    gender: str
    """F, M, or empty where nobody says."""

    phones: tuple[str, ...]
    """Silence left out."""

    stretches: tuple[Stretch, ...]
    """All of the recording, silence included."""


def is_labelled(folder: Path) -> bool:
    """Tell whether a folder has the form that is read here."""
    return all((folder / name).is_file() for name in (MANIFEST, LABELS))


def read_phonemes(folder: Path) -> tuple[str, ...]:
    """Return the phonemes of a corpus, silence first; the index is the class id.

    Raises BadCorpus if its ``phonemes.txt`` is empty or names one twice.
    """
    inventory = folder / INVENTORY
    if not inventory.exists():
        return PHONEMES
    phonemes = tuple(_read(inventory).split())
    if not phonemes or len(set(phonemes)) < len(phonemes):
        raise BadCorpus(f"{inventory}: needs each phoneme once, one a line, silence first")
    return phonemes


def read_corpus(folder: Path, splits: Iterable[str]) -> list[Utterance]:
    """Read the utterances of ``splits`` in the manifest's order.

    Raises BadCorpus if there are none, if one has no labels, or a phone outside the inventory,
    and for a file or a line that cannot be read.
    """
    manifest = folder / MANIFEST
    phonemes, wanted = read_phonemes(folder), frozenset(splits)
    rows = _rows(manifest)
    chosen = [row for row in rows if row["split"] in wanted]
    if not chosen:
        present = ", ".join(sorted({row["split"] for row in rows})) or "no line"
        raise BadCorpus(
            f"{manifest}: nothing in {', '.join(sorted(wanted))}; it has {present}. What is "
            f"learned from is called {' or '.join(TRAIN_SPLITS)}, the rest dev and test"
        )
    labels = _read_labels(folder / LABELS, {row["utt"] for row in chosen}, phonemes)
    return [
        Utterance(
            row["utt"],
            folder / row["path"],
            row["split"],
            _phones(manifest, row, phonemes),
            labels[row["utt"]],
        )
        for row in chosen
    ]


def _rows(manifest: Path) -> list[dict[str, str]]:
    text = io.StringIO(_read(manifest), newline="")
    table = csv.reader(text, delimiter="\t", quoting=csv.QUOTE_NONE)
    columns = next(table, [])
    if lacking := [name for name in COLUMNS if name not in columns]:
        raise BadCorpus(
            f"{manifest}: no column {', '.join(lacking)}; its first line names the columns, "
            f"separated by tabs, and has {', '.join(columns) or 'none'}"
        )
    rows = []
    for cells in table:
        if len(cells) != len(columns):
            raise BadCorpus(
                f"{manifest}:{table.line_num}: {len(cells)} cells under {len(columns)} "
                "columns; a line has one cell a column, separated by tabs"
            )
        rows.append(dict(zip(columns, cells, strict=True)))
    return rows


def _phones(manifest: Path, row: Mapping[str, str], phonemes: Sequence[str]) -> tuple[str, ...]:
    phones = tuple(row["phones"].split())
    if unknown := set(phones) - set(phonemes):
        raise BadCorpus(f"{manifest}: utterance {row['utt']}: {_unknown(unknown, phonemes)}")
    return phones


def _read_labels(
    file: Path, wanted: Collection[str], phonemes: Sequence[str]
) -> dict[str, NDArray[np.uint8]]:
    """Return the class id of each frame of the utterances that are wanted."""
    labels = {}
    for number, line in enumerate(_read(file).splitlines(), 1):
        utt, tab, written = line.partition("\t")
        if not tab:
            raise BadCorpus(
                f"{file}:{number}: {line!r} is no line of labels: it needs an utterance, a "
                "tab, and PHONE:frames PHONE:frames ..."
            )
        if utt in wanted:
            try:
                labels[utt] = _frame_ids(written, phonemes)
            except BadCorpus as cause:
                raise BadCorpus(f"{file}:{number}: utterance {utt}: {cause}") from cause
    if unlabelled := sorted(set(wanted) - labels.keys()):
        raise BadCorpus(
            f"{file}: has no line for {unlabelled[0]}: label it, or take it out of {MANIFEST}"
        )
    return labels


def _frame_ids(written: str, phonemes: Sequence[str]) -> NDArray[np.uint8]:
    stretches = read_stretches(written)
    if not stretches:
        raise BadCorpus(f"has no labels: label it, or take it out of {MANIFEST}")
    if unknown := {phone for phone, _ in stretches} - set(phonemes):
        raise BadCorpus(_unknown(unknown, phonemes))
    ids = [phonemes.index(phone) for phone, _ in stretches]
    return np.repeat(np.array(ids, np.uint8), [frames for _, frames in stretches])


def _unknown(phones: Iterable[str], phonemes: Sequence[str]) -> str:
    return (
        f"phones {' '.join(sorted(phones))} are not in the inventory, "
        f"{' '.join(phonemes)}: {INVENTORY} beside the manifest gives another one"
    )


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        raise BadCorpus(f"{file}: cannot be read: {cause}") from cause


def read_stretches(written: str) -> tuple[Stretch, ...]:
    """Read ``PHONE:frames PHONE:frames ...``. Raises BadCorpus for anything else."""
    return tuple(_stretch(cell) for cell in written.split())


def _stretch(cell: str) -> Stretch:
    phone, _, frames = cell.rpartition(":")
    if not phone or not (frames.isascii() and frames.isdecimal() and int(frames)):
        raise BadCorpus(f"{cell!r} is not a phone, a colon, and its frames, 1 or more")
    return phone, int(frames)


def write_stretches(stretches: Iterable[Stretch]) -> str:
    """Write what ``read_stretches`` reads."""
    return " ".join(f"{phone}:{frames}" for phone, frames in stretches)


def manifest_digest(folder: Path) -> str:
    """Return the SHA-256 of a manifest; the same corpus has the same on every machine.

    It is that of the file, with only the last part of each absolute path in it.
    """
    return _digest(_read(folder / MANIFEST))


def _digest(manifest: str) -> str:
    lines = manifest.split("\n")
    portable = ("\t".join(map(_without_place, line.split("\t"))) for line in lines)
    return hashlib.sha256("\n".join(portable).encode()).hexdigest()


def _without_place(cell: str) -> str:
    return Path(cell).name if Path(cell).is_absolute() else cell


def write_corpus(
    folder: Path, phonemes: Sequence[str], entries: Iterable[Entry], facts: Mapping[str, str]
) -> None:
    """Write a labelled corpus; its audio stays where it is.

    facts: name, source, licence, changes and labels, for the cards of models.
    The manifest comes last: where it is, the rest is.
    """
    manifest, labels = ["utt\tpath\tsplit\tspeaker\tgender\tphones"], []
    for entry in entries:
        place = f"{entry.utt}\t{entry.path}\t{entry.split}\t{entry.speaker}\t{entry.gender}"
        manifest.append(f"{place}\t{' '.join(entry.phones)}")
        labels.append(f"{entry.utt}\t{write_stretches(entry.stretches)}")
    listed = _lines(manifest)
    card = json.dumps({**facts, DIGEST: _digest(listed)}, indent=2)
    folder.mkdir(parents=True, exist_ok=True)
    write_text_whole(folder / CARD, card + "\n")
    write_text_whole(folder / INVENTORY, _lines(phonemes))
    write_text_whole(folder / LABELS, _lines(labels))
    write_text_whole(folder / MANIFEST, listed)


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def read_audio(path: Path) -> NDArray[np.float64]:
    """Return a recording, full scale at 1.0.

    Raises BadCorpus if it cannot be read, or is not 16 kHz mono.
    """
    samples: NDArray[np.float64]
    try:
        samples, rate_hz = soundfile.read(path, dtype="float64")
    except soundfile.LibsndfileError as cause:
        raise BadCorpus(f"{path}: cannot be read as audio: {cause}") from cause
    if rate_hz != SAMPLE_RATE_HZ or samples.ndim != 1:
        raise BadCorpus(
            f"{path}: {rate_hz} Hz, shape {samples.shape}; 16 kHz mono is needed: convert it"
        )
    return samples
