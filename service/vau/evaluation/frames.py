"""Posteriors and boundaries against labels of 10 ms: accuracy, calibration, timing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.audio import HOP_SAMPLES, SAMPLE_RATE_HZ
from vau.errors import ConfigInvalid
from vau.evaluation.edits import align
from vau.evaluation.manifest import LABELS, Inventory, Stretch, Utterance
from vau.segments import Phone

BINS: Final = 15
NEAR_MS: Final = 20.0
LABEL_SLACK_FRAMES: Final = 2
"""By so much the labels may miss the end of a recording; the last one is repeated."""


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """Frames by the confidence in their best class, in equal bins from above 0 to 1."""

    frames: tuple[int, ...] = (0,) * BINS
    right: tuple[int, ...] = (0,) * BINS
    """Of these, those whose best class is the label."""

    confidence_sum: tuple[float, ...] = (0.0,) * BINS
    """Summed over the frames of the bin."""

    def __add__(self, other: "FrameCounts") -> "FrameCounts":
        return FrameCounts(
            tuple(np.add(self.frames, other.frames).tolist()),
            tuple(np.add(self.right, other.right).tolist()),
            tuple(np.add(self.confidence_sum, other.confidence_sum).tolist()),
        )

    @property
    def accuracy(self) -> float:
        """Share of all frames, silence included, whose best class is the label."""
        return sum(self.right) / sum(self.frames)

    @property
    def ece(self) -> float:
        """The expected calibration error of the posteriors.

        With the frames of bin b, B_b, out of N in all: the sum over the bins of
        ``|B_b| / N * |accuracy(B_b) - confidence(B_b)|``, where confidence is the mean of the
        largest posterior of each frame, and accuracy the share whose class is the label. An
        empty bin adds nothing.
        Ref: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 2.
        """
        gaps = np.abs(np.subtract(self.right, self.confidence_sum))
        return float(gaps.sum() / sum(self.frames))


def count_frames(log_prob: NDArray[np.float32], labels: NDArray[np.intp]) -> FrameCounts:
    """Sort frames into the bins.

    log_prob: natural logs, shape (frames, phonemes).
    labels:   class ids, shape (frames,).
    """
    best = log_prob.argmax(axis=1)
    confidence = np.exp(log_prob.max(axis=1).astype(np.float64))
    at = np.clip(np.ceil(confidence * BINS).astype(np.intp) - 1, 0, BINS - 1)
    right = np.bincount(at[best == labels], minlength=BINS)
    return FrameCounts(
        tuple(np.bincount(at, minlength=BINS).tolist()),
        tuple(right.tolist()),
        tuple(np.bincount(at, weights=confidence, minlength=BINS).tolist()),
    )


def labels_of_frames(
    utterance: Utterance, inventory: Inventory, frames: int, samples: int
) -> NDArray[np.intp] | None:
    """Return the class id of each frame, or None for an utterance without labels.

    Raises ConfigInvalid if the labels are not of a recording of so many samples.
    """
    if utterance.alignment is None:
        return None
    ids = [inventory.phonemes.index(phone) for phone, _ in utterance.alignment]
    labels = np.repeat(ids, [count for _, count in utterance.alignment])
    if abs(len(labels) - samples / HOP_SAMPLES) > LABEL_SLACK_FRAMES:
        raise ConfigInvalid(
            f"{LABELS}: utterance {utterance.name} has {len(labels)} frames, but lasts "
            f"{1000 * samples / SAMPLE_RATE_HZ:.0f} ms: label this recording again",
            field="manifest",
        )
    missing = max(0, frames - len(labels))
    return np.pad(labels, (0, missing), mode="edge")[:frames]


def boundary_errors_ms(
    alignment: Iterable[Stretch], silences: frozenset[str], heard: Sequence[Phone]
) -> tuple[float, ...]:
    """Return the distances of ``boundary_offsets_ms``, which have no sign."""
    return tuple(map(abs, boundary_offsets_ms(alignment, silences, heard).values()))


def boundary_offsets_ms(
    alignment: Iterable[Stretch], silences: frozenset[str], heard: Sequence[Phone]
) -> dict[int, float]:
    """Return how far behind its label each phone begins that was heard rightly.

    Rightly are those that the alignment of labels and phones heard, silence left out of
    both, pairs with a phone of the same name.
    heard:   without silence.
    Returns  milliseconds of audio, less than 0 for what begins before its label, by the place
             of the phone among those of the labels.
    """
    stretches = list(alignment)
    ends = np.cumsum([frames for _, frames in stretches])
    said = [
        (phone, int(end) - frames)
        for (phone, frames), end in zip(stretches, ends, strict=True)
        if phone not in silences
    ]
    starts_said = enumerate(start * HOP_SAMPLES for _, start in said)
    starts_heard = iter([phone.start_sample for phone in heard])
    offsets = {}
    for one, other in align([phone for phone, _ in said], [phone.symbol for phone in heard]):
        said_at = None if one is None else next(starts_said)
        heard_at = None if other is None else next(starts_heard)
        if one == other and said_at is not None and heard_at is not None:
            place, start = said_at
            offsets[place] = 1000 * (heard_at - start) / SAMPLE_RATE_HZ
    return offsets
