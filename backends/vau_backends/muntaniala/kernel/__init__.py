"""The fast path: the bits and the saturation counts of ``cell.py``, on one of several tiers.

A tier is a way to compute, none of which changes a bit: C for AMX, for AVX-512, for AVX2 or
for any machine, and numpy where nothing was compiled. The first of these that is to be had
is taken, unless VAU_KERNEL names one; by that name alone the reference itself can be had too.
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
from vau_backends.muntaniala.kernel.reference_tier import ReferenceKernel
from vau_backends.muntaniala.weights import NetworkWeights

VARIABLE: Final = "VAU_KERNEL"
NUMPY: Final = "numpy"
REFERENCE: Final = ReferenceKernel.tier
ALL: Final = ("amx", "avx512", "avx2", "portable", NUMPY, REFERENCE)

# docs/performance.md has the figures, measured on a Xeon with AMX.
_ON_NUMPY: Final = (
    "computes with numpy: the same bits, several times slower than the C kernel, with many "
    "streams up to sixty times; {why}; install a C compiler with the headers of Python, then "
    "install Vau again"
)


def tiers() -> tuple[str, ...]:
    """Return those that are to be had here, in the order in which they are tried.

    The reference is not among them: it is there to judge them.
    """
    return (*compiled.TIERS, NUMPY)


def offered() -> tuple[str, ...]:
    """Return those to choose among: all of ``tiers``, or the one that VAU_KERNEL forces.

    Raises ConfigInvalid as ``choose`` does.
    """
    return (choose(),) if os.environ.get(VARIABLE) else tiers()


def choose(name: str = "") -> str:
    """Return the tier of that name; of none, the one that VAU_KERNEL names, or the first.

    Raises ConfigInvalid for a name that is none, or not to be had here.
    """
    forced = os.environ.get(VARIABLE, "")
    wanted = name or forced or tiers()[0]
    available = (*tiers(), REFERENCE)
    if wanted in available:
        return wanted
    if wanted not in ALL:
        why = "there is no such tier"
    else:
        why = compiled.WHY_NOT or "this processor or its system does not offer it"
    field, otherwise = ("tier", "name none") if name else (VARIABLE, "unset it")
    raise ConfigInvalid(
        f"{field}={wanted}: {why}; take one of {', '.join(available)}, or {otherwise}",
        field=field,
        available=", ".join(available),
    )


def remark(tier: str) -> str:
    """Return what an operator should know who finds ``tier`` in use; most often nothing."""
    if tier == NUMPY and compiled.WHY_NOT:
        return _ON_NUMPY.format(why=compiled.WHY_NOT)
    return ""


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
