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
    Health,
    Result,
    Slot,
    State,
    Telemetry,
    Work,
)
from vau.errors import BackendNotFound
from vau.model import Model
from vau_backends.host import log_posteriors, normalise
from vau_backends.slots import Slots
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
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        return _sigmoid(o) * np.tanh(c), c


class FloatNetwork:
    """The float network of one bundle, with its slots."""

    def __init__(self, model: Model, slot_count: int) -> None:
        """Take the float weights of ``model``."""
        self._model = model
        hidden, inputs = model.network.hidden, model.network.inputs
        self._layers = [
            _Layer(
                np.hstack([model.master[f"w_x_{n}"], model.master[f"w_h_{n}"]]),
                model.master[f"b_{n}"],
                np.zeros((hidden if n else inputs) + hidden, np.float32),
            )
            for n in range(model.network.layers)
        ]
        self._info = BackendInfo(
            id=KIND,
            kind=KIND,
            arithmetic_id=ARITHMETIC,
            bit_exact=False,
            slot_count=slot_count,
            feature_dim=inputs,
            max_batch=1,
        )
        zero = np.zeros((2, model.network.layers, hidden), np.float32)
        self._slots: Slots[Floats] = Slots(KIND, slot_count, zero)  # h, c by layer and unit
        self._zero = zero
        statistics = {"mean": model.mean, "inv_std": model.inv_std}
        self._seal = Seal(ARITHMETIC, digest({**model.master, **statistics}))

    @property
    def info(self) -> BackendInfo:
        """Its identity and abilities."""
        return self._info

    def open(self) -> Slot:
        """Reserve a slot in the zero state."""
        return self._slots.open()

    def run(self, work: Sequence[Work]) -> list[Result]:
        """Advance each slot by its frames, one after the other."""
        states = self._slots.states([item.slot for item in work])
        inputs = [normalise(item.features, self._model) for item in work]
        results = []
        for item, z, state in zip(work, inputs, states, strict=True):
            logits, self._slots[item.slot] = self._advance(z, state)
            results.append(Result(log_prob=log_posteriors(logits, self._model.temperature)))
        return results

    def snapshot(self, slot: Slot) -> bytes:
        """Copy h and c out."""
        return self._seal.close(self._slots[slot].astype("<f4").tobytes())

    def restore(self, slot: Slot, state: bytes) -> None:
        """Replace h and c."""
        content = self._seal.open(state, self._zero.nbytes)
        values = np.frombuffer(content, "<f4").astype(np.float32)
        self._slots[slot] = values.reshape(self._zero.shape)

    def release(self, slot: Slot) -> None:
        """Give the slot back."""
        self._slots.release(slot)

    def health(self) -> Health:
        """Say ready: what could be loaded cannot fail."""
        return Health(State.READY)

    def telemetry(self) -> Telemetry:
        """Read nothing: there is no instrument."""
        return Telemetry()

    def close(self) -> None:
        """Give all slots back."""
        self._slots.close()

    def _advance(self, z: Floats, state: Floats) -> tuple[Floats, Floats]:
        """Return the logits, shape (frames, classes), and the state after them."""
        h, c = state.copy()
        logits = np.zeros((len(z), self._model.network.classes), np.float32)
        for frame, features in enumerate(z):
            x = features
            for n, layer in enumerate(self._layers):
                h[n], c[n] = layer.step(x, h[n], c[n])
                x = h[n]
            logits[frame] = self._model.master["w_out"] @ x + self._model.master["b_out"]
        return logits, np.stack([h, c])


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
