"""Until when a call has to be answered, whatever is sent again, probed or mended meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from time import monotonic
from typing import Final

from vau.errors import DeviceTimeout

DEFAULT_LIMIT_S: Final = 10.0
"""Of a call, all that is sent again, probed and mended for it included; the time that weights
need on the line, if they have to be written anew, is added."""


class Deadline:
    """One for all that takes part in a call. Until somebody sets it there is none."""

    def __init__(self) -> None:
        self._end_s = inf

    @contextmanager
    def within(self, limit_s: float) -> Iterator[None]:
        """Let everything inside end within so many seconds."""
        before, self._end_s = self._end_s, monotonic() + limit_s
        try:
            yield
        finally:
            self._end_s = before

    def extend(self, seconds: float) -> None:
        """Give what is under way so much more time."""
        self._end_s += seconds

    @property
    def has_passed(self) -> bool:
        """Whether there is no time left."""
        return monotonic() >= self._end_s

    def left_s(self, at_most_s: float, name: str, stage: str) -> float:
        """Return how long something may take that would be given ``at_most_s`` by itself.

        name, stage: of the board, and of what is about to be done; for the error.
        Raises       DeviceTimeout if there is no time left.
        """
        left_s = self._end_s - monotonic()
        if left_s <= 0:
            raise DeviceTimeout(f"{name}: the deadline passed before {stage}", stage=stage)
        return min(at_most_s, left_s)
