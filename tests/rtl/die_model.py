"""What a die of the model of an array holds, and what a WRITE, a READ and a CLEAR do to it.

As tests/rtl/array_model.py, it is written from docs/munt-spec-0.md and the instructions of
rtl/bus.sv alone.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.rtl.pins import Bytes
from vau_backends.muntaniala.tables import SIGMOID, TANH

Words = NDArray[np.int64]

WEIGHTS, BIASES, FEATURES, HIDDEN, TABLES, CELLS, STATUS = 0, 1, 2, 3, 4, 6, 7
GATES: Final = 4


@dataclass(frozen=True, slots=True)
class Configuration:
    """CONFIG, as a die was told it."""

    columns: int
    row_units: int
    units: int
    x_slice: int
    h_slice: int
    inputs: int
    hidden: int


class Die:
    """What a die holds."""

    def __init__(self, units: int, inputs: int, contexts: int) -> None:
        """Hold nothing yet."""
        self.units, self.rows = units, inputs + units
        self.memory: dict[int, Bytes] = {
            WEIGHTS: np.zeros((GATES * self.rows, units), np.uint8),
            BIASES: np.zeros((GATES, units), np.uint8),
        }
        self.elements = {
            FEATURES: np.zeros((contexts, 256), np.int64),
            HIDDEN: np.zeros((contexts, 256), np.int64),
        }
        self.cells = np.zeros((contexts, 256), np.int64)
        self.config: Configuration | None = None
        self.sums: Words | None = None
        """Of its units; none before its first step."""

        self.events: Counter[str] = Counter()
        """Clamps of its real units in the last step: mac, chain, cell."""

    def write(self, region: int, address: int, data: bytes) -> None:
        """Take the data of a WRITE."""
        if region in self.memory:
            rows = np.frombuffer(data, np.uint8).reshape(-1, self.units)
            self.memory[region][address : address + len(rows)] = rows
            return
        context, at = address >> 8, address & 0xFF
        if region == CELLS:
            words = np.frombuffer(data, "<i2")
            self.cells[context, at : at + words.size] = words
        else:
            self.elements[region][context, at : at + len(data)] = np.frombuffer(data, np.int8)

    def read(self, region: int, address: int, size: int) -> bytes:
        """Return what a READ answers."""
        if region in self.memory:
            return self.memory[region][address:].tobytes()[:size]
        if region == TABLES:
            return np.concatenate([TANH, SIGMOID]).astype("<i2").tobytes()[2 * address :][:size]
        if region == STATUS:
            counts = zip(("mac", "chain", "cell"), (3, 2, 2), strict=True)
            told = b"".join(
                self.events[what].to_bytes(width, "little") for what, width in counts
            )
            return bytes(5) + told
        context, at = address >> 8, address & 0xFF
        if region == CELLS:
            return self.cells[context, at:].astype("<i2").tobytes()[:size]
        return self.elements[region][context, at : at + size].astype(np.int8).tobytes()

    def clear(self, context: int) -> None:
        """Reset a context."""
        for each in (*self.elements.values(), self.cells):
            each[context] = 0

    def column(self, context: int) -> Words:
        """Return the elements that multiply its rows, x before h."""
        assert self.config is not None
        return np.concatenate(
            [
                self.elements[FEATURES][context, : self.config.x_slice],
                self.elements[HIDDEN][context, : self.config.h_slice],
            ]
        )
