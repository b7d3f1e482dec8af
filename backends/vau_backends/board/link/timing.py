"""How long an answer may take: what the bytes and the cycles need, and what was seen so far.

Ref: Jacobson, "Congestion Avoidance and Control", SIGCOMM 1988, for the mean and its deviation;
     Karn and Partridge, SIGCOMM 1987: an answer to what was sent twice says nothing of either.
"""

from dataclasses import dataclass
from typing import Final

LEAST_SLACK_S: Final = 0.02
MOST_SLACK_S: Final = 1.0
FIRST_SLACK_S: Final = 0.25
"""Before anything was seen."""

BITS_PER_BYTE: Final = 10  # of a line, start and stop bit included


@dataclass(slots=True)
class RoundTrip:
    """What answers took beyond what they had to."""

    mean_s: float | None = None
    deviation_s: float = 0.0

    def saw(self, extra_s: float) -> None:
        """Take an answer into account that came so much later than it had to."""
        extra_s = max(0.0, extra_s)
        if self.mean_s is None:
            self.mean_s, self.deviation_s = extra_s, extra_s / 2
            return
        self.deviation_s += (abs(extra_s - self.mean_s) - self.deviation_s) / 4
        self.mean_s += (extra_s - self.mean_s) / 8

    @property
    def slack_s(self) -> float:
        """How much later than it has to an answer may come before it counts as lost."""
        if self.mean_s is None:
            return FIRST_SLACK_S
        return min(max(self.mean_s + 4 * self.deviation_s, LEAST_SLACK_S), MOST_SLACK_S)


def transfer_s(byte_count: int, bits_per_s: float) -> float:
    """Return how long so many bytes are on the line."""
    return byte_count * BITS_PER_BYTE / bits_per_s if bits_per_s else 0.0
