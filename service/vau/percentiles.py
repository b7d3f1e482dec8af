"""Percentiles that are values which occurred: nothing is interpolated between two of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def nearest_ranks(values: NDArray[np.float64], percents: Sequence[int]) -> list[float]:
    """Return for each percent the least value that so many percent of ``values`` do not pass.

    values:   shape (values,), in any order; infinite ones are the largest.
    percents: 1 to 100.
    Raises    ValueError if there are no values.
    """
    if not values.size:
        raise ValueError("there are no percentiles of nothing")
    ordered = np.sort(values)
    ranks = [-(-percent * len(ordered) // 100) for percent in percents]  # rounded up, exactly
    return [float(ordered[rank - 1]) for rank in ranks]
