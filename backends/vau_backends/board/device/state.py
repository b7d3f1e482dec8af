"""What a stream is to one layer: h, c, and how many steps it has had."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vau_backends.board.link.words import STEP_MODULUS


@dataclass(frozen=True, slots=True)
class LayerState:
    """What a context holds of one layer: h, then c, and after how many steps."""

    step: int
    content: bytes

    @classmethod
    def of(cls, step: int, h: NDArray[np.int8], c: NDArray[np.int16]) -> "LayerState":
        """Join h and c."""
        return cls(step % STEP_MODULUS, h.tobytes() + c.astype("<i2").tobytes())

    @property
    def h(self) -> NDArray[np.int8]:
        """Of all units."""
        return np.frombuffer(self.content[: len(self.content) // 3], np.int8)

    @property
    def c(self) -> NDArray[np.int16]:
        """Of all units."""
        return np.frombuffer(self.content[len(self.content) // 3 :], "<i2").astype(np.int16)
