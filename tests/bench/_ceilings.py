"""What this machine could do at best, measured in turns with what it does."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.bench._measure import Side, cpu_s
from vau.model import Model
from vau_backends.muntaniala.kernel import Kernel
from vau_backends.muntaniala.kernel.compiled import CompiledKernel, amx_peak
from vau_backends.muntaniala.weights import SPEC


class Gauge:
    """A reading of the machine that takes turns with the sides, by its own clock."""

    def __init__(self, read: Callable[[], float]) -> None:
        self._read = read
        self._readings: list[float] = []

    @property
    def median(self) -> float:
        """What it usually reads."""
        return float(np.median(self._readings))

    def side(self) -> Side:
        """Return it as one of those that take turns."""
        return Side(step=lambda: self._readings.append(self._read()))


def read_gauge(kernel: Kernel, model: Model) -> Gauge:
    """Return the seconds to read the weights once, from whichever cache holds them.

    A compiled kernel reads those that it packed. For the others it is numpy's maximum of as
    many bytes, which was within 3 % of that where both were tried: both wait for the cache.
    """
    if isinstance(kernel, CompiledKernel):
        return Gauge(kernel.read_s)
    weights = np.concatenate([array.ravel() for array in model.integers[SPEC].values()])
    return Gauge(lambda: cpu_s(weights.max))


def multiply_gauge(kernel: Kernel) -> Gauge | None:
    """Return the MACs per second of AMX with nothing else to do; None on another tier."""
    return Gauge(amx_peak) if kernel.tier == "amx" else None


def macs(model: Model) -> int:
    """Return the multiplications of a frame: one for each weight, biases aside."""
    arrays: dict[str, NDArray[Any]] = dict(model.integers[SPEC])
    return sum(array.size for name, array in arrays.items() if name.startswith("w_"))
