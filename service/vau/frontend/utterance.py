"""What goes in: pieces of utterances, and what the front end remembers between them."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

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


@dataclass(frozen=True, slots=True)
class Piece:
    """The next samples of one utterance."""

    utterance: Utterance
    samples: NDArray[np.int16]
    is_last: bool = False
    """After it the last partial frame is zero-padded and the deltas' edges repeat."""
