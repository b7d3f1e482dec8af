"""A stream that is served by another backend than the one before: how that is told."""

import logging
from dataclasses import dataclass
from typing import Final

from vau.backend import promise_equal_bits
from vau.errors import VauError
from vau.lane import Lane
from vau.logs import facts
from vau.v1 import speech_pb2 as pb
from vau.wire.status import row_of

logger = logging.getLogger(__name__)

CODE: Final = "BACKEND_CHANGED"
TEXT_LIMIT: Final = 300  # characters of what a driver has to say


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A fallback was taken."""

    left: Lane
    taken: Lane
    why: VauError
    """What the one that was left failed with."""

    utterance_index: int
    frame: int
    """The first that is answered by the other, by its number in the utterance."""

    sample: int
    """Where in the stream that frame starts."""

    repeated_steps: int = 0
    """What the other had to take again before it."""

    @property
    def left_id(self) -> str:
        """The backend that was left."""
        return self.left.backend.info.id

    @property
    def taken_id(self) -> str:
        """The backend that was taken."""
        return self.taken.backend.info.id

    @property
    def reason(self) -> str:
        """The constant that a client would have got as the end of its stream."""
        return row_of(self.why).reason

    def notice(self) -> pb.Notice:
        """Return what its client is told."""
        where = f"at frame {self.frame} of utterance {self.utterance_index}"
        notice = pb.Notice(
            code=CODE,
            text=f"{self.taken_id} takes over from {self.left_id} {where}, {self._bits()}: "
            + self._words(),
        )
        notice.metadata.update({name: str(value) for name, value in self.facts().items()})
        return notice

    def facts(self) -> dict[str, int | str]:
        """Return all of it, flat."""
        return {
            "from": self.left_id,
            "to": self.taken_id,
            "why": self.reason,
            "utterance": self.utterance_index,
            "frame": self.frame,
            "sample": self.sample,
            "repeated_steps": self.repeated_steps,
        }

    def log(self) -> None:
        """Say it to whoever runs the server."""
        logger.warning("backend changed", extra=facts(**self.facts(), text=self._words()))

    def _bits(self) -> str:
        left, taken = self.left.backend.info, self.taken.backend.info
        if promise_equal_bits(left, taken):
            return "with the same bits"
        if left.arithmetic_id == taken.arithmetic_id:
            return f"in the same arithmetic ({taken.arithmetic_id})"
        return f"in another arithmetic ({taken.arithmetic_id}, not {left.arithmetic_id})"

    def _words(self) -> str:
        text = str(self.why)
        return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"
