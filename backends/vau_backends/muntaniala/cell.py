"""The reference: ``munt-spec-0`` step by step, in the order in which the dies add.

Slow on purpose. Nothing here is clever, so that it can be read beside docs/munt-spec-0.md;
the tiers of ``kernel/`` compute the same faster and are tested against this. Units do not
depend on each other within a step, so one operation does all units and gates at once: that
changes no order of addition. The die rows therefore never show; the die columns do.

Streams do not depend on each other either: every array may have them as its first axis, and
numpy then does one operation for all of them. An array of one stream alone has none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vau_backends.muntaniala.array import Knobs, Tiling
from vau_backends.muntaniala.fixedpoint import (
    ACCUMULATOR_FRACTION_BITS,
    BIAS_SHIFT,
    HIDDEN_SHIFT,
    PEEPHOLE_SHIFT,
    S8_MAX,
    S8_MIN,
    Sat16,
    wrap16,
)
from vau_backends.muntaniala.states import States
from vau_backends.muntaniala.tables import SIGMOID, SIGMOID_SHIFT, TANH, TANH_SHIFT
from vau_backends.muntaniala.weights import LayerWeights, NetworkWeights

Integers = NDArray[np.int64]
Register = Callable[[Integers], Integers]
"""What is left of an exact sum."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What some frames of some streams came to."""

    logits: NDArray[np.int32]
    """12 fraction bits, shape (streams, frames, classes)."""

    states: States
    """After them, a row for each stream."""

    saturations: NDArray[np.int64]
    """Clamps that changed a value, in MACs, row chain and cell, shape (streams, layers)."""


@dataclass(slots=True)
class _Dies:
    """The array of dies under one layer, with its weights and its state."""

    weights: LayerWeights
    tiling: Tiling
    knobs: Knobs
    h: Integers
    c: Integers
    sat16: Sat16

    def step(self, x: Integers) -> None:
        """Advance h and c by one frame, as all dies of the array do together."""
        accumulator = Accumulator.of(self.knobs, self.sat16)
        a = pre_activations(self.weights, self.tiling, x, self.h, accumulator)
        self.h, self.c = cell(self.weights, a, self.c, self.sat16)


def run(
    weights: NetworkWeights,
    tilings: Sequence[Tiling],
    knobs: Knobs,
    inputs: NDArray[np.int8],
    states: States,
) -> Answer:
    """Advance streams frame by frame, and each frame layer by layer.

    inputs: x of layer 1, sQ0.7, shape (streams, frames, inputs).
    states: a row for each stream; left as they are.
    """
    streams, frames, _ = inputs.shape
    layers = [
        _Dies(
            layer,
            tiling,
            knobs,
            states.h[:, n].astype(np.int64),
            states.c[:, n].astype(np.int64),
            Sat16(np.zeros(streams, np.int64)),
        )
        for n, (layer, tiling) in enumerate(zip(weights.layers, tilings, strict=True))
    ]
    logits = np.zeros((streams, frames, len(weights.w_out)), np.int32)
    for frame in range(frames):
        x = inputs[:, frame].astype(np.int64)
        for layer in layers:
            layer.step(x)
            x = layer.h
        logits[:, frame] = output(weights, x)
    return Answer(
        logits,
        States(
            np.stack([layer.h for layer in layers], axis=1).astype(np.int8),
            np.stack([layer.c for layer in layers], axis=1).astype(np.int16),
        ),
        np.stack([layer.sat16.events for layer in layers], axis=1),
    )


@dataclass(frozen=True, slots=True)
class Accumulator:
    """What is kept of a sum on its way to a pre-activation."""

    after_each: Register
    """After every multiply-accumulate, and every addition along the row of dies."""

    at_the_end: Register
    """Where the row has ended."""

    @classmethod
    def of(cls, knobs: Knobs, sat16: Sat16) -> Self:
        """Return how sums are kept that may leave 16 bits: what the knob ``acc`` decides."""
        match knobs.acc:
            case "sat":
                return cls(sat16, _all)
            case "wrap":
                return cls(wrap16, _all)
            case "wide":
                return cls(_all, sat16)


def pre_activations(
    weights: LayerWeights, tiling: Tiling, x: Integers, h: Integers, kept: Accumulator
) -> Integers:
    """Return the pre-activations of all units and gates, sQ3.12, shape (..., 4 * hidden).

    The order is x ascending, then h ascending in each die, then the dies of the row from
    left to right. What peepholes add comes later.
    """
    w_x, w_h = weights.w_x.astype(np.int64), weights.w_h.astype(np.int64)
    bias = weights.bias.astype(np.int64) << BIAS_SHIFT
    row: Integers = np.zeros_like(bias)
    for column in range(tiling.columns):
        acc = bias if column == 0 else np.zeros_like(bias)
        for j in _indices(tiling.x_slice(column)):
            acc = kept.after_each(acc + w_x[:, j] * x[..., [j]])
        for j in _indices(tiling.h_slice(column)):
            acc = kept.after_each(acc + w_h[:, j] * h[..., [j]])
        row = acc if column == 0 else kept.after_each(row + acc)
    return kept.at_the_end(row)


def cell(
    weights: LayerWeights, a: Integers, c: Integers, sat16: Sat16
) -> tuple[Integers, Integers]:
    """Return h and c of this step from the pre-activations and c of the one before.

    The two products of the new c are floored one by one. h needs no clamp: the largest
    product of two table entries is 4095 * 4093, which floors to 127, and -128 below.
    """
    a_i, a_f, a_g, a_o = np.split(a, 4, axis=-1)
    if weights.peephole is not None:
        p_i, p_f, p_o = np.split(weights.peephole.astype(np.int64), 3)
        a_i = sat16(a_i + (c * p_i >> PEEPHOLE_SHIFT))
        a_f = sat16(a_f + (c * p_f >> PEEPHOLE_SHIFT))
    i, f = (look_up(SIGMOID, SIGMOID_SHIFT, gate) for gate in (a_i, a_f))
    g = look_up(TANH, TANH_SHIFT, a_g)
    c = sat16((f * c >> ACCUMULATOR_FRACTION_BITS) + (i * g >> ACCUMULATOR_FRACTION_BITS))
    if weights.peephole is not None:  # o sees the new c
        a_o = sat16(a_o + (c * p_o >> PEEPHOLE_SHIFT))
    o = look_up(SIGMOID, SIGMOID_SHIFT, a_o)
    h = o * look_up(TANH, TANH_SHIFT, c) >> HIDDEN_SHIFT
    return h, c


def look_up(table: NDArray[np.int16], shift: int, a: Integers) -> Integers:
    """Read an activation table at sQ3.12 values."""
    k = (a >> shift).clip(S8_MIN, S8_MAX)
    entries: Integers = table[k - S8_MIN].astype(np.int64)
    return entries


def output(weights: NetworkWeights, h: Integers) -> Integers:
    """Return the logits of one frame, exact, 12 fraction bits, shape (..., classes)."""
    bias = weights.b_out.astype(np.int64) << BIAS_SHIFT
    logits: Integers = bias + h @ weights.w_out.T.astype(np.int64)
    return logits


def _all(exact: Integers) -> Integers:
    return exact


def _indices(part: slice) -> range:
    return range(part.start, part.stop)
