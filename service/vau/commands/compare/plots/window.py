"""Which part of a file a picture shows, and how wide."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from vau.audio import HOP_S
from vau.commands.compare.file import Shown

WINDOW_S: Final = 20.0
"""Of a longer file, so much is shown around the frame that is furthest apart."""

SECOND_IN: Final = 1.6  # of the time axis, as far as the figure may grow
TIME_IN: Final = (9.0, 20.0)


@dataclass(frozen=True, slots=True)
class Window:
    """The frames that are shown."""

    first: int
    end: int

    @property
    def start_s(self) -> float:
        """When it begins in the file."""
        return self.first * HOP_S

    @property
    def end_s(self) -> float:
        """When it ends."""
        return self.end * HOP_S

    @property
    def width_in(self) -> float:
        """How wide its time axis is drawn, in inches."""
        least, most = TIME_IN
        return min(max(least, SECOND_IN * (self.end_s - self.start_s)), most)


def window_of(shown: Shown) -> Window:
    """Return the frames to show: all, or WINDOW_S around the one that is furthest apart."""
    variation = np.max([each.divergence.total_variation for each in shown.result.pairs], axis=0)
    room = round(WINDOW_S / HOP_S)
    first = max(0, min(int(variation.argmax()) - room // 2, len(variation) - room))
    return Window(first, min(len(variation), first + room))
