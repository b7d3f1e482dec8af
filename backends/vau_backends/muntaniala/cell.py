"""The reference: ``munt-spec-0`` step by step, in the order in which the dies add.

Slow on purpose. Nothing here is clever, so that it can be read beside docs/munt-spec-0.md;
``kernel.py`` computes the same faster and is tested against this. Units do not depend on
each other within a step, so one operation does all units and gates at once: that changes
no order of addition. The die rows therefore never show; the die columns do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vau.model import Network
from vau_backends.muntaniala.array import Tiling
from vau_backends.muntaniala.fixedpoint import (
    ACCUMULATOR_FRACTION_BITS,
    BIAS_SHIFT,
    HIDDEN_SHIFT,
    S8_MAX,
    S8_MIN,
    Sat16,
)
from vau_backends.muntaniala.tables import SIGMOID, SIGMOID_SHIFT, TANH, TANH_SHIFT
from vau_backends.muntaniala.weights import LayerWeights, NetworkWeights

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class State:
    """What one utterance leaves in the dies between two frames."""

    h: NDArray[np.int8]
    """sQ0.7, shape (layers, hidden)."""

    c: NDArray[np.int16]
    """sQ3.12, shape (layers, hidden)."""

    @classmethod
    def zero(cls, network: Network) -> Self:
        """Return the state of a reset."""
        shape = (network.layers, network.hidden)
        return cls(np.zeros(shape, np.int8), np.zeros(shape, np.int16))


@dataclass(frozen=True, slots=True)
class Answer:
    """What some frames of one utterance came to."""

    logits: NDArray[np.int32]
    """12 fraction bits, shape (frames, classes)."""

    state: State
    saturations: tuple[int, ...]
    """Per layer: clamps that changed a value, in MACs, row chain and cell."""


@dataclass(slots=True)
class _Dies:
    """The array of dies under one layer, with its weights and its state."""

    weights: LayerWeights
    tiling: Tiling
    h: Integers
    c: Integers
    sat16: Sat16 = field(default_factory=Sat16)

    def step(self, x: Integers) -> None:
        """Advance h and c by one frame, as all dies of the array do together."""
        a = pre_activations(self.weights, self.tiling, x, self.h, self.sat16)
        self.h, self.c = cell(a, self.c, self.sat16)


def run(
    weights: NetworkWeights, tilings: Sequence[Tiling], inputs: NDArray[np.int8], state: State
) -> Answer:
    """Advance one utterance frame by frame, and each frame layer by layer.

    inputs: x of layer 1, sQ0.7, shape (frames, inputs).
    """
    layers = [
        _Dies(layer, tiling, h.astype(np.int64), c.astype(np.int64))
        for layer, tiling, h, c in zip(weights.layers, tilings, state.h, state.c, strict=True)
    ]
    logits = np.zeros((len(inputs), len(weights.w_out)), np.int32)
    for frame, features in enumerate(inputs.astype(np.int64)):
        x = features
        for layer in layers:
            layer.step(x)
            x = layer.h
        logits[frame] = output(weights, x)
    return Answer(
        logits,
        State(
            np.array([layer.h for layer in layers], np.int8),
            np.array([layer.c for layer in layers], np.int16),
        ),
        tuple(layer.sat16.events for layer in layers),
    )


def pre_activations(
    weights: LayerWeights, tiling: Tiling, x: Integers, h: Integers, sat16: Sat16
) -> Integers:
    """Return the pre-activations of all units and gates, sQ3.12, shape (4 * hidden,).

    Every multiply-accumulate saturates, in the order x ascending, then h ascending; so does
    every addition along the row of dies, from left to right.
    """
    w_x, w_h = weights.w_x.astype(np.int64), weights.w_h.astype(np.int64)
    bias = weights.bias.astype(np.int64) << BIAS_SHIFT
    row: Integers = np.zeros_like(bias)
    for column in range(tiling.columns):
        acc = bias if column == 0 else np.zeros_like(bias)
        for j in _indices(tiling.x_slice(column)):
            acc = sat16(acc + w_x[:, j] * x[j])
        for j in _indices(tiling.h_slice(column)):
            acc = sat16(acc + w_h[:, j] * h[j])
        row = acc if column == 0 else sat16(row + acc)
    return row


def cell(a: Integers, c: Integers, sat16: Sat16) -> tuple[Integers, Integers]:
    """Return h and c of this step from the pre-activations and c of the one before.

    The two products of the new c are floored one by one. h needs no clamp: the largest
    product of two table entries is 4095 * 4093, which floors to 127, and -128 below.
    """
    a_i, a_f, a_g, a_o = np.split(a, 4)
    i, f, o = (look_up(SIGMOID, SIGMOID_SHIFT, gate) for gate in (a_i, a_f, a_o))
    g = look_up(TANH, TANH_SHIFT, a_g)
    c = sat16((f * c >> ACCUMULATOR_FRACTION_BITS) + (i * g >> ACCUMULATOR_FRACTION_BITS))
    h = o * look_up(TANH, TANH_SHIFT, c) >> HIDDEN_SHIFT
    return h, c


def look_up(table: NDArray[np.int16], shift: int, a: Integers) -> Integers:
    """Read an activation table at sQ3.12 values."""
    k = (a >> shift).clip(S8_MIN, S8_MAX)
    entries: Integers = table[k - S8_MIN].astype(np.int64)
    return entries


def output(weights: NetworkWeights, h: Integers) -> Integers:
    """Return the logits of one frame, exact, 12 fraction bits, shape (classes,)."""
    bias = weights.b_out.astype(np.int64) << BIAS_SHIFT
    logits: Integers = bias + weights.w_out.astype(np.int64) @ h
    return logits


def _indices(part: slice) -> range:
    return range(part.start, part.stop)
