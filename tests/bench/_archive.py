"""The recordings of an archive: those of a manifest, or real speech cut to any length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from vau.audio import SAMPLE_RATE_HZ
from vau.audiofile import SUFFIXES, read_recording
from vau.errors import ConfigInvalid
from vau.manifest import invalid, listed, rows_of

Samples = NDArray[np.int16]

UTTERANCE_S: Final = (2.0, 20.0)  # as long as those of corpora that are read aloud
SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """A file of an archive, and what is said in it."""

    file: Path
    phones: tuple[str, ...] = ()
    """As the manifest has them; empty if nobody knows."""


def read_readings(folder: Path) -> list[Samples]:
    """Return the speech below a folder, by name. Raises FileNotFoundError if there is none."""
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
    if not files:
        raise FileNotFoundError(f"{folder}: holds no {', '.join(SUFFIXES)}; name other folders")
    return [read_recording(file).samples for file in files]


def write_archive(readings: Sequence[Samples], hours: float, folder: Path) -> list[Heard]:
    """Write utterances of random length, each of readings in random order from a random place.

    Lengths are even over UTTERANCE_S. The same readings and hours give the same archive.
    """
    rng = np.random.default_rng(SEED)
    found: list[Heard] = []
    left_s = hours * 3600
    while left_s >= UTTERANCE_S[0]:
        length_s = min(left_s, rng.uniform(*UTTERANCE_S))
        left_s -= length_s
        file = folder / f"{len(found):06}.flac"
        _write(file, _spoken(readings, rng, round(length_s * SAMPLE_RATE_HZ)))
        found.append(Heard(file))
    return found


def write_short(readings: Sequence[Samples], count: int, length_s: float, folder: Path) -> None:
    """Write so many files of one length."""
    rng = np.random.default_rng(SEED)
    for number in range(count):
        spoken = _spoken(readings, rng, round(length_s * SAMPLE_RATE_HZ))
        _write(folder / f"{number:06}.flac", spoken)


def write_long(readings: Sequence[Samples], hours: float, file: Path) -> Path:
    """Write one file of so many hours."""
    rng = np.random.default_rng(SEED)
    return _write(file, _spoken(readings, rng, round(hours * 3600 * SAMPLE_RATE_HZ)))


def of_manifest(manifest: Path, split: str) -> list[Heard]:
    """Return the utterances of a split, or all if it is empty.

    Raises ConfigInvalid if the manifest cannot be read, or has no such split.
    """
    rows = [row for _, row in rows_of(manifest, ("utt", "path"))]
    wanted = [row for row in rows if not split or row.get("split") == split]
    if not wanted:
        splits = sorted({row.get("split", "") for row in rows})
        raise invalid(manifest, f"no split {split!r}; it has {listed(splits)}")
    return [
        Heard(manifest.parent / row["path"], tuple(row.get("phones", "").split()))
        for row in wanted
    ]


def seconds_of(archive: Sequence[Heard]) -> float:
    """Return how much there is to hear. Raises ConfigInvalid for a file that is not there."""
    missing = [str(each.file) for each in archive if not each.file.is_file()]
    if missing:
        raise ConfigInvalid(f"audio files are missing: {listed(missing)}", field="manifest")
    return float(sum(soundfile.info(each.file).duration for each in archive))


def _spoken(readings: Sequence[Samples], rng: np.random.Generator, samples: int) -> Samples:
    parts = _parts(readings, rng)
    first = next(parts)
    found = [first[rng.integers(len(first)) :]]
    while sum(map(len, found)) < samples:
        found.append(next(parts))
    return np.concatenate(found)[:samples]


def _parts(readings: Sequence[Samples], rng: np.random.Generator) -> Iterator[Samples]:
    while True:
        yield from (readings[at] for at in rng.permutation(len(readings)))


def _write(file: Path, samples: Samples) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, samples, SAMPLE_RATE_HZ, subtype="PCM_16")
    return file
