"""The network over the frames and streams of a call: two ways to the same bits.

``numpy`` is the fast one. It lets float64 carry whole numbers: no sum of ``rpu-spec-0`` leaves
48 bits, so none is ever rounded, in whatever order BLAS adds. A call goes through one layer
after the other: W x of all frames and streams is one matrix product, which reads W once, and
U h one product a frame for all streams. ``reference`` takes frame by frame through ``cell.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from vau_backends.rpu import cell
from vau_backends.rpu.fixedpoint import (
    CELL_FRACTION_BITS,
    HIDDEN_FRACTION_BITS,
    S16_MAX,
    S16_MIN,
    S32_MAX,
    S32_MIN,
)
from vau_backends.rpu.tables import sigmoid, tanh_of_cell, tanh_of_gate
from vau_backends.rpu.weights import Alignment, LayerWeights, NetworkWeights

TIERS: Final = ("numpy", "reference")

Floats = NDArray[np.float64]
"""Whole numbers, in a format of the specification, or shifted by a power of two."""


class Answer(NamedTuple):
    """What a call came to."""

    logits: NDArray[np.int32]
    """Shape (frames of all streams, classes)."""

    saturations: NDArray[np.int64]
    """By stream and layer, shape (streams, layers): clamps that changed a value."""


@dataclass(frozen=True, slots=True)
class States:
    """What every slot remembers, shape (slots, layers, hidden) each."""

    h: NDArray[np.int16]
    c: NDArray[np.int16]

    @classmethod
    def zero(cls, slots: int, layers: int, hidden: int) -> "States":
        """Make room for so many slots, all zeros."""
        shape = (slots, layers, hidden)
        return cls(np.zeros(shape, np.int16), np.zeros(shape, np.int16))


class Tier(Protocol):
    """One way to compute with the weights of a network."""

    def run(
        self,
        inputs: NDArray[np.int16],
        lengths: Sequence[int],
        states: States,
        rows: Sequence[int],
    ) -> Answer:
        """Take streams through their frames, and their states with them.

        inputs:  the frames of all streams, one stream after the other, shape (frames, inputs).
        lengths: frames of each stream.
        rows:    where in ``states`` each stream's state is; no row twice.
        """


def open_network(weights: NetworkWeights, tier: str) -> Tier:
    """Prepare ``weights`` for a tier of ``TIERS``."""
    return Reference(weights) if tier == "reference" else Products(weights)


class Reference:
    """The ``reference`` tier: one frame, one layer, one stream at a time."""

    def __init__(self, weights: NetworkWeights) -> None:
        self._weights = weights

    def run(
        self,
        inputs: NDArray[np.int16],
        lengths: Sequence[int],
        states: States,
        rows: Sequence[int],
    ) -> Answer:
        """Take each stream through its frames, as ``Tier`` says."""
        layers = self._weights.layers
        logits = np.zeros((len(inputs), len(self._weights.b_out)), np.int32)
        saturations = np.zeros((len(lengths), len(layers)), np.int64)
        frame = 0
        for stream, (length, row) in enumerate(zip(lengths, rows, strict=True)):
            h, c = states.h[row], states.c[row]
            for _ in range(length):
                x = inputs[frame].astype(np.int64)
                for n, layer in enumerate(layers):
                    before = cell.State(h[n].astype(np.int64), c[n].astype(np.int64))
                    after = cell.step(layer, x, before)
                    h[n], c[n], x = after.h, after.c, after.h
                    saturations[stream, n] += after.clamps
                logits[frame] = cell.logits(self._weights, x)
                frame += 1
        return Answer(logits, saturations)


class Products:
    """The ``numpy`` tier: matrix products in float64, which are exact."""

    def __init__(self, weights: NetworkWeights) -> None:
        self._layers = [_LayerProducts.of(layer) for layer in weights.layers]
        self._w_out = _scaled(weights.w_out, weights.alignment.h, weights.alignment)
        self._b_out = _scaled(weights.b_out, weights.alignment.bias, weights.alignment)

    def run(
        self,
        inputs: NDArray[np.int16],
        lengths: Sequence[int],
        states: States,
        rows: Sequence[int],
    ) -> Answer:
        """Take all streams through one layer after the other, as ``Tier`` says."""
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
            _scaled(layer.w_x, align.x, align),
            _scaled(layer.w_h, align.h, align),
            _scaled(layer.bias, align.bias, align),
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


def _scaled(values: NDArray[np.integer], shift: int, align: Alignment) -> Floats:
    """Shift to the finest point of a sum, and on to the point of its result: exact, both."""
    return values.astype(np.float64) * 2.0 ** (shift - align.round_off)


_EVERY_S16: Final = np.arange(S16_MIN, S16_MAX + 1, dtype=np.int64)
SIGMOID_OF_GATE: Final = sigmoid(_EVERY_S16).astype(np.float64)
TANH_OF_GATE: Final = tanh_of_gate(_EVERY_S16).astype(np.float64)
TANH_OF_CELL: Final = tanh_of_cell(_EVERY_S16).astype(np.float64)
