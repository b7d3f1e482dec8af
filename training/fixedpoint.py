"""``munt-spec-0`` in torch: its floors, clamps and tables, in float64.

Each value is the integer that the dies hold, scaled; the gradient passes every rounding and
table as the smooth function behind it, so a network can learn in it, many times slower than on
the grid alone (``PhonemeNetwork.forward``). The dies' partial sums are summed in the order of
the row and clamped, as in ``vau_backends.muntaniala.cell``. What is not here is the clamp
within a die: a frame is the backend's, to the bit, unless a sum leaves 16 bits inside a die.

Source: docs/munt-spec-0.md, sections 3 to 5.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.network import PhonemeNetwork, State
from training.rounding import rounded
from vau_backends.muntaniala.fixedpoint import (
    ACCUMULATOR_FRACTION_BITS,
    ACTIVATION_FRACTION_BITS,
    INPUT_SHIFT,
    S8_MAX,
    S8_MIN,
    S16_MAX,
    S16_MIN,
    WEIGHT_FRACTION_BITS,
)
from vau_backends.muntaniala.tables import SIGMOID, SIGMOID_SHIFT, TANH, TANH_SHIFT

ONE = 2.0**ACCUMULATOR_FRACTION_BITS


def fixed_point(
    network: PhonemeNetwork, features: Tensor, state: State, columns: int
) -> tuple[Tensor, State]:
    """Map normalised features and a state to logits, as ``network`` does in float.

    features: (frames, streams, inputs); state: h and c, each (layers, streams, hidden).
    columns:  of the array of dies, by which each sum is cut.
    Returns   logits (frames, streams, classes) and the state, multiples of 2**-12 and 2**-7.
    """
    rows = rounded(features.double(), ACTIVATION_FRACTION_BITS - INPUT_SHIFT) / 2**INPUT_SHIFT
    ends_h, ends_c = [], []
    for layer, (w_x, w_h, bias) in enumerate(network.weights()):
        shift = INPUT_SHIFT if layer == 0 else 0
        stored_x = rounded(w_x.double(), WEIGHT_FRACTION_BITS + shift) * 2**shift
        stored_h = rounded(w_h.double(), WEIGHT_FRACTION_BITS)
        by_x = _by_column(stored_x, columns).mT[:, None]
        by_h = _by_column(stored_h, columns).mT
        x_sums = _by_column(rows, columns) @ by_x
        x_sums[0] = x_sums[0] + rounded(bias.double(), WEIGHT_FRACTION_BITS)
        h, c = state[0][layer].double(), state[1][layer].double()
        steps = []
        for step in range(len(rows)):
            partial = x_sums[:, step] + _by_column(h, columns) @ by_h
            a = partial[0]
            for following in partial[1:]:
                a = _sat16(a + following)
            h, c = _cell(a, c)
            steps.append(h)
        rows = torch.stack(steps)
        ends_h.append(h)
        ends_c.append(c)
    w_out = rounded(network.output.weight.double(), WEIGHT_FRACTION_BITS)
    b_out = rounded(network.output.bias.double(), WEIGHT_FRACTION_BITS)
    logits = torch.nn.functional.linear(rows, w_out, b_out)
    return logits, (torch.stack(ends_h), torch.stack(ends_c))


def _cell(a: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Return h and c after a step, shape (streams, hidden), from its pre-activations."""
    a_i, a_f, a_g, a_o = a.chunk(4, dim=-1)
    i, f, o = (
        _tabled(each, torch.sigmoid(each), SIGMOID, SIGMOID_SHIFT) for each in (a_i, a_f, a_o)
    )
    g = _tabled(a_g, torch.tanh(a_g), TANH, TANH_SHIFT)
    c = _sat16(
        _floored(f * c, ACCUMULATOR_FRACTION_BITS) + _floored(i * g, ACCUMULATOR_FRACTION_BITS)
    )
    tanh_c = _tabled(c, torch.tanh(c), TANH, TANH_SHIFT)
    return _floored(o * tanh_c, ACTIVATION_FRACTION_BITS), c


def _tabled(a: Tensor, smooth: Tensor, table: NDArray[np.int16], shift: int) -> Tensor:
    """Return the table's entry for ``a``, with the gradient of the smooth function."""
    entries = torch.from_numpy(table.astype(np.float64)) / ONE
    k = (a.detach() * ONE / 2**shift).floor().clamp(S8_MIN, S8_MAX).long()
    return smooth + (entries[k - S8_MIN] - smooth).detach()


def _floored(values: Tensor, fraction_bits: int) -> Tensor:
    scale = 2.0**fraction_bits
    return values + ((values.detach() * scale).floor() / scale - values).detach()


def _sat16(values: Tensor) -> Tensor:
    return values.clamp(S16_MIN / ONE, S16_MAX / ONE)


def _by_column(values: Tensor, columns: int) -> Tensor:
    """Cut the last axis into the shares of the die columns, the last ones padded with zeros.

    values: shape (..., elements). Returns shape (columns, ..., elements of a die).
    """
    elements = values.shape[-1]
    share = -(-elements // columns)
    padded = torch.nn.functional.pad(values, (0, columns * share - elements))
    return padded.unflatten(-1, (columns, share)).movedim(-2, 0)
