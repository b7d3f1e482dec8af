"""How far it is from one sample to the next, and what that says.

Sound is predictable: from sample to sample it moves little. Bytes that are read in a wrong way
jump. How many bits a step takes, which is what a lossless coder would have to pay, tells one
from the other: of several readings the right one is the cheapest by far. Noise in a recording
makes all readings dearer, and the right one stays the cheapest.
"""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from vau.honesty.block import Samples

TOGETHER: Final = 123
"""Steps whose mean is taken: 8 ms, so that loud and quiet parts of a block both count."""

_MEAN: Final = np.full(TOGETHER, 1 / TOGETHER, np.float32)

Steps = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Heard:
    """A block as it came, and the figures of that reading."""

    samples: Samples
    level: float
    """Mean distance from the mean."""

    steps: Steps
    """Magnitudes, shape (samples - 1,)."""

    step: float
    """Their mean."""

    bits: float

    @classmethod
    def of(cls, samples: Samples, level: float) -> Self:
        """Measure the steps of a block."""
        steps = steps_of(samples)
        return cls(samples, level, steps, mean_of(steps), bits_of(steps))


def steps_of(reading: NDArray[Any], back: int = 1) -> Steps:
    """Return how far each sample is from the one ``back`` samples before it."""
    wide = reading.astype(np.float32)  # which holds steps of 16 bits exactly
    steps: Steps = np.abs(wide[back:] - wide[:-back])
    return steps


def mean_of(steps: Steps) -> float:
    """Return the mean."""
    return float(np.add.reduce(steps)) / len(steps)


def bits_of(steps: Steps) -> float:
    """Return how many bits a step takes in the mean."""
    whole = len(steps) - len(steps) % TOGETHER
    bits = np.log2(1.0 + steps[:whole].reshape(-1, TOGETHER) @ _MEAN)
    return mean_of(bits)
