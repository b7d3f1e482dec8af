"""The reference as a tier: ``cell.py`` behind the port of the kernel.

With it a server, or a replay of a recording, can be made to compute what the specification
says, without a shortcut. Nobody waits for it by accident: it is never the tier that is taken
when none was named.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vau_backends.muntaniala import cell
from vau_backends.muntaniala.array import GATES, Knobs, Tiling
from vau_backends.muntaniala.kernel.port import Answer, Lanes
from vau_backends.muntaniala.states import States
from vau_backends.muntaniala.weights import NetworkWeights


class ReferenceKernel:
    """One network on its arrays of dies, added up one product after the other."""

    tier = "reference"

    def __init__(
        self, weights: NetworkWeights, tilings: Sequence[Tiling], knobs: Knobs
    ) -> None:
        """Keep the network as it is: the reference lays nothing out."""
        self._weights = weights
        self._tilings = tuple(tilings)
        self._knobs = knobs
        self._lanes_per_frame = sum(
            tiling.columns * GATES * tiling.hidden for tiling in self._tilings
        )

    def run(
        self,
        inputs: Sequence[NDArray[np.int8]],
        states: States,
        rows: Sequence[int],
        lanes: Lanes | None = None,
    ) -> list[Answer]:
        """Advance the states in ``rows``, in place, each by its inputs, shape (frames, inputs).

        lanes: hears how many lanes the call had, all of them doubtful: nobody asked a bound.
        """
        if lanes is not None:
            count = self._lanes_per_frame * sum(map(len, inputs))
            lanes.total += count
            lanes.doubtful += count
        return [self._advance(x, states, row) for x, row in zip(inputs, rows, strict=True)]

    def _advance(self, x: NDArray[np.int8], states: States, row: int) -> Answer:
        """Take the frames of one work, as if it were alone."""
        before = States(states.h[[row]], states.c[[row]])
        done = cell.run(self._weights, self._tilings, self._knobs, x[np.newaxis], before)
        states.h[row], states.c[row] = done.states.h[0], done.states.c[0]
        return Answer(done.logits[0], tuple(done.saturations[0].tolist()))
