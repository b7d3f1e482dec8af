"""The tiers in C: this module is only their way in.

What they compute, and how: native/rpu.h. They are built with the package where there is a C
compiler, for the instruction sets of x86; elsewhere numpy is the fast tier.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vau_backends.rpu.fixedpoint import PRE_ACTIVATION_FRACTION_BITS
from vau_backends.rpu.kernel.numpy_tier import scale_of, scaled
from vau_backends.rpu.kernel.port import Answer, States
from vau_backends.rpu.tables import ENTRIES, STEP_BITS, sigmoid, tanh_of_gate
from vau_backends.rpu.weights import LayerWeights, NetworkWeights

try:
    import vau_backends.rpu.kernel._native as _native
except ImportError as cause:
    _missing = str(cause)
else:
    _missing = ""

TIERS: Final[tuple[str, ...]] = () if _missing else tuple(_native.tiers())
WHY_NOT: Final = _missing and f"the C kernel was not built with this installation ({_missing})"


class CompiledKernel:
    """One network, packed for a tier of ``TIERS``."""

    def __init__(self, weights: NetworkWeights, tier: str) -> None:
        """Pack the weights."""
        self.tier = tier
        self._shape = (len(weights.layers), len(weights.b_out))
        align = weights.alignment
        self._network = _native.Network(
            tier,
            _SIGMOID,
            _TANH,
            [_plain(layer) for layer in weights.layers],
            len(weights.b_out),
            np.ascontiguousarray(weights.w_out),
            scaled(weights.b_out, align.bias, align),
            scale_of(align.h, align),
        )

    def run(
        self,
        inputs: NDArray[np.int16],
        lengths: Sequence[int],
        states: States,
        rows: Sequence[int],
    ) -> Answer:
        """Take all streams through one layer after the other, as ``Kernel`` says.

        Raises ValueError for arrays that do not fit each other, RuntimeError if another thread
               is in this method: its memory is one.
        """
        layers, classes = self._shape
        logits = np.empty((len(inputs), classes), np.int32)
        clamps = np.empty((len(lengths), layers), np.int64)
        self._network.run(
            len(inputs),
            len(states.h),
            list(lengths),
            list(rows),
            inputs,
            states.h,
            states.c,
            logits,
            clamps,
        )
        return Answer(logits, clamps)


def _plain(layer: LayerWeights) -> tuple[Any, ...]:
    """Return a layer as the module takes it."""
    rows, inputs = layer.w_x.shape
    align = layer.alignment
    return (
        rows // 4,
        inputs,
        np.ascontiguousarray(layer.w_x),
        np.ascontiguousarray(layer.w_h),
        scaled(layer.bias, align.bias, align),
        scale_of(align.x, align),
        scale_of(align.h, align),
    )


# Tables from -8 to 8: the place of a value is what is left of it without its last bits.
_CUT_BITS: Final = PRE_ACTIVATION_FRACTION_BITS - STEP_BITS
_PLACES: Final = np.arange(-ENTRIES, ENTRIES, dtype=np.int64) << _CUT_BITS
_SIGMOID: Final = sigmoid(_PLACES).astype(np.int32)
_TANH: Final = tanh_of_gate(_PLACES).astype(np.int32)
