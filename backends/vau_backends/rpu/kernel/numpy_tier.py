"""numpy as a tier, exact at the speed of BLAS.

It lets float64 carry whole numbers: no sum of ``rpu-spec-0`` leaves 48 bits, so none is ever
rounded, in whatever order BLAS adds. A call goes through one layer after the other: W x of all
frames and streams is one matrix product, which reads W once, and U h one product a frame for
all streams.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau_backends.rpu.fixedpoint import (
    CELL_FRACTION_BITS,
    HIDDEN_FRACTION_BITS,
    S16_MAX,
    S16_MIN,
    S32_MAX,
    S32_MIN,
)
from vau_backends.rpu.kernel.port import Answer, States
from vau_backends.rpu.tables import sigmoid, tanh_of_cell, tanh_of_gate
from vau_backends.rpu.weights import Alignment, LayerWeights, NetworkWeights
from vau_backends.tiers import NUMPY

Floats = NDArray[np.float64]
"""Whole numbers, in a format of the specification, or shifted by a power of two."""


class NumpyKernel:
    """One network as matrix products in float64."""

    tier = NUMPY

    def __init__(self, weights: NetworkWeights) -> None:
        self._layers = [_LayerProducts.of(layer) for layer in weights.layers]
        self._w_out = scaled(weights.w_out, weights.alignment.h, weights.alignment)
        self._b_out = scaled(weights.b_out, weights.alignment.bias, weights.alignment)

    def run(
        self,
        inputs: NDArray[np.int16],
        lengths: Sequence[int],
        states: States,
        rows: Sequence[int],
    ) -> Answer:
        """Take all streams through one layer after the other, as ``Kernel`` says."""
        call = _Call.of(lengths, rows)
        x = inputs.astype(np.float64)
        saturations = np.zeros((len(lengths), len(self._layers)), np.int64)
        for n, layer in enumerate(self._layers):
            x, clamps = layer.run(x, call, states.h[:, n], states.c[:, n])
            saturations[call.order, n] = clamps
        exact = np.rint(x @ self._w_out.T + self._b_out)
        return Answer(exact.clip(S32_MIN, S32_MAX).astype(np.int32), saturations)


@dataclass(frozen=True, slots=True)
class _Call:
    """Streams of unequal length, the longest first: at each step a leading part is live."""

    order: NDArray[np.intp]
    """The streams, the longest first."""

    rows: NDArray[np.intp]
    """Of the pool of states, in this order."""

    first: NDArray[np.intp]
    """Where the frames of each begin, in this order."""

    live: tuple[int, ...]
    """By step: how many of them still have a frame."""

    @classmethod
    def of(cls, lengths: Sequence[int], rows: Sequence[int]) -> "_Call":
        frames = np.array(lengths, np.intp)
        order = np.argsort(-frames, kind="stable")
        first = np.cumsum(frames) - frames
        steps = range(max(lengths, default=0))
        live = tuple(int(np.count_nonzero(frames > step)) for step in steps)
        return cls(order, np.array(rows, np.intp)[order], first[order], live)


@dataclass(frozen=True, slots=True)
class _LayerProducts:
    """One layer, every weight shifted so that a sum comes out in the format of its result."""

    w_x: Floats
    w_h: Floats
    bias: Floats

    @classmethod
    def of(cls, layer: LayerWeights) -> "_LayerProducts":
        align = layer.alignment
        return cls(
            scaled(layer.w_x, align.x, align),
            scaled(layer.w_h, align.h, align),
            scaled(layer.bias, align.bias, align),
        )

    def run(
        self, x: Floats, call: _Call, h: NDArray[np.int16], c: NDArray[np.int16]
    ) -> tuple[Floats, NDArray[np.int64]]:
        """Take all streams through the layer; h and c are its part of the pool.

        Returns h of every frame, and the clamps of each stream in the order of the call.
        """
        sums = x @ self.w_x.T
        sums += self.bias
        found = np.empty((len(x), len(self.w_h) // 4))
        clamps = np.zeros(len(call.rows), np.int64)
        now_h, now_c = h[call.rows].astype(np.float64), c[call.rows].astype(np.float64)
        for step, live in enumerate(call.live):
            frames = call.first[:live] + step
            exact = np.rint(sums[frames] + now_h[:live] @ self.w_h.T)
            now_h[:live], now_c[:live], clamped = _cell(exact, now_c[:live])
            clamps[:live] += clamped
            found[frames] = now_h[:live]
        h[call.rows], c[call.rows] = now_h, now_c
        return found, clamps


def _cell(exact: Floats, c: Floats) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return h and c of the next frame and the clamps of each stream.

    exact: pre-activations, rounded, but not yet clamped, shape (streams, 4 * hidden).
    c:     shape (streams, hidden).
    """
    p = exact.clip(S16_MIN, S16_MAX)
    place = p.astype(np.intp) - S16_MIN
    i, f, g, o = np.split(place, 4, axis=1)
    wide = SIGMOID_OF_GATE[f] * c * 8.0 + SIGMOID_OF_GATE[i] * TANH_OF_GATE[g]
    exact_c = np.rint(wide * 2.0 ** (CELL_FRACTION_BITS - 2 * HIDDEN_FRACTION_BITS))
    next_c = exact_c.clip(S16_MIN, S16_MAX)
    tanh_c = TANH_OF_CELL[next_c.astype(np.intp) - S16_MIN]
    h = np.rint(SIGMOID_OF_GATE[o] * tanh_c * 2.0**-HIDDEN_FRACTION_BITS)
    clamps = np.count_nonzero(p != exact, axis=1) + np.count_nonzero(next_c != exact_c, axis=1)
    return h, next_c, clamps


def scaled(values: NDArray[np.integer], shift: int, align: Alignment) -> Floats:
    """Shift to the finest point of a sum, and on to the point of its result: exact, both."""
    return values.astype(np.float64) * scale_of(shift, align)


def scale_of(shift: int, align: Alignment) -> float:
    """Return what brings a term of a sum, shifted so far, to the point of the result."""
    return 2.0 ** (shift - align.round_off)


_EVERY_S16: Final = np.arange(S16_MIN, S16_MAX + 1, dtype=np.int64)
SIGMOID_OF_GATE: Final = sigmoid(_EVERY_S16).astype(np.float64)
TANH_OF_GATE: Final = tanh_of_gate(_EVERY_S16).astype(np.float64)
TANH_OF_CELL: Final = tanh_of_cell(_EVERY_S16).astype(np.float64)
