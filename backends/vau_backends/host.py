"""The two ends of a network that stay on the host, the same for every backend.

Before the accelerator a frame is normalised, after it the logits become log-posteriors.
Every operation is elementwise or within a row, so that no bit of a frame depends on the
frames it shares a call with.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vau.model import Model


def normalise(features: NDArray[np.float32], model: Model) -> NDArray[np.float32]:
    """Return (features - mean) * inv_std, each operation rounded to float32.

    features: shape (frames, feature_dim).
    Raises    ValueError for another shape or type, or a value or result that is not finite.
    """
    expected = (len(features), model.network.inputs)
    if features.shape != expected or features.dtype != np.float32:
        raise ValueError(
            f"features are {features.dtype} {features.shape}, not float32 {expected}"
        )
    with np.errstate(over="ignore", invalid="ignore"):  # both are found in the result
        z = (features - model.mean) * model.inv_std
    bad = np.argwhere(~np.isfinite(z))
    if len(bad):
        frame, feature = bad[0].tolist()
        raise ValueError(
            f"features[{frame}, {feature}] is {features[frame, feature]}, "
            f"{z[frame, feature]} when normalised; both must be finite"
        )
    return z


def normalise_all(features: Sequence[NDArray[np.float32]], model: Model) -> NDArray[np.float32]:
    """Normalise the features of all works at once; returns them one after the other.

    Raises ValueError as ``normalise`` does, by the place of a frame in its own work.
    """
    try:
        return normalise(np.concatenate(features, casting="no", dtype=np.float32), model)
    except (TypeError, ValueError):
        for each in features:
            normalise(each, model)  # finds the work, and counts its own frames
        raise


def log_posteriors(
    logits: NDArray[np.floating[Any]] | NDArray[np.int32], scale: float
) -> NDArray[np.float32]:
    """Return log_softmax(logits / scale) by row, computed in float64.

    logits: shape (frames, classes).
    """
    scaled = np.ascontiguousarray(logits, np.float64) / scale
    shifted = scaled - scaled.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    log_prob: NDArray[np.float32] = (shifted - log_sum).astype(np.float32)
    return log_prob
