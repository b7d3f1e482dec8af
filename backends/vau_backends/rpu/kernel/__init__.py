"""The fast path: the bits and the clamps of ``cell.py``, on one of several tiers.

See ``vau_backends.tiers`` for how one is chosen.
"""

from typing import Final

from vau_backends.rpu.kernel import compiled
from vau_backends.rpu.kernel.compiled import CompiledKernel
from vau_backends.rpu.kernel.numpy_tier import NumpyKernel
from vau_backends.rpu.kernel.port import Answer as Answer
from vau_backends.rpu.kernel.port import Kernel as Kernel
from vau_backends.rpu.kernel.port import States as States
from vau_backends.rpu.kernel.reference_tier import ReferenceKernel
from vau_backends.rpu.weights import NetworkWeights
from vau_backends.tiers import NUMPY, REFERENCE, Choice

# docs/performance.md has the figures, measured on a Xeon with AMX.
_SLOW: Final = "five to twelve times slower than the C kernel"
_CHOICE: Final = Choice("rpu", compiled, in_c=("amx", "avx512", "avx2"), slow=_SLOW)
tiers = _CHOICE.tiers
offered = _CHOICE.offered
choose = _CHOICE.choose
remark = _CHOICE.remark


def open_kernel(weights: NetworkWeights, tier: str = "") -> Kernel:
    """Prepare ``weights`` for a tier; see ``choose``."""
    tier = choose(tier)
    if tier == NUMPY:
        return NumpyKernel(weights)
    if tier == REFERENCE:
        return ReferenceKernel(weights)
    return CompiledKernel(weights, tier)
