"""The number formats of ``rpu-spec-0``, and the only two ways in which bits get lost.

A format sQm.n has one sign bit, m integer bits and n fraction bits.

Source: docs/rpu-spec-0.md, section 2. The publication (doi:10.1109/SiPS.2017.8110011) names no
        width and no format: all of them are the specification's choice.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

HIDDEN_FRACTION_BITS: Final = 15  # h, gates and tanh(c): s16 sQ0.15
PRE_ACTIVATION_FRACTION_BITS: Final = 11  # p: s16 sQ4.11
CELL_FRACTION_BITS: Final = 12  # c: s16 sQ3.12
BIAS_FRACTION_BITS: Final = 16  # b: s32
LOGIT_FRACTION_BITS: Final = 16  # s32

S16_MIN, S16_MAX = -32_768, 32_767
S32_MIN, S32_MAX = -(2**31), 2**31 - 1


def round_off(values: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """Return ``values / 2**bits``, rounded to the nearest whole number, ties to even.

    bits: 1 or more. Source: section 2, where it is called rne.
    """
    odd = (values >> bits) & 1  # a tie goes up from an odd floor, and stays on an even one
    return (values + (1 << (bits - 1)) - 1 + odd) >> bits


def saturate(values: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """Clamp to a signed register of ``bits`` bits."""
    most = (1 << (bits - 1)) - 1
    return values.clip(-most - 1, most)


def to_fixed(
    values: NDArray[np.floating[Any]], fraction_bits: int, low: int, high: int
) -> NDArray[np.float64]:
    """Round to ``fraction_bits``, ties to even, and clamp; whole numbers in float64.

    values: finite, any shape. Scaling by a power of two is exact, so the clamp may go first
            and nothing overflows, however large.
    """
    scale = 2.0**fraction_bits
    return np.rint(np.clip(values.astype(np.float64), low / scale, high / scale) * scale)


def to_s16(values: NDArray[np.floating[Any]], fraction_bits: int) -> NDArray[np.int16]:
    """Round to ``fraction_bits``, ties to even, and clamp to 16 bits."""
    return to_fixed(values, fraction_bits, S16_MIN, S16_MAX).astype(np.int16)


def to_s32(values: NDArray[np.floating[Any]], fraction_bits: int) -> NDArray[np.int32]:
    """Round to ``fraction_bits``, ties to even, and clamp to 32 bits."""
    return to_fixed(values, fraction_bits, S32_MIN, S32_MAX).astype(np.int32)
