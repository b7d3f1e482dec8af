"""Percentiles that are values which occurred: nothing is interpolated between two of them."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray


def nearest_ranks(
    values: NDArray[np.float64], percents: Sequence[int | Fraction]
) -> list[float]:
    """Return for each percent the least value that so many percent of ``values`` do not pass.

    values:   shape (values,), in any order; infinite ones are the largest.
    percents: more than 0, at most 100; Fraction(999, 10) for what one in a thousand pass.
    Raises    ValueError if there are no values.
    """
    if not values.size:
        raise ValueError("there are no percentiles of nothing")
    ordered = np.sort(values)
    ranks = [-(-percent * len(ordered) // 100) for percent in percents]  # rounded up, exactly
    return [float(ordered[rank - 1]) for rank in ranks]
