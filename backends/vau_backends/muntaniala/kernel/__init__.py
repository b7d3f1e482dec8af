"""The fast path: the bits and the saturation counts of ``cell.py``, on one of several tiers.

See ``vau_backends.tiers`` for how one is chosen.
"""

from collections.abc import Sequence
from typing import Final

from vau_backends.muntaniala.array import Knobs, Tiling
from vau_backends.muntaniala.kernel import compiled
from vau_backends.muntaniala.kernel.compiled import CompiledKernel
from vau_backends.muntaniala.kernel.numpy_tier import NumpyKernel
from vau_backends.muntaniala.kernel.port import Answer as Answer
from vau_backends.muntaniala.kernel.port import Kernel as Kernel
from vau_backends.muntaniala.kernel.port import Lanes as Lanes
from vau_backends.muntaniala.kernel.reference_tier import ReferenceKernel
from vau_backends.muntaniala.weights import NetworkWeights
from vau_backends.tiers import NUMPY, REFERENCE, Choice

# docs/performance.md has the figures, measured on a Xeon with AMX.
_SLOW: Final = "several times slower than the C kernel, with many streams up to sixty times"
_CHOICE: Final = Choice(
    "muntaniala", compiled, in_c=("amx", "avx512", "avx2", "portable"), slow=_SLOW
)
tiers = _CHOICE.tiers
offered = _CHOICE.offered
choose = _CHOICE.choose
remark = _CHOICE.remark


def open_kernel(
    weights: NetworkWeights, tilings: Sequence[Tiling], knobs: Knobs, tier: str = ""
) -> Kernel:
    """Lay a network out for a tier; see ``choose``.

    Raises ValueError for dies whose sums the tier could not hold exactly.
    """
    tier = choose(tier)
    if tier == NUMPY:
        return NumpyKernel(weights, tilings, knobs)
    if tier == REFERENCE:
        return ReferenceKernel(weights, tilings, knobs)
    return CompiledKernel(weights, tilings, knobs, tier)
