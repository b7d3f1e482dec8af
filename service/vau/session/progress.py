"""Where the present utterance of a stream stands."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.audio import HOP_SAMPLES
from vau.checkpoint.form import Reader, Writer
from vau.endpoint import EndReason
from vau.frontend import FrontendConfig, Utterance, restored_utterance
from vau.segments import MOST_INDEX

REASONS: Final = (None, EndReason.HALF_CLOSE, EndReason.END_UTTERANCE)
"""What may have ended a piece of audio, by the number that stands for it in a saved state."""


@dataclass(slots=True)
class Progress:
    """One utterance, so far."""

    index: int
    start_sample: int
    frontend: Utterance = field(default_factory=Utterance)
    last_features: NDArray[np.float32] | None = None
    steps: int = 0
    frames: int = 0
    ends: EndReason | None = None
    samples: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))
    """From the first frame on that is not answered; kept only where rules may end it."""

    @property
    def answered_sample(self) -> int:
        """Every frame that starts before this sample has been answered."""
        return self.start_sample + self.frames * HOP_SAMPLES

    def save(self, out: Writer) -> None:
        """Write it down, but for its samples and its end."""
        out.count(self.index)
        out.count(self.start_sample)
        out.count(self.frames)
        out.count(self.steps)
        self.frontend.save(out)
        out.flag(self.last_features is not None)
        if self.last_features is not None:
            out.array(self.last_features, "<f4")

    @classmethod
    def restored(
        cls, saved: Reader, config: FrontendConfig, *, samples: int, frames: int, steps: int
    ) -> "Progress":
        """Return what was written down of a stream that has come so far.

        Raises ResumeInvalid for what ``save`` never writes.
        """
        index = saved.count(most=MOST_INDEX)
        start_sample = saved.count(most=samples)
        utterance = cls(
            index,
            start_sample,
            frames=saved.count(most=frames),
            steps=saved.count(most=steps),
            frontend=restored_utterance(saved, config),
        )
        if saved.flag():
            utterance.last_features = saved.array("<f4", (1, config.feature_dim))
        return utterance


@dataclass(frozen=True, slots=True)
class Rest:
    """What came behind the end that the rules put to an utterance."""

    samples: NDArray[np.int16]
    ends: EndReason | None
