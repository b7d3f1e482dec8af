"""One stream on a board, and all that is needed to put it there again."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vau_backends.board.device.state import LayerState


@dataclass(eq=False, slots=True)
class Stream:
    """One stream: where it lies, and how to put it back."""

    state: list[LayerState]
    """Of each layer, as it was before ``since``; empty for the zero state."""

    since: list[NDArray[np.int8]] = field(default_factory=list)
    """Inputs that followed, shape (frames, inputs) each."""

    context: int | None = None
    used: int = 0
    is_doubtful: bool = False
    """Weights were wrong at some time since it began, and no step told."""

    @property
    def frames_since(self) -> int:
        """How many frames would have to be stepped through again."""
        return sum(map(len, self.since))

    @property
    def step(self) -> int:
        """How many it has had, by the count of its context."""
        return (self.state[0].step if self.state else 0) + self.frames_since
