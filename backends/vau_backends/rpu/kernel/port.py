"""What every tier of the kernel owes the backend."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Answer(NamedTuple):
    """What a call came to."""

    logits: NDArray[np.int32]
    """LOGIT_FRACTION_BITS fraction bits, shape (frames, classes), as the inputs lie."""

    saturations: NDArray[np.int64]
    """Clamps of a pre-activation or c that changed a value, shape (streams, layers)."""


@dataclass(frozen=True, slots=True)
class States:
    """What every slot remembers, shape (slots, layers, hidden) each."""

    h: NDArray[np.int16]
    """sQ0.15."""

    c: NDArray[np.int16]
    """sQ3.12."""

    @classmethod
    def zero(cls, slots: int, layers: int, hidden: int) -> "States":
        """Make room for so many slots, all zeros."""
        shape = (slots, layers, hidden)
        return cls(np.zeros(shape, np.int16), np.zeros(shape, np.int16))


class Kernel(Protocol):
    """One network on one tier. It remembers nothing between calls."""

    tier: str

    def run(
        self,
        inputs: NDArray[np.int16],
        lengths: Sequence[int],
        states: States,
        rows: Sequence[int],
    ) -> Answer:
        """Take streams through their frames, and their states with them, in place.

        inputs:  the frames of all streams, one stream after the other, shape (frames, inputs),
                 with the fraction bits ``f_x`` of the first layer.
        lengths: frames of each stream, 0 or more, all frames together.
        rows:    where in ``states`` each stream's state is; no row twice, which is not checked:
                 of such a row's state the tiers make something different.
        Returns  logits of all frames, and each stream's clamps by layer.
        Raises   from the tiers in C: ValueError for arrays that do not fit each other,
                 RuntimeError if another thread is in this method of the same network,
                 MemoryError; the states are then as they were.
        """
