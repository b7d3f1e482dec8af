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
        inputs: NDArray[np.int8],
        lengths: Sequence[int],
        states: States,
        rows: Sequence[int],
        lanes: Lanes | None = None,
    ) -> Answer:
        """Advance the states in ``rows``, work after work; see ``port.Kernel``.

        lanes: hears of all lanes as doubtful: nobody asked a bound.
        """
        if lanes is not None:
            lanes.total += self._lanes_per_frame * len(inputs)
            lanes.doubtful += self._lanes_per_frame * len(inputs)
        logits = np.zeros((len(inputs), len(self._weights.b_out)), np.int32)
        saturations = np.zeros((len(lengths), len(self._tilings)), np.int64)
        ends = np.cumsum(lengths, dtype=np.int64).tolist()
        for work, (end, row) in enumerate(zip(ends, rows, strict=True)):
            frames = slice(end - lengths[work], end)
            before = States(states.h[[row]], states.c[[row]])
            done = cell.run(
                self._weights, self._tilings, self._knobs, inputs[np.newaxis, frames], before
            )
            states.h[row], states.c[row] = done.states.h[0], done.states.c[0]
            logits[frames], saturations[work] = done.logits[0], done.saturations[0]
        return Answer(logits, saturations)
