"""Which part of a file a picture shows, and how wide."""

from dataclasses import dataclass
from typing import Final

from vau.audio import HOP_S, HOP_SAMPLES

LEAST_IN: Final = 9.0  # titles need so much


@dataclass(frozen=True, slots=True)
class Window:
    """The frames that are shown."""

    first: int
    end: int
    second_in: float
    """How wide a second is drawn, in inches, unless the whole would be too narrow."""

    @property
    def start_s(self) -> float:
        """When it begins in the file."""
        return self.first * HOP_S

    @property
    def end_s(self) -> float:
        """When it ends."""
        return self.end * HOP_S

    @property
    def start_sample(self) -> int:
        """The same in samples of 16 kHz."""
        return self.first * HOP_SAMPLES

    @property
    def end_sample(self) -> int:
        """Behind its last sample."""
        return self.end * HOP_SAMPLES

    @property
    def rows(self) -> slice:
        """Take these frames out of an array of all."""
        return slice(self.first, self.end)

    @property
    def width_in(self) -> float:
        """How wide its time axis is drawn, in inches."""
        return max(LEAST_IN, self.second_in * (self.end_s - self.start_s))
