"""Eight steps of which the answer is known: the reference computes them, the board has to.

They begin in a state at both ends of its range and aim each input at the unit that it drives
furthest, so that sums saturate as they seldom do in speech.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau_backends.muntaniala.array import Knobs, Tiling
from vau_backends.muntaniala.cell import Accumulator, cell, pre_activations
from vau_backends.muntaniala.fixedpoint import S8_MAX, S8_MIN, S16_MAX, S16_MIN, Sat16
from vau_backends.muntaniala.weights import LayerWeights

STEPS: Final = 8


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """What a layer answers to which inputs, from which state."""

    h: NDArray[np.int8]
    c: NDArray[np.int16]
    """Before the first step."""

    x: NDArray[np.int8]
    """Shape (STEPS, inputs)."""

    hidden: NDArray[np.int8]
    """Shape (STEPS, hidden)."""

    saturations: NDArray[np.int64]
    """Of each step."""

    def difference(self, step: int, hidden: NDArray[np.int8], saturations: int) -> str:
        """Say where what a board answered to a step is wrong; nothing if it is right."""
        due, units = self.hidden[step], len(self.hidden[step])
        wrong = np.flatnonzero(hidden != due)
        if wrong.size:
            first = int(wrong[0])
            return (
                f"h of {wrong.size} of {units} units is wrong, first of unit {first}: "
                f"{hidden[first]}, and {due[first]} is due"
            )
        if saturations != self.saturations[step]:
            return f"{saturations} saturations, and {self.saturations[step]} are due"
        return ""


def known_answer(weights: LayerWeights, tiling: Tiling) -> KnownAnswer:
    """Compute the answer of a layer on its dies, step by step, by the reference."""
    odd = np.arange(tiling.hidden) % 2 == 1
    h = np.where(odd, S8_MIN, S8_MAX).astype(np.int64)
    c = np.where(odd, S16_MIN, S16_MAX).astype(np.int64)
    first_h, first_c = h.astype(np.int8), c.astype(np.int16)
    x = _driving(weights)
    sat16 = Sat16()
    accumulator = Accumulator.of(Knobs(), sat16)
    hidden, events = list[NDArray[np.int8]](), list[int]()
    for each in x:
        before = int(sat16.events)
        a = pre_activations(weights, tiling, each.astype(np.int64), h, accumulator)
        h, c = cell(weights, a, c, sat16)
        hidden.append(h.astype(np.int8))
        events.append(int(sat16.events) - before)
    return KnownAnswer(first_h, first_c, x, np.stack(hidden), np.array(events, np.int64))


def _driving(weights: LayerWeights) -> NDArray[np.int8]:
    """Return inputs that drive the heaviest rows, up and down in turn."""
    w_x = weights.w_x.astype(np.int64)
    rows = np.argsort(-np.abs(w_x).sum(axis=1), kind="stable")[: STEPS // 2]
    aimed = [np.sign(w_x[row]) * S8_MAX for row in np.resize(rows, STEPS // 2)]
    both = [side * each for each in aimed for side in (1, -1)]
    return np.stack(both).clip(S8_MIN, S8_MAX).astype(np.int8)
