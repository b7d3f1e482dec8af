"""The reference as a tier: ``cell.py``, slow and obvious, behind the port of the kernel."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vau_backends.rpu import cell
from vau_backends.rpu.kernel.port import Answer, States
from vau_backends.rpu.weights import NetworkWeights
from vau_backends.tiers import REFERENCE


class ReferenceKernel:
    """One frame, one layer, one stream at a time."""

    tier = REFERENCE

    def __init__(self, weights: NetworkWeights) -> None:
        self._weights = weights

    def run(
        self,
        inputs: NDArray[np.int16],
        lengths: Sequence[int],
        states: States,
        rows: Sequence[int],
    ) -> Answer:
        """Take each stream through its frames, as ``Kernel`` says."""
        layers = self._weights.layers
        logits = np.zeros((len(inputs), len(self._weights.b_out)), np.int32)
        saturations = np.zeros((len(lengths), len(layers)), np.int64)
        frame = 0
        for stream, (length, row) in enumerate(zip(lengths, rows, strict=True)):
            h, c = states.h[row], states.c[row]
            for _ in range(length):
                x = inputs[frame].astype(np.int64)
                for n, layer in enumerate(layers):
                    before = cell.State(h[n].astype(np.int64), c[n].astype(np.int64))
                    after = cell.step(layer, x, before)
                    h[n], c[n], x = after.h, after.c, after.h
                    saturations[stream, n] += after.clamps
                logits[frame] = cell.logits(self._weights, x)
                frame += 1
        return Answer(logits, saturations)
