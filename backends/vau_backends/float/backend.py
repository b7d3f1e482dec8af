"""The port of ``vau.backend`` over the float master of a bundle, on this machine's CPU.

The yardstick for the loss of an accelerator's integers: same normalisation, but nothing is
clipped, rounded or looked up. Another CPU may give other last bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.backend import (
    Backend,
    BackendFactory,
    BackendInfo,
    BackendOptions,
    Result,
    Work,
)
from vau.errors import BackendNotFound
from vau.model import Model
from vau_backends.host import log_posteriors, normalise
from vau_backends.inprocess import InProcess
from vau_backends.snapshot import Seal, digest

KIND: Final = "float"
ARITHMETIC: Final = "float32"

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Layer:
    """One LSTM layer; gates in the order i, f, g, o."""

    weights: Floats
    """W_x and W_h side by side, shape (4 * hidden, inputs + hidden)."""

    bias: Floats
    """Shape (4 * hidden,)."""

    peephole: Floats
    """What i, f and o see of c, in this order, shape (3, hidden); zeros if they do not."""

    operand: Floats
    """Where x and h are put side by side, so that BLAS always finds them in one place."""

    def step(self, x: Floats, h: Floats, c: Floats) -> tuple[Floats, Floats]:
        """Return h and c after one frame.

        One matrix-vector product for each frame and slot, though one product for many would
        be faster: BLAS may add in another order when the shape changes, and then the bits
        of a frame would depend on its batch.
        """
        self.operand[: len(x)] = x
        self.operand[len(x) :] = h
        i, f, g, o = np.split(self.weights @ self.operand + self.bias, 4)
        p_i, p_f, p_o = self.peephole
        c = _sigmoid(f + p_f * c) * c + _sigmoid(i + p_i * c) * np.tanh(g)
        return _sigmoid(o + p_o * c) * np.tanh(c), c


class FloatNetwork(InProcess):
    """The float network of one bundle, with its slots."""

    def __init__(self, model: Model, slot_count: int) -> None:
        """Take the float weights of ``model``."""
        self._model = model
        self._layers = [_layer(model, n) for n in range(model.network.layers)]
        info = BackendInfo(
            id=KIND,
            kind=KIND,
            arithmetic_id=ARITHMETIC,
            bit_exact=False,
            slot_count=slot_count,
            feature_dim=model.network.inputs,
            max_batch=1,
        )
        shape = (slot_count, model.network.layers, model.network.hidden)
        self._h, self._c = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        statistics = {"mean": model.mean, "inv_std": model.inv_std}
        seal = Seal(ARITHMETIC, digest({**model.master, **statistics}))
        super().__init__(info, [self._h, self._c], seal)

    def run(self, work: Sequence[Work]) -> list[Result]:
        """Advance each slot by its frames, one after the other."""
        rows = self._slots.rows([item.slot for item in work])
        inputs = [normalise(item.features, self._model) for item in work]
        logits = [self._advance(z, row) for z, row in zip(inputs, rows, strict=True)]
        return [
            Result(log_prob=log_posteriors(each, self._model.temperature)) for each in logits
        ]

    def _advance(self, z: Floats, row: int) -> Floats:
        """Take a slot through its frames; return their logits, shape (frames, classes)."""
        h, c = self._h[row], self._c[row]
        logits = np.zeros((len(z), self._model.network.classes), np.float32)
        for frame, features in enumerate(z):
            x = features
            for n, layer in enumerate(self._layers):
                h[n], c[n] = layer.step(x, h[n], c[n])
                x = h[n]
            logits[frame] = self._model.master["w_out"] @ x + self._model.master["b_out"]
        return logits


def _layer(model: Model, n: int) -> _Layer:
    shape, master = model.network, model.master
    weights = np.hstack([master[f"w_x_{n}"], master[f"w_h_{n}"]])
    peephole = master[f"p_{n}"] if shape.peephole else np.zeros(3 * shape.hidden, np.float32)
    return _Layer(
        weights,
        master[f"b_{n}"],
        peephole.reshape(3, shape.hidden),
        np.zeros(weights.shape[1], np.float32),
    )


def _sigmoid(a: Floats) -> Floats:
    half: Floats = 0.5 * np.tanh(0.5 * a) + 0.5  # never overflows, unlike exp(-a)
    return half


class _Factory:
    """Opens as many networks as memory holds."""

    def discover(self, model: Model) -> list[str]:  # noqa: ARG002  the port's argument
        """Name the only instance: every bundle has a float master."""
        return [KIND]

    def open(self, model: Model, options: BackendOptions) -> Backend:
        """Take the float weights. Raises BackendNotFound if an instance is asked for."""
        if options.instance:
            raise BackendNotFound(
                f"float:{options.instance}: there is one float backend, named float alone",
                field="backend",
            )
        return FloatNetwork(model, options.slot_count)


FACTORY: Final[BackendFactory] = _Factory()
