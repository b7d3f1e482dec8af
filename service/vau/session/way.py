"""What a session asks of its backend, and asks again of another when that one fails."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.backend import Cost
from vau.session.trail import Trail


@dataclass(frozen=True, slots=True)
class Repetition:
    """Steps that were taken again, because a backend lost what they had led to."""

    steps: int = 0
    cost: Cost = field(default_factory=Cost)

    def __add__(self, other: "Repetition") -> "Repetition":
        """Add up what followed upon each other."""
        return Repetition(self.steps + other.steps, self.cost + other.cost)


NOTHING_REPEATED: Final = Repetition()


@dataclass(slots=True)
class Way:
    """The steps of a session on their way through a backend."""

    trail: Trail | None = None
    """None if no other backend is to take over."""

    pending: NDArray[np.float32] | None = None
    """Steps that have no answer yet, shape (steps, feature_dim); None between two pieces."""

    _again: deque[NDArray[np.float32]] = field(default_factory=deque)
    """Those before them that are to be taken again."""

    @property
    def repeats(self) -> bool:
        """Whether the next steps are such as were answered already."""
        return bool(self._again)

    @property
    def steps_to_repeat(self) -> int:
        """How many those are."""
        return sum(map(len, self._again))

    @property
    def is_owed(self) -> bool:
        """Whether there is anything that a backend is still to take."""
        return self.repeats or self.pending is not None

    @property
    def is_due(self) -> bool:
        """Whether the trail is to begin anew before the next steps."""
        return self.trail is not None and self.trail.is_due and not self._again

    def next_steps(self) -> NDArray[np.float32]:
        """Return what the backend is to take next. Raises ValueError if that is nothing."""
        if self._again:
            return self._again[0]
        if self.pending is None:
            raise ValueError("the session has nothing to be computed: push audio first")
        return self.pending

    def repeat(self, cost: Cost) -> Repetition:
        """Take note that the next steps were taken again, at this cost."""
        return Repetition(len(self._again.popleft()), cost)

    def settle(self, *, ends: bool) -> None:
        """Take note of an answer; ``ends`` tells that what follows begins in the zero state."""
        if self.trail is not None and ends:
            self.trail.begin()
        elif self.trail is not None and self.pending is not None:
            self.trail.add(self.pending)
        self.pending = None

    def begin_again(self, *, gives_states: bool) -> None:
        """Go on in another slot, which has the state where the trail begins."""
        if self.trail is None or not self.trail.is_whole:
            raise ValueError("the way to where the session stands is not known")
        self.trail.gives_states = gives_states
        self._again = deque(self.trail.pieces())
