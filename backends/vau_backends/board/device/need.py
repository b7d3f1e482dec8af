"""How long the answers to what is on the way may take, before any slack."""

from collections.abc import Sequence
from dataclasses import dataclass

from vau_backends.board.link.frame import Frame, wire_bytes
from vau_backends.board.link.info import Info
from vau_backends.board.link.timing import transfer_s


@dataclass(slots=True)
class Need:
    """How long the answers to what is on the way may take."""

    info: Info
    bits_per_s: float
    answer_bytes: int
    cycles: int

    def total_s(self, unanswered: Sequence[Frame]) -> float:
        """Return how long their bytes, the answers' and the cycles take."""
        out = sum(wire_bytes(len(frame.payload)) for frame in unanswered)
        back = len(unanswered) * wire_bytes(self.answer_bytes)
        computing_s = self.cycles / self.info.rate_hz if self.info.rate_hz else 0.0
        return transfer_s(out + back, self.bits_per_s) + computing_s
