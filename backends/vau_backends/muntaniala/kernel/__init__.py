"""The fast path: the bits and the saturation counts of ``cell.py``, on one of several tiers.

A tier is a way to compute, none of which changes a bit: C for AMX, for AVX-512, for AVX2 or
for any machine, and numpy where nothing was compiled. The best that this machine has is
taken, unless VAU_KERNEL names one.
"""

import os
from collections.abc import Sequence
from typing import Final

from vau.errors import ConfigInvalid
from vau_backends.muntaniala.array import Knobs, Tiling
from vau_backends.muntaniala.kernel import compiled
from vau_backends.muntaniala.kernel.compiled import CompiledKernel
from vau_backends.muntaniala.kernel.numpy_tier import NumpyKernel
from vau_backends.muntaniala.kernel.port import Answer as Answer
from vau_backends.muntaniala.kernel.port import Kernel as Kernel
from vau_backends.muntaniala.kernel.port import Lanes as Lanes
from vau_backends.muntaniala.weights import NetworkWeights

VARIABLE: Final = "VAU_KERNEL"
NUMPY: Final = "numpy"
ALL: Final = ("amx", "avx512", "avx2", "portable", NUMPY)


def tiers() -> tuple[str, ...]:
    """Return those that this machine and this installation have, the best first."""
    return (*compiled.TIERS, NUMPY)


def choose(name: str = "") -> str:
    """Return the tier of that name; of none, the one that VAU_KERNEL names, or the best.

    Raises ConfigInvalid for a name that is none, or not to be had here.
    """
    name = name or os.environ.get(VARIABLE, "") or tiers()[0]
    if name in tiers():
        return name
    if name not in ALL:
        why = "there is no such tier"
    else:
        why = compiled.WHY_NOT or "this processor or its system does not offer it"
    raise ConfigInvalid(
        f"{VARIABLE}={name}: {why}; take one of {', '.join(tiers())}, or unset it",
        field=VARIABLE,
        available=", ".join(tiers()),
    )


def open_kernel(
    weights: NetworkWeights, tilings: Sequence[Tiling], knobs: Knobs, tier: str = ""
) -> Kernel:
    """Lay a network out for a tier; see ``choose``.

    Raises ValueError for dies whose sums the tier could not hold exactly.
    """
    tier = choose(tier)
    if tier == NUMPY:
        return NumpyKernel(weights, tilings, knobs)
    return CompiledKernel(weights, tilings, knobs, tier)
