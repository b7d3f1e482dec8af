"""A labelled corpus on disk: a manifest of utterances and one phone label per frame.

The form: ``manifest.tsv`` with at least the columns utt, path, split, phones, and
``phones_10ms.tsv`` with ``utt TAB PHONE:frames PHONE:frames ...``, 100 frames a second.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

TRAIN_SPLITS: Final = ("train", "train_extra", "train_more")
SILENCE: Final = "SIL"
PHONEMES: Final = (SILENCE, *"""AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N
    NG OW OY P R S SH T TH UH UW V W Y Z ZH""".split())  # fmt: skip
"""39 ARPAbet phones and silence; the index is the class id."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One recording and what is said in it."""

    utt: str
    path: Path
    split: str
    phones: tuple[str, ...]
    labels: NDArray[np.uint8]
    """Class id per 10 ms frame of the recording."""


def read_corpus(folder: Path, splits: Iterable[str]) -> list[Utterance]:
    """Read the utterances of ``splits`` in the manifest's order.

    Raises ValueError for a phone outside the inventory, KeyError for a missing label.
    """
    wanted = frozenset(splits)
    lines = (folder / "phones_10ms.tsv").read_text(encoding="utf-8").splitlines()
    runs = dict(line.split("\t") for line in lines)
    with (folder / "manifest.tsv").open(encoding="utf-8", newline="") as manifest:
        rows = list(csv.DictReader(manifest, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        Utterance(
            row["utt"],
            folder / row["path"],
            row["split"],
            tuple(row["phones"].split()),
            _labels(runs[row["utt"]]),
        )
        for row in rows
        if row["split"] in wanted
    ]


def _labels(runs: str) -> NDArray[np.uint8]:
    pairs = [run.split(":") for run in runs.split()]
    unknown = {phone for phone, _ in pairs} - set(PHONEMES)
    if unknown:
        raise ValueError(f"phones {sorted(unknown)} are not among {' '.join(PHONEMES)}")
    ids = [PHONEMES.index(phone) for phone, _ in pairs]
    return np.repeat(np.array(ids, np.uint8), [int(frames) for _, frames in pairs])
