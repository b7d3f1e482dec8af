"""Features of the whole corpus, computed once and mapped into memory.

One flat float16 array of normalised features and one of labels per (front end, split,
speed), with the offsets of the utterances. Normalised first, because float16 has the
resolution for that and not for raw log energies.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from training.corpus import INVENTORY, LABELS, MANIFEST, BadCorpus, Utterance, read_audio
from training.distortion import Distortion
from vau.audio import FRAME_SAMPLES, HOP_SAMPLES, SAMPLE_RATE_HZ, to_int16
from vau.evaluation.frames import LABEL_SLACK_FRAMES
from vau.frontend import Frontend, FrontendConfig, Piece
from vau.frontend import Utterance as FrontendUtterance
from vau.wholefile import write_text_whole, write_whole

SPEEDS: Final = (0.9, 1.0, 1.1)


@dataclass(frozen=True, slots=True)
class Statistics:
    """Mean and inverse deviation of each feature over the training splits, float32."""

    mean: NDArray[np.float32]
    inv_std: NDArray[np.float32]

    @classmethod
    def read(cls, path: Path) -> "Statistics":
        """Read what ``write`` wrote."""
        with np.load(path) as arrays:
            return cls(arrays["mean"], arrays["inv_std"])

    def write(self, path: Path) -> None:
        """Write them as npz, whole or not at all."""
        write_whole(path, lambda out: np.savez(out, mean=self.mean, inv_std=self.inv_std))


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
        """Return the raw features of one recording; ``others`` may be heard behind it.

        Raises BadCorpus if it cannot be read, or its labels are those of another one.
        """
        samples = read_audio(utterance.path)
        _check_length(utterance, len(samples))
        if self.speed != 1.0:
            samples = resample_poly(samples, 10, round(10 * self.speed))
        if self.distortion is not None:
            samples = self.distortion.apply(utterance, samples, others, self.speed)
        pcm = to_int16(samples)
        return Frontend(config).advance([Piece(FrontendUtterance(), pcm, is_last=True)])[0]


def _check_length(utterance: Utterance, samples: int) -> None:
    frames = len(utterance.labels)
    if abs(frames - samples / HOP_SAMPLES) > LABEL_SLACK_FRAMES:
        raise BadCorpus(
            f"{LABELS}: utterance {utterance.utt} has {frames} frames of 10 ms, but "
            f"{utterance.path} lasts {1000 * samples / SAMPLE_RATE_HZ:.0f} ms: label this "
            "recording again"
        )


def frame_labels(labels: NDArray[np.uint8], frames: int, speed: float) -> NDArray[np.uint8]:
    """Return the label under the centre of each frame; the last one repeats at the end."""
    half_frame_hops = FRAME_SAMPLES / 2 / HOP_SAMPLES
    at = np.rint((np.arange(frames) + half_frame_hops) * speed - half_frame_hops)
    at_or_last: NDArray[np.intp] = np.minimum(at.astype(np.intp), len(labels) - 1)
    under: NDArray[np.uint8] = labels[np.maximum(at_or_last, 0)]
    return under


def measure(corpus: Sequence[Utterance], config: FrontendConfig, jobs: int) -> Statistics:
    """Measure mean and deviation over all frames of ``corpus`` at natural speed.

    jobs: processes.
    """
    sums = np.zeros(config.feature_dim)
    squares = np.zeros(config.feature_dim)
    frames = 0
    for features in _extract(corpus, config, Playback(), jobs):
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
    *,
    jobs: int,
) -> Cache:
    """Return the features of ``corpus``, from ``folder`` if an earlier run left them there.

    jobs: processes.
    """
    done = folder / "offsets.json"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        offsets = [0]
        with (
            (folder / "features.f2").open("wb") as out,
            (folder / "labels.u1").open("wb") as ids,
        ):
            extracted = _extract(corpus, config, playback, jobs)
            for utterance, features in zip(corpus, extracted, strict=True):
                normalised = (features - statistics.mean) * statistics.inv_std
                out.write(normalised.astype(np.float16).tobytes())
                labels = frame_labels(utterance.labels, len(features), playback.speed)
                ids.write(labels.tobytes())
                offsets.append(offsets[-1] + len(features))
        write_text_whole(done, json.dumps(offsets))  # last: where it is, the rest is
    offsets_read = np.array(json.loads(done.read_text()), np.int64)
    shape = (int(offsets_read[-1]), config.feature_dim)
    features_read = np.memmap(folder / "features.f2", np.float16, "r", shape=shape)
    labels_read = np.memmap(folder / "labels.u1", np.uint8, "r", shape=shape[:1])
    return Cache(features_read, labels_read, offsets_read)


Features = Callable[[Utterance], NDArray[np.float64]]

_FEATURES: Final[ContextVar[Features]] = ContextVar("features")
"""Of a worker process: it holds the whole corpus, and so is sent once, not with every item."""


def _extract(
    corpus: Sequence[Utterance], config: FrontendConfig, playback: Playback, jobs: int
) -> Iterable[NDArray[np.float64]]:
    features = partial(playback.features, others=corpus, config=config)
    with ProcessPoolExecutor(jobs, initializer=_begin, initargs=(features,)) as pool:
        yield from pool.map(_features, corpus, chunksize=16)


def _begin(features: Features) -> None:
    _FEATURES.set(features)


def _features(utterance: Utterance) -> NDArray[np.float64]:
    return _FEATURES.get()(utterance)
