"""Which part of a file a comparison shows."""

from typing import Final

import numpy as np

from vau.audio import HOP_S
from vau.commands.compare.file import Shown
from vau.panels import Window

WINDOW_S: Final = 20.0
"""Of a longer file, so much is shown around the frame that is furthest apart."""

SECOND_IN: Final = 1.6  # of the time axis, as far as the figure may grow
MOST_IN: Final = 20.0


def window_of(shown: Shown) -> Window:
    """Return the frames to show: all, or WINDOW_S around the one that is furthest apart."""
    variation = np.max([each.divergence.total_variation for each in shown.result.pairs], axis=0)
    room = round(WINDOW_S / HOP_S)
    first = max(0, min(int(variation.argmax()) - room // 2, len(variation) - room))
    end = min(len(variation), first + room)
    return Window(first, end, min(SECOND_IN, MOST_IN / ((end - first) * HOP_S)))
