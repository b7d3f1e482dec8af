"""What the workers of a run ask, and what the one who started it tells them."""

from collections import Counter


class Desk:
    """Stands on the machine of the one who started the run."""

    def __init__(self) -> None:
        self._is_stopping = False
        self._begun: Counter[int] = Counter()

    def stop(self) -> None:
        """Let nobody begin another file."""
        self._is_stopping = True

    def stopping(self) -> bool:
        """Tell whether no other file is to be begun."""
        return self._is_stopping

    def begin(self, block: int) -> int:
        """Take note that a block is begun; return how often it was."""
        self._begun[block] += 1
        return self._begun[block]

    def lost(self) -> int:
        """Return how many workers died over their blocks."""
        return self._begun.total() - len(self._begun)
