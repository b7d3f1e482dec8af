"""What a picture of a recording shows."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vau.backend import BackendInfo
from vau.model import Model
from vau.panels import Window
from vau.segments import Phone
from vau.session import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A recording as a backend heard it, and which part of it is drawn."""

    file: Path
    samples: NDArray[np.int16]
    """Of the whole recording, at 16 kHz."""

    window: Window
    model: Model
    backend: BackendInfo
    answers: tuple[Answer, ...]
    """One for each chunk of the whole recording."""

    @property
    def log_prob(self) -> NDArray[np.float32]:
        """Natural logs of the frames that are drawn, shape (frames, phonemes)."""
        return np.concatenate([each.log_prob for each in self.answers])[self.window.rows]

    @property
    def path(self) -> list[Phone]:
        """The most likely path: all phones that are drawn, silence included, in time."""
        start, end = self.window.start_sample, self.window.end_sample
        return [
            phone
            for answer in self.answers
            for segment in answer.segments
            for phone in segment.phones
            if phone.end_sample > start and phone.start_sample < end
        ]

    @property
    def phones(self) -> list[Phone]:
        """The same without silence."""
        return [each for each in self.path if each.class_id not in self.model.silence_ids]
