"""Stretches of utterances for shadows, without a server."""

import numpy as np
from numpy.typing import NDArray

from tests.models import tiny_model
from vau.shadow.messages import Primary, Stretch

MODEL = tiny_model()
PRIMARIES = (Primary("a", "munt-spec-0/C1", True), Primary("b", "float32", False))
DIM, CLASSES = MODEL.network.inputs, MODEL.network.classes


def features(steps: int, seed: int = 0) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).normal(size=(steps, DIM))
    return (MODEL.mean + noise / MODEL.inv_std).astype(np.float32)


def stretch(
    key: int = 1,
    steps: int = 5,
    *,
    primary: int = 0,
    frames: int | None = None,
    ends: bool = False,
) -> Stretch:
    """Return a stretch that a primary answered with nothing but zeros."""
    return Stretch(
        key=key,
        primary=primary,
        features=features(steps, key),
        log_prob=np.zeros((steps, CLASSES), np.float32),
        logits=np.zeros((steps, CLASSES), np.int32),
        frames=steps if frames is None else frames,
        ends=ends,
    )
