"""Real speech for benches: recordings as a network hears them, and streams cut out of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.audio import SAMPLE_RATE_HZ
from vau.audiofile import SUFFIXES, read_recording
from vau.commands.features import features_of
from vau.model import Model
from vau_backends.host import normalise

Floats = NDArray[np.float32]

MOST_CALLS: Final = 1000  # of a tape: more than the default clip has frames
TAPE_BYTES: Final = 16 * 2**20  # what many streams of many frames may take at most


@dataclass(frozen=True, slots=True)
class Recording:
    """One file."""

    features: Floats
    """As the front end gives them, shape (frames, features)."""

    z: Floats
    """The same, normalised by the model's statistics."""

    audio_s: float


def read_speech(paths: Sequence[Path], most: int, model: Model) -> list[Recording]:
    """Read audio files, and those below folders; of more than ``most``, evenly spaced ones.

    Raises FileNotFoundError if there is none, AudioError for one that cannot be read.
    """
    files = [file for path in paths for file in _files_at(path)]
    if not files:
        named = ", ".join(map(str, paths)) or "no path"
        raise FileNotFoundError(f"{named}: holds no {', '.join(SUFFIXES)}; name other folders")
    chosen = (
        files if len(files) <= most else [files[n * len(files) // most] for n in range(most)]
    )
    return [_recording(file, model) for file in chosen]


def tape(speech: Sequence[Recording], frames: int, streams: int) -> Floats:
    """Cut streams out of recordings, each from a place of its own, going round at the end.

    Returns normalised features, shape (calls, streams, frames, features): as many calls as
    TAPE_BYTES hold, 16 at least, MOST_CALLS at most.
    """
    features = speech[0].z.shape[1]
    call_bytes = streams * frames * features * 4
    calls = max(16, min(MOST_CALLS, TAPE_BYTES // call_bytes))
    cut = np.empty((calls, streams, frames, features), np.float32)
    sharers = -(-streams // len(speech))  # streams of one recording
    for stream in range(streams):
        z = speech[stream % len(speech)].z
        start = len(z) * (stream // len(speech)) // sharers
        heard = np.arange(start, start + calls * frames)
        cut[:, stream] = z.take(heard, axis=0, mode="wrap").reshape(calls, frames, features)
    return cut


def _files_at(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)


def _recording(file: Path, model: Model) -> Recording:
    samples = read_recording(file).samples
    features = features_of(samples, model.frontend).astype(np.float32)
    return Recording(features, normalise(features, model), len(samples) / SAMPLE_RATE_HZ)
