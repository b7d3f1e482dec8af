"""One step of the network in the integers of ``rpu-spec-0``: the readable reference.

Every fast path, and every order in which a schedule does these operations, must give the same
bits. They may: sums are exact, so only the one rounding behind each sum can lose anything.

All values are whole numbers in int64; the comments beside a name give its format.
Source: docs/rpu-spec-0.md, sections 3 to 5.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vau_backends.rpu.fixedpoint import (
    CELL_FRACTION_BITS,
    HIDDEN_FRACTION_BITS,
    round_off,
    saturate,
)
from vau_backends.rpu.tables import sigmoid, tanh_of_cell, tanh_of_gate
from vau_backends.rpu.weights import Alignment, LayerWeights, NetworkWeights

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class State:
    """What a layer carries from one frame to the next, shape (hidden,) each."""

    h: Ints
    """sQ0.15."""

    c: Ints
    """sQ3.12."""

    clamps: int = 0
    """How many registers were too narrow for what came to them, in this step."""


def step(layer: LayerWeights, x: Ints, state: State) -> State:
    """Take one layer through one frame.

    x: shape (inputs,); features with ``f_x`` fraction bits, or h of the layer below.
    """
    wide = aligned_sum(
        layer.w_x.astype(np.int64) @ x,
        layer.w_h.astype(np.int64) @ state.h,
        layer.bias.astype(np.int64),
        layer.alignment,
    )
    p = pre_activation(wide, layer.alignment)
    i, f, g, o = np.split(p, 4)
    exact_c = next_cell(sigmoid(i), sigmoid(f), tanh_of_gate(g), state.c)
    c = saturate(exact_c, 16)
    is_clamped = round_off(wide, layer.alignment.round_off) != p
    clamps = int(np.count_nonzero(is_clamped) + np.count_nonzero(exact_c != c))
    return State(next_hidden(sigmoid(o), c), c, clamps)


def aligned_sum(sum_x: Ints, sum_h: Ints, bias: Ints, align: Alignment) -> Ints:
    """Add the terms of a pre-activation or logit, exactly, all at the finest point of them."""
    wide: Ints = (sum_x << align.x) + (sum_h << align.h) + (bias << align.bias)
    return wide


def pre_activation(wide: Ints, align: Alignment) -> Ints:
    """Round an aligned sum once, to sQ4.11."""
    return saturate(round_off(wide, align.round_off), 16)


def next_cell(i: Ints, f: Ints, g: Ints, c: Ints) -> Ints:
    """Return c of the next frame with 12 fraction bits, before it is clamped to 16 bits."""
    # f * c has 27 fraction bits, i * g 30; c is to have 12.
    exact = ((f * c) << 3) + i * g
    return round_off(exact, 2 * HIDDEN_FRACTION_BITS - CELL_FRACTION_BITS)


def next_hidden(o: Ints, c: Ints) -> Ints:
    """Return h of the next frame, sQ0.15; it always fits."""
    return round_off(o * tanh_of_cell(c), HIDDEN_FRACTION_BITS)


def logits(weights: NetworkWeights, h: Ints) -> Ints:
    """Return the logits of the top layer's h, 16 fraction bits in 32, shape (classes,)."""
    no_x = np.zeros(len(weights.b_out), np.int64)
    sum_h, bias = weights.w_out.astype(np.int64) @ h, weights.b_out.astype(np.int64)
    wide = aligned_sum(no_x, sum_h, bias, weights.alignment)
    return saturate(round_off(wide, weights.alignment.round_off), 32)
