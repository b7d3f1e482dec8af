"""The one temperature that makes posteriors mean what they say."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from vau.evaluation.frames import FrameCounts, count_frames

TRIED: Final = tuple(round(0.5 + 0.02 * step, 2) for step in range(126))  # 0.5 to 3


def tempered(log_prob: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return the log posteriors, shape (frames, phonemes), that another temperature gives."""
    return log_softmax(log_prob.astype(np.float64) / temperature, axis=1).astype(np.float32)


def calibrate(spoken: Sequence[tuple[NDArray[np.float32], NDArray[np.uint8]]]) -> float:
    """Return the temperature with the smallest expected calibration error.

    spoken: of each utterance the log posteriors at temperature 1, shape (frames, phonemes),
            and the class ids, shape (frames,).
    """

    def error(temperature: float) -> float:
        counts = (
            count_frames(tempered(log_prob, temperature), labels.astype(np.intp))
            for log_prob, labels in spoken
        )
        return sum(counts, FrameCounts()).ece

    return min(TRIED, key=error)
