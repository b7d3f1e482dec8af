"""How far two backends are apart, frame by frame, from what they answered to the same audio."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Bits = TypeVar("Bits", np.float32, np.int32)


def total_variation(
    ours: NDArray[np.float32], theirs: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return half the sum of |p - q| over the classes: the most that any event differs by.

    ours, theirs: log posteriors (natural), shape (frames, classes).
    Returns shape (frames,), within [0, 1] but for rounding.
    """
    p, q = np.exp(ours.astype(np.float64)), np.exp(theirs.astype(np.float64))
    distance: NDArray[np.float64] = 0.5 * np.abs(p - q).sum(axis=1)
    return distance


def best_class_differs(
    ours: NDArray[np.float32], theirs: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Tell of each frame whether another class is the best; of equals the first counts."""
    differs: NDArray[np.bool_] = ours.argmax(axis=1) != theirs.argmax(axis=1)
    return differs


def any_bit_differs(first: NDArray[Bits], second: NDArray[Bits]) -> NDArray[np.bool_]:
    """Tell of each frame whether any bit differs; floats count as what they are stored as.

    first, second: four bytes a value, shape (frames, classes).
    """
    differs: NDArray[np.bool_] = (first.view(np.int32) != second.view(np.int32)).any(axis=1)
    return differs
