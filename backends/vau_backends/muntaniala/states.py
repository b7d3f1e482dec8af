"""What utterances leave in the dies between two frames: one pool, a row for each slot."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vau.model import Network


@dataclass(frozen=True, slots=True)
class States:
    """Many states in two arrays, which a kernel changes in place."""

    h: NDArray[np.int8]
    """sQ0.7, shape (rows, layers, hidden)."""

    c: NDArray[np.int16]
    """sQ3.12, shape (rows, layers, hidden)."""

    @classmethod
    def zero(cls, rows: int, network: Network) -> Self:
        """Return ``rows`` states of a reset."""
        shape = (rows, network.layers, network.hidden)
        return cls(np.zeros(shape, np.int8), np.zeros(shape, np.int16))
