"""How far the posteriors of two backends are apart, frame by frame.

Of one frame, p are the posteriors of the reference and q those of the other, each of them a
distribution over the same classes:

    total variation        sum |p - q| / 2: 0 for equal, 1 for nothing in common. It is also
                           the most by which the probability of any set of classes differs
    KL divergence          sum p ln(p / q), in nats: what it costs to take q for p
    largest difference     max |p - q|: the class on which they agree least

Both sides are taken to float64 and made to sum to 1 first, for float32 logs do not quite.
Pure: a table, a picture and a server can all rest on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.percentiles import nearest_ranks

PERCENTILES: Final = (50, 99)

Values = NDArray[np.float64]
"""One value per frame, shape (frames,)."""

Marks = NDArray[np.bool_]
"""Yes or no for each frame, shape (frames,)."""


@dataclass(frozen=True, slots=True)
class Posteriors:
    """What one backend said of some frames."""

    log_prob: NDArray[np.float32]
    """Natural logs, shape (frames, classes)."""

    logits: NDArray[np.int32] | None = None
    """Of the same shape; None where the arithmetic is not integer."""

    @property
    def best(self) -> NDArray[np.intp]:
        """Return the class of the largest posterior of each frame, of equals the first."""
        best: NDArray[np.intp] = self.log_prob.argmax(axis=1)
        return best


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """What lies between a reference and another, for each frame."""

    total_variation: Values
    kl_nats: Values
    """Infinite where the other rules out what the reference holds possible."""

    largest_difference: Values
    is_other_best: Marks
    """Whether the class of the largest posterior is another."""

    is_different: Marks
    """Whether anything is not equal: a posterior, or, in one arithmetic, a logit."""

    def __len__(self) -> int:
        return len(self.total_variation)

    def is_beyond(self, tolerance: float) -> Marks:
        """Mark the frames whose total variation passes ``tolerance``.

        A tolerance of 0 marks whatever is different, though its total variation round to 0.
        """
        return self.total_variation > tolerance if tolerance else self.is_different


@dataclass(frozen=True, slots=True)
class Spread:
    """Values of many frames in four figures."""

    mean: float
    p50: float
    p99: float
    """Either is a value that occurred: the least that so many percent do not pass."""

    max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One frame, as either side heard it."""

    frame: int
    reference_class: int
    reference_posterior: float
    other_class: int
    other_posterior: float
    """Each side's best class, and how likely that side holds it."""

    total_variation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LogitPlace:
    """The first logit, by frame and then class, that differs in one arithmetic."""

    frame: int
    class_id: int
    reference: int
    other: int


def diverge(reference: Posteriors, other: Posteriors, *, same_arithmetic: bool) -> Divergence:
    """Measure ``other`` against ``reference``.

    same_arithmetic: whether their logits mean the same, and ought to be equal.
    Raises           ValueError unless both have the same frames and classes.
    """
    if reference.log_prob.shape != other.log_prob.shape:
        raise ValueError(
            f"posteriors of shape {reference.log_prob.shape} and {other.log_prob.shape} "
            "are not of the same frames and classes"
        )
    log_p, log_q = _normalised(reference.log_prob), _normalised(other.log_prob)
    p, q = np.exp(log_p), np.exp(log_q)
    apart = np.abs(p - q)
    # What the reference rules out costs nothing, whatever its logarithm: 0 ln 0 is 0.
    ratio = np.subtract(log_p, log_q, out=np.zeros_like(p), where=p > 0)
    different = (reference.log_prob != other.log_prob).any(axis=1)
    if same_arithmetic and reference.logits is not None and other.logits is not None:
        different |= (reference.logits != other.logits).any(axis=1)
    return Divergence(
        total_variation=apart.sum(axis=1) / 2,
        kl_nats=(p * ratio).sum(axis=1).clip(min=0.0),  # rounding may take it below
        largest_difference=apart.max(axis=1, initial=0.0),
        is_other_best=reference.best != other.best,
        is_different=different,
    )


def joined(parts: Sequence[Divergence]) -> Divergence:
    """Return the frames of several recordings, one after the other; one part at least."""
    return Divergence(
        total_variation=np.concatenate([each.total_variation for each in parts]),
        kl_nats=np.concatenate([each.kl_nats for each in parts]),
        largest_difference=np.concatenate([each.largest_difference for each in parts]),
        is_other_best=np.concatenate([each.is_other_best for each in parts]),
        is_different=np.concatenate([each.is_different for each in parts]),
    )


def spread(values: Values) -> Spread | None:
    """Sum up the values of all frames; None of no frame."""
    if not len(values):
        return None
    p50, p99 = nearest_ranks(values, PERCENTILES)
    return Spread(float(values.mean()), float(p50), float(p99), float(values.max()))


def first_place(marks: Marks, reference: Posteriors, other: Posteriors) -> Place | None:
    """Describe the first frame that is marked; None if none is."""
    marked = np.flatnonzero(marks)
    if not len(marked):
        return None
    frame = int(marked[0])
    p = np.exp(_normalised(reference.log_prob[frame : frame + 1]))[0]
    q = np.exp(_normalised(other.log_prob[frame : frame + 1]))[0]
    mine, its = int(reference.best[frame]), int(other.best[frame])
    return Place(
        frame=frame,
        reference_class=mine,
        reference_posterior=float(p[mine]),
        other_class=its,
        other_posterior=float(q[its]),
        total_variation=float(np.abs(p - q).sum() / 2),
    )


def first_logit(reference: Posteriors, other: Posteriors) -> LogitPlace | None:
    """Return the first logit that differs, of two that compute in the same arithmetic.

    None if all are equal, or if one side has none.
    """
    if reference.logits is None or other.logits is None:
        return None
    places = np.argwhere(reference.logits != other.logits)
    if not len(places):
        return None
    frame, class_id = places[0].tolist()
    return LogitPlace(
        frame=frame,
        class_id=class_id,
        reference=int(reference.logits[frame, class_id]),
        other=int(other.logits[frame, class_id]),
    )


def _normalised(log_prob: NDArray[np.float32]) -> Values:
    """Return the logs in float64, of posteriors whose sum in each frame is 1."""
    rows = log_prob.astype(np.float64)
    scaled: Values = rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))
    return scaled
