"""What every tier of the kernel owes the backend."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vau_backends.muntaniala.states import States


@dataclass(slots=True)
class Lanes:
    """How many lanes there were, and how many of them no bound cleared.

    A lane here is the sum of one frame, unit, gate and die column; the service's is a thread.
    """

    total: int = 0
    doubtful: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What some frames of some utterances came to."""

    logits: NDArray[np.int32]
    """12 fraction bits, shape (frames, classes), as the inputs lie."""

    saturations: NDArray[np.int64]
    """Clamps that changed a value, in MACs, row chain and cell; shape (works, layers)."""


class Kernel(Protocol):
    """One network on its arrays of dies. It remembers nothing between calls.

    Made from (weights: NetworkWeights, tilings: Sequence[Tiling], knobs: Knobs).
    """

    tier: str

    def run(
        self,
        inputs: NDArray[np.int8],
        lengths: Sequence[int],
        states: States,
        rows: Sequence[int],
        lanes: Lanes | None = None,
    ) -> Answer:
        """Advance the states in ``rows``, in place, each by its own frames.

        inputs:  of all works, one after the other, shape (frames, inputs).
        lengths: how many of the frames are each work's.
        lanes:   hears how many lanes the call had, and how many of them were doubtful.
        """
