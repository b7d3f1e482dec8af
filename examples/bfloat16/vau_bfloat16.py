"""A chip with bfloat16 weights, as a backend of Vau; all else in it is float32."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit as sigmoid

from vau.backend import Backend, BackendInfo, BackendOptions, Cost, Energy, Result, Work
from vau.errors import BackendNotFound, ModelIncompatible
from vau.model import Model
from vau_backends.host import log_posteriors, normalise
from vau_backends.inprocess import InProcess
from vau_backends.snapshot import Seal, digest

MULTIPLIERS, CLOCK_HZ, CYCLE_J = 1024, 200e6, 1e-9  # assumed: nobody has built this chip


class Bfloat16(InProcess):
    """One network on the chip. Slots, snapshots and health are the affair of InProcess."""

    def __init__(self, model: Model, slot_count: int) -> None:
        self._model, shape = model, model.network
        self._weights = {name: to_bfloat16(each) for name, each in model.master.items()}
        self._h, self._c = np.zeros((2, slot_count, shape.layers, shape.hidden), np.float32)
        info = BackendInfo(
            id="bfloat16",
            kind="bfloat16",
            arithmetic_id="bfloat16/1",
            bit_exact=False,
            slot_count=slot_count,
            feature_dim=shape.inputs,
        )
        network = {**self._weights, "mean": model.mean, "inv_std": model.inv_std}
        super().__init__(info, [self._h, self._c], Seal(info.arithmetic_id, digest(network)))

    def run(self, work: Sequence[Work]) -> list[Result]:
        """Advance each slot by its frames, once all of them are known to be in order."""
        rows = self._slots.rows([each.slot for each in work])
        inputs = [normalise(each.features, self._model) for each in work]
        return [self._result(z, row) for z, row in zip(inputs, rows, strict=True)]

    def _result(self, z: NDArray[np.float32], row: int) -> Result:
        w, h, c = self._weights, self._h[row], self._c[row]
        logits = np.zeros((len(z), self._model.network.classes), np.float32)
        for frame, x in enumerate(z):  # one by one: BLAS adds several up in another order
            for n in range(len(h)):
                a = w[f"w_x_{n}"] @ (h[n - 1] if n else x) + w[f"w_h_{n}"] @ h[n]
                i, f, g, o = np.split(a + w[f"b_{n}"], 4)
                c[n] = sigmoid(f) * c[n] + sigmoid(i) * np.tanh(g)
                h[n] = sigmoid(o) * np.tanh(c[n])
            logits[frame] = w["w_out"] @ h[-1] + w["b_out"]
        cycles = len(z) * -(-sum(each.size for each in w.values()) // MULTIPLIERS)
        used = Energy(
            joules=cycles * CYCLE_J, origin="estimated", boundary="core", method="assumed/1"
        )
        cost = Cost(cycles=cycles, device_s=cycles / CLOCK_HZ, energies=(used,))
        return Result(log_prob=log_posteriors(logits, self._model.temperature), cost=cost)


class Factory:  # as many can be opened as memory holds: no device is shared
    def discover(self, model: Model) -> list[str]:
        return [] if model.network.peephole else ["bfloat16"]

    def open(self, model: Model, options: BackendOptions) -> Backend:
        if options.instance:
            raise BackendNotFound(f"bfloat16:{options.instance}: there is but one, bfloat16")
        if model.network.peephole:
            raise ModelIncompatible("bfloat16: no peepholes; take a model without them")
        return Bfloat16(model, options.slot_count)


def to_bfloat16(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round to the upper 16 bits of each number, ties to even."""
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).view(np.float32)


FACTORY = Factory()
