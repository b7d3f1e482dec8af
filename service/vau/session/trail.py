"""What another backend needs to go on with an utterance: a state, and the steps behind it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

STEPS_BETWEEN: Final = 100
"""A second of audio. After so many steps the state is asked for again; those behind it, and a
piece more, are what another backend has to take again."""

PIECE_STEPS: Final = 20
"""Taken again at a time, for the sake of the streams that share the round."""


class Trail:
    """The way of one slot since its utterance began, short enough to be replayed."""

    def __init__(self, *, gives_states: bool) -> None:
        """Begin in the zero state.

        gives_states: whether the backend does. The way from the zero state is all that there
                      is of one that does not, and it is forgotten when it becomes long.
        """
        self.gives_states = gives_states
        self.state: bytes | None = None
        """Where it begins; None for the zero state."""

        self.is_whole = True
        """Whether all steps since that state are here."""

        self._steps: list[NDArray[np.float32]] = []
        self._count = 0

    @property
    def is_due(self) -> bool:
        """Whether it is time to begin at a newer state."""
        return self.gives_states and self._count >= STEPS_BETWEEN

    @property
    def size_bytes(self) -> int:
        """How much there is of it: the state, and the steps behind it."""
        return len(self.state or b"") + sum(steps.nbytes for steps in self._steps)

    def begin(self, state: bytes | None = None) -> None:
        """Begin here: in a state that was given, or with an utterance in the zero state."""
        self.state = state
        self._forget()
        self.is_whole = True

    def add(self, steps: NDArray[np.float32]) -> None:
        """Add the next steps, shape (steps, feature_dim), which were answered."""
        if not self.is_whole:
            return
        self._steps.append(steps)
        self._count += len(steps)
        if self._count > STEPS_BETWEEN and not self.gives_states:
            self._forget()
            self.is_whole = False

    def pieces(self) -> list[NDArray[np.float32]]:
        """Return all of them, in pieces of PIECE_STEPS."""
        if not self._count:
            return []
        steps = np.concatenate(self._steps)
        return np.split(steps, range(PIECE_STEPS, len(steps), PIECE_STEPS))

    def _forget(self) -> None:
        self._steps.clear()
        self._count = 0
