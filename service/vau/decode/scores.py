"""What a frame adds to a score, and to a confidence."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.search import Floats

LOWEST_LOG_PROB: Final = -80.0  # what is less probable counts as this, so that sums stay finite


def scores_of(log_prob: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Return log posteriors of which none is too low, and the posteriors, in float64."""
    rows = np.maximum(log_prob, LOWEST_LOG_PROB).astype(np.float64, order="C")
    return rows, np.exp(rows)
