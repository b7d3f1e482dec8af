"""The weights of a layer as the memories of its dies hold them.

Ref: docs/vau-link-1.md, section 4.2; the tiling is docs/munt-spec-0.md, section 3.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau_backends.board.device.known_answer import KnownAnswer, known_answer
from vau_backends.board.link.info import Info
from vau_backends.board.link.payloads import Config
from vau_backends.board.link.words import Region
from vau_backends.muntaniala.array import GATES, Tiling
from vau_backends.muntaniala.cycles import LayerCycles
from vau_backends.muntaniala.tables import SIGMOID, TANH
from vau_backends.muntaniala.weights import LayerWeights

TABLE_ROWS: Final = len(TANH) + len(SIGMOID)
TABLES_CRC: Final = zlib.crc32(
    b"".join(each.astype("<i2").tobytes() for each in (TANH, SIGMOID))
)


@dataclass(frozen=True, slots=True)
class Memory:
    """What one region of one die is to hold."""

    die: int
    region: Region
    rows: NDArray[np.int8]
    """Shape (rows, units of a die)."""

    @property
    def crc(self) -> int:
        """What SUM of all rows has to give."""
        return zlib.crc32(self.rows.tobytes())


class LayerImage:
    """A layer, laid out for the dies of a board."""

    def __init__(self, weights: LayerWeights, tiling: Tiling, info: Info) -> None:
        """Lay ``weights`` out by ``tiling``, which fits the board."""
        self.weights, self.tiling = weights, tiling
        self._info = info

    @property
    def config(self) -> Config:
        """Return what CONFIG has to say."""
        return Config(
            rows=self.tiling.rows,
            columns=self.tiling.columns,
            hidden=self.tiling.hidden,
            inputs=self.tiling.inputs,
            units_per_die=self.tiling.units_per_die,
            h_per_die=self.tiling.h_per_die,
            x_per_die=self.tiling.x_per_die,
        )

    @cached_property
    def cycles(self) -> int:
        """Return how many a step takes, by the schedule."""
        return LayerCycles.of(self.tiling).total

    @cached_property
    def known_answer(self) -> KnownAnswer:
        """Return what it has to answer before it serves, which takes the reference a while."""
        return known_answer(self.weights, self.tiling)

    @cached_property
    def memories(self) -> tuple[Memory, ...]:
        """Return weights and biases of every die, rows and bytes that are padding as zeros."""
        return tuple(self._memories())

    def _memories(self) -> Iterator[Memory]:
        for row in range(self.tiling.rows):
            for column in range(self.tiling.columns):
                die = row * self._info.columns + column
                yield Memory(die, Region.WEIGHTS, self._weights_of(row, column))
                yield Memory(die, Region.BIASES, self._biases_of(row, column))

    def _weights_of(self, row: int, column: int) -> NDArray[np.int8]:
        tiling, units = self.tiling, self._units_of(row)
        x, h = tiling.x_slice(column), tiling.h_slice(column)
        filled = np.zeros(
            (GATES, tiling.x_per_die + tiling.h_per_die, self._info.units), np.int8
        )
        w_x = self.weights.w_x.reshape(GATES, tiling.hidden, tiling.inputs)[:, units, x]
        w_h = self.weights.w_h.reshape(GATES, tiling.hidden, tiling.hidden)[:, units, h]
        filled[:, : w_x.shape[2], : w_x.shape[1]] = w_x.transpose(0, 2, 1)
        first = tiling.x_per_die
        filled[:, first : first + w_h.shape[2], : w_h.shape[1]] = w_h.transpose(0, 2, 1)
        return filled.reshape(-1, self._info.units)

    def _biases_of(self, row: int, column: int) -> NDArray[np.int8]:
        filled = np.zeros((GATES, self._info.units), np.int8)
        if column == 0:  # the die of a row that starts from the bias
            bias = self.weights.bias.reshape(GATES, self.tiling.hidden)[:, self._units_of(row)]
            filled[:, : bias.shape[1]] = bias
        return filled

    def _units_of(self, row: int) -> slice:
        size, total = self.tiling.units_per_die, self.tiling.hidden
        return slice(min(row * size, total), min((row + 1) * size, total))
