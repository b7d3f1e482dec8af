"""The tier of any machine, which needs no compiler: ``munt-spec-0`` by matrix products.

Integer sums below 2**24 are exact in float32, in whatever order BLAS adds them. That gives
the plain sum S of a die's products, which is also the saturating one unless a prefix of it
leaves 16 bits. How far can a prefix stray? If N is no less than the sum of the products'
magnitudes, the positive ones sum to at most (S + N) / 2 and the negative ones to at least
(S - N) / 2, and every prefix lies between. By Cauchy and Schwarz N = norm(w) * norm(x)
will do: one multiplication for each unit, gate and die column. This is asked of the x part,
and then of the h part, which starts from where the x part ended. The few *lanes* (a die
column, a work, a unit and gate) that it does not clear are added up again, product by
product in the order of the hardware. Accumulators that wrap, or are wide, need none of this:
their sum does not depend on an order.

Works advance together, layer by layer: the x part of all their frames is one product, the
h part follows step by step. Their frames are *packed* in one array: step by step and,
within a step, longest work first, so that the works still running are always the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from vau_backends.muntaniala.array import GATES, Knobs, Tiling
from vau_backends.muntaniala.fixedpoint import (
    ACCUMULATOR_FRACTION_BITS,
    BIAS_SHIFT,
    HIDDEN_SHIFT,
    PEEPHOLE_SHIFT,
    S8_MAX,
    S8_MIN,
    S16_MAX,
    S16_MIN,
)
from vau_backends.muntaniala.kernel.port import Answer, Lanes
from vau_backends.muntaniala.states import States
from vau_backends.muntaniala.tables import SIGMOID, SIGMOID_SHIFT, TANH, TANH_SHIFT
from vau_backends.muntaniala.weights import LayerWeights, NetworkWeights

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Events = NDArray[np.int64]
Number = TypeVar("Number", np.int8, np.int32, np.float32)

EXACT_IN_FLOAT32: Final = 2**24
BLOCK_STEPS: Final = 32  # bounds the memory of a call: 25 KB per frame of 384 units on 4x4
FEW_LANES: Final = 64  # below it a Python loop per lane is taken; changes no bit
LANES_AT_A_TIME: Final = 4096  # bounds the memory of a network that saturates everywhere


def _by_index(table: NDArray[np.int16], shift: int) -> Ints:
    """Spread a table over all 16-bit a >> shift; negative indices count from the end."""
    reach = S16_MAX >> shift
    k = np.concatenate([np.arange(reach + 1), np.arange(-reach - 1, 0)])
    spread: Ints = table[k.clip(S8_MIN, S8_MAX) - S8_MIN].astype(np.int32)
    return spread


SIGMOID_BY_INDEX: Final = _by_index(SIGMOID, SIGMOID_SHIFT)
TANH_BY_INDEX: Final = _by_index(TANH, TANH_SHIFT)


@dataclass(frozen=True, slots=True)
class _Streams:
    """What one layer remembers of the works of a call, longest first; changed in place."""

    h: Floats
    """Shape (works, hidden)."""

    c: Ints
    """Shape (works, hidden)."""

    events: Events
    """Saturations, shape (works,)."""

    lanes: Lanes
    """Of the whole call."""


class NumpyKernel:
    """One network on its arrays of dies. It remembers nothing between calls."""

    tier = "numpy"

    def __init__(
        self, weights: NetworkWeights, tilings: Sequence[Tiling], knobs: Knobs
    ) -> None:
        """Lay the weights out. Raises ValueError for dies too large for exact float32."""
        self._layers = [
            _Layer(layer, tiling, knobs)
            for layer, tiling in zip(weights.layers, tilings, strict=True)
        ]
        self._w_out = weights.w_out.T.astype(np.float64)  # exact for any number of units
        self._b_out = weights.b_out.astype(np.float64) * 2**BIAS_SHIFT

    def run(
        self,
        inputs: NDArray[np.int8],
        lengths: Sequence[int],
        states: States,
        rows: Sequence[int],
        lanes: Lanes | None = None,
    ) -> Answer:
        """Advance the states in ``rows``; see ``port.Kernel``."""
        lanes = Lanes() if lanes is None else lanes
        ends = np.cumsum(lengths, dtype=np.int64)
        order = np.argsort(np.negative(lengths), kind="stable")
        pool_rows = np.array(rows, np.intp)[order]
        streams = [
            _Streams(
                states.h[pool_rows, n].astype(np.float32),
                states.c[pool_rows, n].astype(np.int32),
                np.zeros(len(order), np.int64),
                lanes,
            )
            for n in range(len(self._layers))
        ]
        logits = np.zeros((len(inputs), len(self._b_out)), np.int32)
        works = [slice(ends[work] - lengths[work], ends[work]) for work in order]
        for start in range(0, max(lengths, default=0), BLOCK_STEPS):
            block = slice(start, start + BLOCK_STEPS)
            answers = self._advance([inputs[work][block] for work in works], streams)
            for work, answer in zip(works, answers, strict=True):
                logits[work][block] = answer
        saturations = np.zeros((len(order), len(streams)), np.int64)
        for n, of_layer in enumerate(streams):
            states.h[pool_rows, n] = of_layer.h
            states.c[pool_rows, n] = of_layer.c
            saturations[order, n] = of_layer.events
        return Answer(logits, saturations)

    def _advance(
        self, inputs: Sequence[NDArray[np.int8]], streams: Sequence[_Streams]
    ) -> list[Ints]:
        """Return the logits of a block of frames, longest work first as they came."""
        lengths = np.array([len(x) for x in inputs])
        running = np.arange(lengths[0])[:, np.newaxis] < lengths  # (steps, works)
        padded = np.zeros((*running.shape, inputs[0].shape[1]), np.float32)
        for work, x in enumerate(inputs):
            padded[: len(x), work] = x
        packed = padded[running]
        for layer, of_layer in zip(self._layers, streams, strict=True):
            packed = layer.advance(packed, running.sum(axis=1), of_layer)
        logits = np.zeros((*running.shape, len(self._b_out)), np.int32)
        logits[running] = packed.astype(np.float64) @ self._w_out + self._b_out
        return [logits[:length, work] for work, length in enumerate(lengths)]


class _Layer:
    """One layer's weights by die column; sums are indexed [column, work, unit and gate]."""

    def __init__(self, weights: LayerWeights, tiling: Tiling, knobs: Knobs) -> None:
        products = tiling.x_per_die + tiling.h_per_die + 1  # the bias is one more
        if 4 * products * S8_MIN**2 >= EXACT_IN_FLOAT32:  # abs(S) + N, norms rounded up
            raise ValueError(f"{products} products in a die are too many for exact float32")
        self._columns = tiling.columns
        self._knobs = knobs
        w_x, w_h = (_by_column(w, tiling.columns) for w in (weights.w_x, weights.w_h))
        self._rows = np.concatenate([w_x, w_h], axis=2, dtype=np.int16)
        self._start = np.zeros((tiling.columns, 1, len(weights.bias)), np.float32)
        self._start[0] = weights.bias.astype(np.float32) * 2**BIAS_SHIFT
        self._w_x = w_x.transpose(0, 2, 1).astype(np.float32, order="C")
        self._w_h = w_h.transpose(0, 2, 1).astype(np.float32, order="C")
        self._norm_x = _norms(w_x.astype(np.float32)).transpose(0, 2, 1)
        self._norm_h = _norms(w_h.astype(np.float32)).transpose(0, 2, 1)
        self._peephole = (
            None
            if weights.peephole is None
            else weights.peephole.astype(np.int32).reshape(GATES - 1, tiling.hidden)
        )

    def advance(self, packed: Floats, running: NDArray[np.int64], streams: _Streams) -> Floats:
        """Return the packed h of all frames.

        packed:  x of all frames.
        running: how many works each step advances, never rising.
        """
        x = _by_column(packed, self._columns)
        x_sums = x @ self._w_x + self._start
        magnitudes = np.abs(self._start) + _norms(x) * self._norm_x
        x_doubtful = np.abs(x_sums) + magnitudes > 2 * S16_MAX
        answer = np.empty((len(packed), streams.h.shape[1]), np.float32)
        ends = np.cumsum(running)
        for first, end in zip((ends - running).tolist(), ends.tolist(), strict=True):
            step, works = slice(first, end), slice(end - first)
            h = _by_column(streams.h[works], self._columns)
            sums = x_sums[:, step] + h @ self._w_h
            streams.lanes.total += sums.size
            if self._knobs.order_matters:
                twice_middle = x_sums[:, step] + sums  # the h part's prefixes lie around it
                h_doubtful = np.abs(twice_middle) + _norms(h) * self._norm_h > 2 * S16_MAX
                doubtful = x_doubtful[:, step] | h_doubtful
                if doubtful.any():
                    streams.lanes.doubtful += int(np.count_nonzero(doubtful))
                    operands = np.concatenate([x[:, step], h], axis=2).astype(np.int16)
                    self._add_in_order(operands, doubtful, sums, streams.events)
            a = _along_the_row(sums, self._knobs, streams.events)
            answer[step] = streams.h[works] = _cell(a, self._peephole, streams)
        return answer

    def _add_in_order(
        self,
        operands: NDArray[np.int16],
        doubtful: NDArray[np.bool_],
        sums: Floats,
        events: Events,
    ) -> None:
        """Correct the sums of the doubtful lanes in place, and count their events by work.

        operands: x and h as the dies see them, shape (columns, works, products of a die).
        """
        lanes = np.argwhere(doubtful)
        for at in range(0, len(lanes), LANES_AT_A_TIME):
            column, work, unit = lanes[at : at + LANES_AT_A_TIME].T
            products = self._rows[column, unit] * operands[column, work]  # fit 16 bits
            start = self._start[column, 0, unit].astype(np.int32)
            prefixes = start[:, np.newaxis] + products.cumsum(axis=1, dtype=np.int32)
            leaves = (prefixes.max(axis=1) > S16_MAX) | (prefixes.min(axis=1) < S16_MIN)
            column, work, unit = column[leaves], work[leaves], unit[leaves]
            add = _add_one_by_one if len(work) < FEW_LANES else _add_side_by_side
            totals, clamps = add(start[leaves], products[leaves])
            sums[column, work, unit] = totals
            np.add.at(events, work, clamps)


def _add_side_by_side(start: Ints, products: NDArray[np.int16]) -> tuple[Ints, Ints]:
    """Return the saturating sum of each lane, and how many of its additions clamped.

    products: shape (lanes, products of a die), in the order of the hardware.
    """
    totals, exact = start.copy(), np.empty_like(start)
    clamps = np.zeros_like(start)
    for product in np.ascontiguousarray(products.T, np.int32):
        np.add(totals, product, out=exact)
        np.maximum(exact, S16_MIN, out=totals)
        np.minimum(totals, S16_MAX, out=totals)
        clamps += totals != exact
    return totals, clamps


def _add_one_by_one(start: Ints, products: NDArray[np.int16]) -> tuple[Ints, Ints]:
    """Do the same, faster where lanes are few."""
    lanes = zip(start.tolist(), products.tolist(), strict=True)
    sums = np.array([_saturating_sum(*lane) for lane in lanes], np.int32).reshape(-1, 2)
    return sums[:, 0], sums[:, 1]


def _saturating_sum(total: int, products: list[int]) -> tuple[int, int]:
    """Return what 16-bit saturating additions come to, and how many of them clamped."""
    clamps = 0
    for product in products:
        total += product
        if not S16_MIN <= total <= S16_MAX:
            total = S16_MAX if total > 0 else S16_MIN
            clamps += 1
    return total, clamps


def _along_the_row(sums: Floats, knobs: Knobs, events: Events) -> Ints:
    """Add the dies of each row from left to right: shape (works, 4 * hidden)."""
    row: Ints = sums[0].astype(np.int32)
    for column in sums[1:].astype(np.int32):
        row = row + column
        if knobs.acc == "sat":
            row = _sat16(row, events)
    if knobs.acc == "wide":
        row = _sat16(row, events)
    if knobs.acc == "wrap":
        row = row.astype(np.int16).astype(np.int32)
    return row


def _cell(a: Ints, peephole: Ints | None, streams: _Streams) -> Ints:
    """Return h of the works whose pre-activations are given; advance their c.

    peephole: what i, f and o see of c, shape (3, hidden).
    """
    c, events = streams.c[: len(a)], streams.events
    a_i, a_f, a_g, a_o = np.split(a, GATES, axis=1)
    if peephole is not None:
        p_i, p_f, p_o = peephole
        a_i = _sat16(a_i + (c * p_i >> PEEPHOLE_SHIFT), events)
        a_f = _sat16(a_f + (c * p_f >> PEEPHOLE_SHIFT), events)
    i, f = SIGMOID_BY_INDEX[a_i >> SIGMOID_SHIFT], SIGMOID_BY_INDEX[a_f >> SIGMOID_SHIFT]
    g = TANH_BY_INDEX[a_g >> TANH_SHIFT]
    kept = f * c >> ACCUMULATOR_FRACTION_BITS
    c[:] = _sat16(kept + (i * g >> ACCUMULATOR_FRACTION_BITS), events)
    if peephole is not None:  # o sees the new c
        a_o = _sat16(a_o + (c * p_o >> PEEPHOLE_SHIFT), events)
    o = SIGMOID_BY_INDEX[a_o >> SIGMOID_SHIFT]
    h: Ints = o * TANH_BY_INDEX[c >> TANH_SHIFT] >> HIDDEN_SHIFT
    return h


def _sat16(exact: Ints, events: Events) -> Ints:
    """Clamp to 16 bits, and count by work; ``exact`` holds the first works only."""
    clamped: Ints = exact.clip(S16_MIN, S16_MAX)
    events[: len(exact)] += np.count_nonzero(clamped != exact, axis=1)
    return clamped


def _by_column(values: NDArray[Number], columns: int) -> NDArray[Number]:
    """Cut each row into the shares of the die columns, the last ones padded with zeros.

    values: shape (rows, elements). Returns shape (columns, rows, elements of a die).
    """
    rows, elements = values.shape
    share = -(-elements // columns)
    padded = np.zeros((rows, columns * share), values.dtype)
    padded[:, :elements] = values
    return padded.reshape(rows, columns, share).transpose(1, 0, 2)


def _norms(vectors: Floats) -> Floats:
    """Return the length of each vector along the last axis, rounded up to an integer."""
    squares: Floats = np.einsum("...n,...n->...", vectors, vectors)
    return np.floor(np.sqrt(squares))[..., np.newaxis] + 1
