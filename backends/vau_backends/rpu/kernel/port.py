"""What every tier of the kernel owes the backend."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Answer(NamedTuple):
    """What a call came to."""

    logits: NDArray[np.int32]
    """Shape (frames of all streams, classes)."""

    saturations: NDArray[np.int64]
    """By stream and layer, shape (streams, layers): clamps that changed a value."""


@dataclass(frozen=True, slots=True)
class States:
    """What every slot remembers, shape (slots, layers, hidden) each."""

    h: NDArray[np.int16]
    c: NDArray[np.int16]

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
        """Take streams through their frames, and their states with them.

        inputs:  the frames of all streams, one stream after the other, shape (frames, inputs).
        lengths: frames of each stream.
        rows:    where in ``states`` each stream's state is; no row twice.
        """
