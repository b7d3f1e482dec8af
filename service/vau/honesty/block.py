"""The grid on which audio is looked at: however it came in, a tenth of a second at a time."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from vau.audio import SAMPLE_RATE_HZ

BLOCK_SAMPLES: Final = SAMPLE_RATE_HZ // 10
SECOND_BLOCKS: Final = SAMPLE_RATE_HZ // BLOCK_SAMPLES

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Block:
    """BLOCK_SAMPLES of a stream."""

    samples: Samples
    start: int
    """Where in the stream they begin."""

    low: int
    high: int
    """The least and the greatest of them."""

    total: int
    """Their sum."""

    @classmethod
    def of(cls, samples: Samples, start: int) -> Self:
        """Look at samples for the first time."""
        samples = samples.astype("<i2", copy=False)  # whatever looks at bytes counts on it
        low, high = np.minimum.reduce(samples), np.maximum.reduce(samples)
        total = np.add.reduce(samples, dtype=np.int32)
        return cls(samples, start, int(low), int(high), int(total))

    @property
    def end(self) -> int:
        """Where in the stream the next one begins."""
        return self.start + len(self.samples)

    @property
    def level(self) -> float:
        """Mean distance from the mean; half of the spread at most."""
        away = np.abs(self.samples - np.float32(self.total / len(self.samples)))
        return float(np.add.reduce(away)) / len(away)

    @property
    def spread(self) -> int:
        """From the least to the greatest sample."""
        return self.high - self.low
