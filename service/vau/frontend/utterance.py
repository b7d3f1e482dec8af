"""What goes in: pieces of utterances, and what the front end remembers between them."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vau.audio import FRAME_SAMPLES
from vau.checkpoint.form import Reader, Writer
from vau.frontend.config import Rows


@dataclass(slots=True)
class Utterance:
    """What the front end remembers of one utterance between chunks: 6 kB at most."""

    samples: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))
    """Those that later frames need, and before them the one at which pre-emphasis looks back.

    Before the first sample of all that is 0.
    """

    frames: int = 0
    """Taken so far."""

    statics: Rows | None = None
    """The newest, as many as a delta of deltas needs again; None before the first frame."""

    def save(self, out: Writer) -> None:
        """Write it down."""
        out.count(self.frames)
        out.count(len(self.samples))
        out.array(self.samples, "<i2")  # no fraction in any of them: they came as such
        if self.statics is not None:
            out.array(self.statics, "<f8")

    @classmethod
    def restored(cls, saved: Reader, statics: tuple[int, int]) -> "Utterance":
        """Return what was written down; ``statics`` is the shape of those that are kept.

        Raises ResumeInvalid for what ``save`` never writes.
        """
        frames = saved.count()
        samples = saved.array("<i2", (saved.count(most=FRAME_SAMPLES, least=1),))
        kept = saved.array("<f8", statics) if frames else None
        return cls(samples.astype(np.float64), frames, kept)


@dataclass(frozen=True, slots=True)
class Piece:
    """The next samples of one utterance."""

    utterance: Utterance
    samples: NDArray[np.int16]
    is_last: bool = False
    """After it the last partial frame is zero-padded and the deltas' edges repeat."""
