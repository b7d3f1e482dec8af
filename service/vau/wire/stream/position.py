"""How far a stream has come, as every response says it."""

from collections import deque
from dataclasses import dataclass, field

from vau.v1 import speech_pb2 as pb


@dataclass(slots=True)
class Position:
    """Offsets in samples of one stream."""

    received: int = 0
    """Accepted from the client, whether computed or not."""

    computed: int = 0
    """Gone through the front end."""

    answered: int = 0
    """Where the first frame begins whose answer is still to come."""

    acked: int = 0
    """Where the newest checkpoint is; without one a stream starts again from its beginning."""

    _marks: deque[tuple[int, int]] = field(default_factory=deque)
    _answered_mark: int = 0

    @property
    def lag(self) -> int:
        """Samples received and not answered."""
        return self.received - self.answered

    def begin(self, received: int, answered: int) -> None:
        """Begin where an earlier call of this stream sent a checkpoint."""
        self.received = self.computed = self.acked = received
        self.answered = answered

    def mark(self, sample: int, mark: int) -> None:
        """Remember the mark of a message whose audio ends at ``sample``; 0 is none."""
        if mark:
            self._marks.append((sample, mark))

    def stamp(self, response: pb.StreamingRecognizeResponse) -> None:
        """Say in ``response`` how far the stream has come."""
        while self._marks and self._marks[0][0] <= self.answered:
            self._answered_mark = self._marks.popleft()[1]
        response.received_sample = self.received
        response.answered_sample = self.answered
        response.acked_sample = self.acked
        response.client_mark = self._answered_mark
