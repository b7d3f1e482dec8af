"""The number formats of the datapath, and its one way to run out of range.

A format sQm.n has one sign bit, m integer bits and n fraction bits.

Source: docs/munt-spec-0.md, section 2. Published (doi:10.1109/TCSI.2021.3099716) is no more
        than "8/16-bit quantisation": which quantity has which, and every binary point, is
        the specification's choice.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

WEIGHT_FRACTION_BITS: Final = 5  # weights and biases: s8 sQ2.5
ACTIVATION_FRACTION_BITS: Final = 7  # x and h: s8 sQ0.7
ACCUMULATOR_FRACTION_BITS: Final = WEIGHT_FRACTION_BITS + ACTIVATION_FRACTION_BITS  # s16 sQ3.12
INPUT_SHIFT: Final = 2  # layer 1 sees a quarter of a feature, and its W_x is stored times 4
BIAS_SHIFT: Final = ACCUMULATOR_FRACTION_BITS - WEIGHT_FRACTION_BITS
PEEPHOLE_SHIFT: Final = WEIGHT_FRACTION_BITS  # c times a peephole weight, to a pre-activation
HIDDEN_SHIFT: Final = (
    2 * ACCUMULATOR_FRACTION_BITS - ACTIVATION_FRACTION_BITS
)  # o * tanh(c) to h

S8_MIN, S8_MAX = -128, 127
S16_MIN, S16_MAX = -32_768, 32_767


def to_s8(values: NDArray[np.floating[Any]], fraction_bits: int) -> NDArray[np.int8]:
    """Round to ``fraction_bits``, ties to even, then clamp to 8 bits.

    values: finite, any shape. The scaling is exact: a power of two. So the clamp may go first,
            and nothing overflows, however large.
    """
    unit = 2.0**-fraction_bits
    scaled = np.minimum(np.maximum(values, S8_MIN * unit), S8_MAX * unit)
    scaled *= 2.0**fraction_bits
    rounded: NDArray[np.int8] = np.rint(scaled, out=scaled).astype(np.int8)
    return rounded


@dataclass(slots=True)
class Sat16:
    """A 16-bit saturating register file that counts the clamps which changed a value."""

    events: np.int64 | NDArray[np.int64] = field(default_factory=lambda: np.int64(0))
    """By stream: of the shape of what it clamped, without the last axis."""

    def __call__(self, exact: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return ``exact``, shape (..., values), clamped to 16 bits."""
        clamped = exact.clip(S16_MIN, S16_MAX)
        self.events = self.events + np.count_nonzero(clamped != exact, axis=-1)
        return clamped


def wrap16(exact: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what a 16-bit register keeps of ``exact``: its remainder modulo 2**16."""
    return (exact - S16_MIN) % 2**16 + S16_MIN
