"""Features of the whole corpus, computed once and mapped into memory.

One flat float16 array of normalised features and one of labels per (front end, split,
speed), with the offsets of the utterances. Normalised first, because float16 has the
resolution for that and not for raw log energies.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from training.corpus import INVENTORY, LABELS, MANIFEST, Utterance, read_audio
from training.distortion import Distortion
from vau.audio import FRAME_SAMPLES, HOP_SAMPLES, to_int16
from vau.frontend import Frontend, FrontendConfig, Piece
from vau.frontend import Utterance as FrontendUtterance

SPEEDS: Final = (0.9, 1.0, 1.1)


@dataclass(frozen=True, slots=True)
class Statistics:
    """Mean and inverse deviation of each feature over the training splits, float32."""

    mean: NDArray[np.float32]
    inv_std: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Cache:
    """The features of one set of utterances at one speed."""

    features: NDArray[np.float16]
    """Normalised, shape (all frames, feature_dim)."""

    labels: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    """Utterance n is rows offsets[n] to offsets[n + 1]."""

    def __len__(self) -> int:
        return len(self.offsets) - 1


def key(corpus: Path, config: FrontendConfig) -> str:
    """Name the folder of these features: another corpus or definition gets another."""
    total = hashlib.sha256(repr(config).encode())
    for file in (MANIFEST, LABELS, INVENTORY):
        if (corpus / file).exists():
            total.update((corpus / file).read_bytes())
    return f"{config.kind}-{total.hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Playback:
    """How the recordings of a corpus are played."""

    speed: float = 1.0
    distortion: Distortion | None = None

    @property
    def name(self) -> str:
        """What a folder of such features is called."""
        if self.distortion is None:
            return f"{self.speed}"
        kind = hashlib.sha256(repr(self.distortion).encode()).hexdigest()[:8]
        return f"{self.speed}-distorted-{kind}"

    def features(
        self, utterance: Utterance, others: Sequence[Utterance], config: FrontendConfig
    ) -> NDArray[np.float64]:
        """Return the raw features of one recording; ``others`` may be heard behind it."""
        samples = read_audio(utterance.path)
        if self.speed != 1.0:
            samples = resample_poly(samples, 10, round(10 * self.speed))
        if self.distortion is not None:
            samples = self.distortion.apply(utterance, samples, others, self.speed)
        pcm = to_int16(samples)
        return Frontend(config).advance([Piece(FrontendUtterance(), pcm, is_last=True)])[0]


def frame_labels(labels: NDArray[np.uint8], frames: int, speed: float) -> NDArray[np.uint8]:
    """Return the label under the centre of each frame; the last one repeats at the end."""
    half_frame_hops = FRAME_SAMPLES / 2 / HOP_SAMPLES
    at = np.rint((np.arange(frames) + half_frame_hops) * speed - half_frame_hops)
    at_or_last: NDArray[np.intp] = np.minimum(at.astype(np.intp), len(labels) - 1)
    under: NDArray[np.uint8] = labels[np.maximum(at_or_last, 0)]
    return under


def measure(corpus: Sequence[Utterance], config: FrontendConfig) -> Statistics:
    """Measure mean and deviation over all frames of ``corpus`` at natural speed."""
    sums = np.zeros(config.feature_dim)
    squares = np.zeros(config.feature_dim)
    frames = 0
    for features in _extract(corpus, config, Playback()):
        sums += features.sum(axis=0)
        squares += (features**2).sum(axis=0)
        frames += len(features)
    mean = sums / frames
    deviation = np.sqrt(squares / frames - mean**2)
    return Statistics(mean.astype(np.float32), (1 / deviation).astype(np.float32))


def build(
    folder: Path,
    corpus: Sequence[Utterance],
    config: FrontendConfig,
    statistics: Statistics,
    playback: Playback,
) -> Cache:
    """Return the features of ``corpus``, from ``folder`` if an earlier run left them there."""
    done = folder / "offsets.json"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        offsets = [0]
        with (
            (folder / "features.f2").open("wb") as out,
            (folder / "labels.u1").open("wb") as ids,
        ):
            extracted = _extract(corpus, config, playback)
            for utterance, features in zip(corpus, extracted, strict=True):
                normalised = (features - statistics.mean) * statistics.inv_std
                out.write(normalised.astype(np.float16).tobytes())
                labels = frame_labels(utterance.labels, len(features), playback.speed)
                ids.write(labels.tobytes())
                offsets.append(offsets[-1] + len(features))
        done.write_text(json.dumps(offsets))
    offsets_read = np.array(json.loads(done.read_text()), np.int64)
    shape = (int(offsets_read[-1]), config.feature_dim)
    features_read = np.memmap(folder / "features.f2", np.float16, "r", shape=shape)
    labels_read = np.memmap(folder / "labels.u1", np.uint8, "r", shape=shape[:1])
    return Cache(features_read, labels_read, offsets_read)


def _extract(
    corpus: Sequence[Utterance], config: FrontendConfig, playback: Playback
) -> Iterable[NDArray[np.float64]]:
    work = partial(playback.features, others=corpus, config=config)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(work, corpus, chunksize=16)
