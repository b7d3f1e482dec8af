"""From the float master of a bundle to the integers of ``rpu-spec-0``.

Source: docs/rpu-spec-0.md, sections 2 and 3.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.errors import ModelIncompatible
from vau.model import Arrays, Model
from vau_backends.rpu.fixedpoint import (
    BIAS_FRACTION_BITS,
    HIDDEN_FRACTION_BITS,
    LOGIT_FRACTION_BITS,
    PRE_ACTIVATION_FRACTION_BITS,
    S16_MAX,
    to_s16,
    to_s32,
)

SPEC: Final = "rpu-spec-0"
WEIGHT_FRACTION_BITS: Final = range(8, 16)  # of a matrix; the finest that holds it is taken
ACCUMULATOR_BITS: Final = 48

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Alignment:
    """By how much each term of a sum is shifted before it is added, and the sum after it."""

    x: int
    h: int
    bias: int
    round_off: int
    """Bits that the one rounding takes off the sum."""

    @classmethod
    def of(cls, x_bits: int, h_bits: int, result_bits: int) -> "Alignment":
        """Bring terms with these fraction bits to the finest of them, then to the result's."""
        finest = max(x_bits, h_bits)
        return cls(
            finest - x_bits,
            finest - h_bits,
            finest - BIAS_FRACTION_BITS,
            finest - result_bits,
        )


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One LSTM layer; rows are gate * hidden + unit, the gates in the order i, f, g, o."""

    w_x: NDArray[np.int16]
    """Shape (4 * hidden, inputs), ``f_w`` fraction bits."""

    w_h: NDArray[np.int16]
    """Shape (4 * hidden, hidden), ``f_u`` fraction bits."""

    bias: NDArray[np.int32]
    """Shape (4 * hidden,), 16 fraction bits."""

    f_x: int
    """Fraction bits of the layer's input."""

    f_w: int
    f_u: int

    @property
    def alignment(self) -> Alignment:
        """How its sums become pre-activations."""
        return Alignment.of(
            self.f_w + self.f_x,
            self.f_u + HIDDEN_FRACTION_BITS,
            PRE_ACTIVATION_FRACTION_BITS,
        )


@dataclass(frozen=True, slots=True)
class NetworkWeights:
    """All layers, and the output layer."""

    layers: tuple[LayerWeights, ...]
    w_out: NDArray[np.int16]
    """Shape (classes, hidden), ``f_out`` fraction bits."""

    b_out: NDArray[np.int32]
    """Shape (classes,), 16 fraction bits."""

    f_out: int

    @property
    def alignment(self) -> Alignment:
        """How sums of the output layer become logits; it has no x."""
        bits = self.f_out + HIDDEN_FRACTION_BITS
        return Alignment.of(bits, bits, LOGIT_FRACTION_BITS)

    def arrays(self) -> dict[str, NDArray[np.integer]]:
        """Return every integer by its name in a bundle, and the fraction bits by matrix."""
        found: dict[str, NDArray[np.integer]] = {"w_out": self.w_out, "b_out": self.b_out}
        bits = [self.f_out]
        for n, layer in enumerate(self.layers):
            found |= {f"w_x_{n}": layer.w_x, f"w_h_{n}": layer.w_h, f"b_{n}": layer.bias}
            bits += [layer.f_x, layer.f_w, layer.f_u]
        return {**found, "fraction_bits": np.array(bits, np.int32)}


def from_model(model: Model, input_fraction_bits: int) -> NetworkWeights:
    """Make the integers of the float master.

    input_fraction_bits: of the features, once normalised.
    Raises ModelIncompatible for peepholes, a weight too large for its format, and a row whose
           sum could outgrow 48 bits.
    """
    if model.network.peephole:
        raise ModelIncompatible(
            f"model {model.name!r} has peepholes, which {SPEC} does not know; take a network "
            "without them, or another backend",
            field="model",
            spec=SPEC,
        )
    master = model.master
    f_x = [input_fraction_bits] + [HIDDEN_FRACTION_BITS] * (model.network.layers - 1)
    layers = tuple(_layer(model, n, bits) for n, bits in enumerate(f_x))
    w_out, f_out = _matrix(model, "w_out")
    weights = NetworkWeights(layers, w_out, to_s32(master["b_out"], BIAS_FRACTION_BITS), f_out)
    _check_sums(model, "b_out", _bound(w_out, weights.b_out, weights.alignment))
    return weights


def fraction_bits(values: Arrays, name: str) -> int | None:
    """Return the most fraction bits with which a matrix fits 16 bits; None if 8 are too many.

    An all-zero matrix fits any, and takes 15.
    """
    largest = float(np.abs(values[name].astype(np.float64)).max())
    fitting = [bits for bits in WEIGHT_FRACTION_BITS if largest * 2.0**bits <= S16_MAX]
    return fitting[-1] if fitting else None


def _layer(model: Model, n: int, f_x: int) -> LayerWeights:
    (w_x, f_w), (w_h, f_u) = _matrix(model, f"w_x_{n}"), _matrix(model, f"w_h_{n}")
    bias = to_s32(model.master[f"b_{n}"], BIAS_FRACTION_BITS)
    layer = LayerWeights(w_x, w_h, bias, f_x, f_w, f_u)
    align = layer.alignment
    bound = _bound(w_h, bias, align) + (_reach(w_x) << align.x)
    _check_sums(model, f"b_{n}", bound)
    return layer


def _matrix(model: Model, name: str) -> tuple[NDArray[np.int16], int]:
    bits = fraction_bits(model.master, name)
    if bits is None:
        least = WEIGHT_FRACTION_BITS[0]
        raise ModelIncompatible(
            f"model {model.name!r}: {SPEC} weight {name} holds a magnitude of "
            f"{np.abs(model.master[name]).max():g}, but 16 bits, {least} of them behind the "
            f"point, end at {S16_MAX / 2**least:g}; train with smaller weights",
            field=f"{SPEC}.{name}",
        )
    return to_s16(model.master[name], bits), bits


def _reach(matrix: NDArray[np.int16]) -> Ints:
    """Return the most that each row can sum to, over all inputs of 16 bits."""
    sums: Ints = np.abs(matrix.astype(np.int64)).sum(axis=1)
    return sums << 15


def _bound(w_h: NDArray[np.int16], bias: NDArray[np.int32], align: Alignment) -> Ints:
    """Return the most that each aligned sum can reach without its x."""
    most: Ints = (_reach(w_h) << align.h) + np.abs(bias.astype(np.int64) << align.bias)
    return most


def _check_sums(model: Model, name: str, bound: Ints) -> None:
    """Raise ModelIncompatible if a row's sum could outgrow the accumulator."""
    row = int(bound.argmax())
    if bound[row] >= 1 << (ACCUMULATOR_BITS - 1):
        raise ModelIncompatible(
            f"model {model.name!r}: the sum of row {row} at {name} can reach "
            f"2**{math.log2(bound[row]):.2f}, more than an accumulator of {ACCUMULATOR_BITS} "
            "bits holds; train with smaller weights",
            field=f"{SPEC}.{name}",
            row=row,
        )
