"""The tiers in C: this module is only their way in.

What they compute, and how: native/munt.h. They are built with the package where there is a C
compiler; an installation without one has no tier here, and says so in ``WHY_NOT``.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau_backends.muntaniala.array import Knobs, Tiling
from vau_backends.muntaniala.kernel.port import Answer, Lanes
from vau_backends.muntaniala.states import States
from vau_backends.muntaniala.tables import SIGMOID, TANH
from vau_backends.muntaniala.weights import NetworkWeights

try:
    import vau_backends.muntaniala.kernel._native as _native
except ImportError as cause:
    _missing = str(cause)
else:
    _missing = ""

TIERS: Final[tuple[str, ...]] = () if _missing else tuple(_native.tiers())
WHY_NOT: Final = _missing and f"the C kernel was not built with this installation ({_missing})"
ACCUMULATORS: Final = ("sat", "wrap", "wide")  # in the order of munt.h
MOST_PRODUCTS: Final = 2**14  # of a die: 32 bits hold four times their sum, whatever it is


def amx_peak() -> float:
    """Return the multiplications a second that AMX does at best, measured now; 0 without it."""
    return 0.0 if _missing else _native.amx_peak()


class CompiledKernel:
    """One network on its arrays of dies, packed for a tier of ``TIERS``."""

    def __init__(
        self,
        weights: NetworkWeights,
        tilings: Sequence[Tiling],
        knobs: Knobs,
        tier: str,
    ) -> None:
        """Pack the weights. Raises ValueError for dies of more products than 32 bits hold."""
        products = max(tiling.x_per_die + tiling.h_per_die for tiling in tilings)
        if products > MOST_PRODUCTS:
            raise ValueError(f"{products} products in a die are too many for 32-bit sums")
        self.tier = tier
        self._shape = (len(weights.layers), len(weights.b_out))
        layers = [
            (
                tiling.hidden,
                tiling.inputs,
                tiling.columns,
                np.ascontiguousarray(layer.w_x),
                np.ascontiguousarray(layer.w_h),
                np.ascontiguousarray(layer.bias),
                None if layer.peephole is None else np.ascontiguousarray(layer.peephole),
            )
            for layer, tiling in zip(weights.layers, tilings, strict=True)
        ]
        self._network = _native.Network(
            tier,
            ACCUMULATORS.index(knobs.acc),
            TANH,
            SIGMOID,
            layers,
            len(weights.b_out),
            np.ascontiguousarray(weights.w_out),
            np.ascontiguousarray(weights.b_out),
        )

    def run(
        self,
        inputs: NDArray[np.int8],
        lengths: Sequence[int],
        states: States,
        rows: Sequence[int],
        lanes: Lanes | None = None,
    ) -> Answer:
        """Advance the states in ``rows``; see ``port.Kernel``.

        Raises ValueError for arrays that do not fit each other, RuntimeError if another thread
               is in this method: its memory is one.
        """
        layers, classes = self._shape
        logits = np.empty((len(inputs), classes), np.int32)
        saturations = np.empty((len(lengths), layers), np.int64)
        total, doubtful = self._network.run(
            len(inputs),
            len(states.h),
            list(lengths),
            list(rows),
            inputs,
            states.h,
            states.c,
            logits,
            saturations,
        )
        if lanes is not None:
            lanes.total += total
            lanes.doubtful += doubtful
        return Answer(logits, saturations)

    def read_s(self) -> float:
        """Return the seconds to read every weight once: no frame of one stream takes less."""
        return self._network.read_s()
