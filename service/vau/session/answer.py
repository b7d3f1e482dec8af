"""What comes of a piece of audio: for its client, and for whoever listens beside it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vau.backend import Cost, Result
from vau.endpoint import EndReason
from vau.honesty import Remark
from vau.segments import Segment, SpeechEvent
from vau.session.way import NOTHING_REPEATED, Repetition


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one piece of audio completed."""

    utterance_index: int
    first_frame: int
    """Index within the utterance of the first answered frame."""

    first_sample: int
    """Where in the stream that frame starts."""

    log_prob: NDArray[np.float32]
    """Shape (frames, phonemes); see ``Result``."""

    logits: NDArray[np.int32] | None
    segments: tuple[Segment, ...]
    """Finals, and behind them an interim at most."""

    events: tuple[SpeechEvent, ...] = ()
    ends: EndReason | None = None
    """Why nothing of this utterance follows; None if something does."""

    steps: int
    """Steps that the network took: frames, and those of the output delay."""

    vain_steps: int = 0
    """The last so many of them: the rules found the utterance to end before them."""

    cost: Cost
    repeated: Repetition = NOTHING_REPEATED
    """What was taken again, by a backend that took over from another: no frame is in that."""

    received_sample: int
    """Samples taken so far."""

    answered_sample: int
    """Every frame that starts before this sample has been answered."""

    remarks: tuple[Remark, ...] = ()
    """What that audio, as it came, is worth telling of."""

    @property
    def spent(self) -> Cost:
        """The cost with that of what was taken again."""
        return self.repeated.cost + self.cost if self.repeated.steps else self.cost


@dataclass(frozen=True, slots=True)
class Heard:
    """What a backend was given of one utterance, and what it said to that."""

    features: NDArray[np.float32]
    """As in ``Work``, shape (steps, feature_dim)."""

    result: Result
    frames: int
    """The last so many steps answered a frame; those before them fill the output delay."""

    ends: bool
    """Nothing of this utterance follows."""


class Observer(Protocol):
    """Whoever listens to a session beside its client. Nobody waits for it.

    The lane calls it on its thread when the answers are given away, so whatever it does delays
    the next round: it has microseconds.
    """

    def heard(self, heard: Heard) -> None:
        """Take note of the next steps of the present utterance; another follows its end."""

    def left(self) -> None:
        """Take note that the session is over, perhaps in the middle of an utterance."""
