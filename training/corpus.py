"""A labelled corpus on disk: a manifest of utterances and one phone label per frame.

The form: ``manifest.tsv`` with at least the columns utt, path, split, phones, and
``phones_10ms.tsv`` with ``utt TAB PHONE:frames PHONE:frames ...``, 100 frames a second.
Where the phonemes are not ours, ``phonemes.txt`` has one a line, silence first.
"""

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from vau.audio import SAMPLE_RATE_HZ

MANIFEST: Final = "manifest.tsv"
LABELS: Final = "phones_10ms.tsv"
INVENTORY: Final = "phonemes.txt"
CARD: Final = "card.json"
"""What a model trained on the corpus says of it."""

TRAIN_SPLITS: Final = ("train", "train_extra", "train_more")
SILENCE: Final = "SIL"
PHONEMES: Final = (SILENCE, *"""AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N
    NG OW OY P R S SH T TH UH UW V W Y Z ZH""".split())  # fmt: skip
"""39 ARPAbet phones and silence: the inventory of a corpus that brings none."""

Run = tuple[str, int]
"""A phoneme and for how many frames it lasts."""


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

    runs: tuple[Run, ...]


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
    phonemes = tuple(inventory.read_text(encoding="utf-8").split())
    if not phonemes or len(set(phonemes)) < len(phonemes):
        raise BadCorpus(f"{inventory}: needs each phoneme once, one a line, silence first")
    return phonemes


def read_corpus(folder: Path, splits: Iterable[str]) -> list[Utterance]:
    """Read the utterances of ``splits`` in the manifest's order.

    Raises BadCorpus if there are none, if one has no labels, or a label outside the inventory.
    """
    phonemes, wanted = read_phonemes(folder), frozenset(splits)
    lines = (folder / LABELS).read_text(encoding="utf-8").splitlines()
    runs = dict(line.split("\t") for line in lines)
    with (folder / MANIFEST).open(encoding="utf-8", newline="") as manifest:
        rows = list(csv.DictReader(manifest, delimiter="\t", quoting=csv.QUOTE_NONE))
    chosen = [row for row in rows if row["split"] in wanted]
    if not chosen:
        present = ", ".join(sorted({row["split"] for row in rows}))
        raise BadCorpus(
            f"{folder / MANIFEST}: nothing in {', '.join(sorted(wanted))}; it has {present}"
        )
    if unlabelled := [row["utt"] for row in chosen if row["utt"] not in runs]:
        raise BadCorpus(f"{folder / LABELS}: has no line for {unlabelled[0]}")
    return [
        Utterance(
            row["utt"],
            folder / row["path"],
            row["split"],
            tuple(row["phones"].split()),
            _labels(runs[row["utt"]], phonemes),
        )
        for row in chosen
    ]


def _labels(runs: str, phonemes: Sequence[str]) -> NDArray[np.uint8]:
    pairs = read_runs(runs)
    unknown = {phone for phone, _ in pairs} - set(phonemes)
    if unknown:
        raise BadCorpus(f"phones {sorted(unknown)} are not among {' '.join(phonemes)}")
    ids = [phonemes.index(phone) for phone, _ in pairs]
    return np.repeat(np.array(ids, np.uint8), [frames for _, frames in pairs])


def read_runs(written: str) -> tuple[Run, ...]:
    """Read ``PHONE:frames PHONE:frames ...``."""
    pairs = (run.split(":") for run in written.split())
    return tuple((phone, int(frames)) for phone, frames in pairs)


def write_runs(runs: Iterable[Run]) -> str:
    """Write what ``read_runs`` reads."""
    return " ".join(f"{phone}:{frames}" for phone, frames in runs)


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
        labels.append(f"{entry.utt}\t{write_runs(entry.runs)}")
    listed = _lines(manifest)
    digest = hashlib.sha256(listed.encode()).hexdigest()
    card = json.dumps({**facts, "manifest_sha256": digest}, indent=2)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / CARD, card + "\n")
    write_whole(folder / INVENTORY, _lines(phonemes))
    write_whole(folder / LABELS, _lines(labels))
    write_whole(folder / MANIFEST, listed)


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def read_audio(path: Path) -> NDArray[np.float64]:
    """Return a recording, full scale at 1.0. Raises ValueError unless it is 16 kHz mono."""
    samples: NDArray[np.float64]
    samples, rate_hz = soundfile.read(path, dtype="float64")
    if rate_hz != SAMPLE_RATE_HZ or samples.ndim != 1:
        raise ValueError(f"{path}: {rate_hz} Hz, shape {samples.shape}; 16 kHz mono is needed")
    return samples
