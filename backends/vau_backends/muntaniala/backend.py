"""The port of ``vau.backend`` over the integer model of Muntaniala's dies.

An id names the array of dies that each layer gets: ``muntaniala:4x4``. The host's share is
here too: normalising and quantising before the dies, the softmax after them.
"""

from collections.abc import Sequence
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
from vau.errors import ModelError
from vau.model import Model
from vau_backends.host import log_posteriors, normalise
from vau_backends.muntaniala import cell
from vau_backends.muntaniala.array import DieArray
from vau_backends.muntaniala.cost import CALIBRATED_CLOCK_HZ, CostModel
from vau_backends.muntaniala.fixedpoint import (
    ACCUMULATOR_FRACTION_BITS,
    ACTIVATION_FRACTION_BITS,
    INPUT_SHIFT,
    to_s8,
)
from vau_backends.muntaniala.kernel import Kernel
from vau_backends.muntaniala.weights import SPEC, from_model
from vau_backends.slots import Slots
from vau_backends.snapshot import Seal, digest

KIND: Final = "muntaniala"


class Muntaniala:
    """One model of the dies, with its network loaded."""

    def __init__(self, model: Model, array: DieArray, clock_hz: float, slot_count: int) -> None:
        """Load the integers of ``model``.

        Raises ModelIncompatible if it has none, ModelTooLarge if they do not fit.
        """
        weights, tilings = from_model(model), array.tile(model.network)
        self._model = model
        self._kernel = Kernel(weights, tilings)
        self._costs = CostModel(tilings, clock_hz)
        self._info = BackendInfo(
            id=f"{KIND}:{array}",
            kind=KIND,
            arithmetic_id=array.arithmetic_id,
            bit_exact=True,
            slot_count=slot_count,
            feature_dim=model.network.inputs,
            logit_fraction_bits=ACCUMULATOR_FRACTION_BITS,
            clock_hz=clock_hz,
        )
        self._slots = Slots(self._info.id, slot_count, cell.State.zero(model.network))
        statistics = {"mean": model.mean, "inv_std": model.inv_std}
        network = digest({**model.integers[SPEC], **statistics})
        self._seal = Seal(array.arithmetic_id, network)

    @property
    def info(self) -> BackendInfo:
        """Its identity and abilities."""
        return self._info

    def open(self) -> Slot:
        """Reserve a slot in the zero state."""
        return self._slots.open()

    def run(self, work: Sequence[Work]) -> list[Result]:
        """Advance each slot by its frames, all of them together."""
        states = self._slots.states([item.slot for item in work])
        inputs = [self._quantised(item.features) for item in work]
        answers = self._kernel.run(inputs, states)
        for item, answer in zip(work, answers, strict=True):
            self._slots[item.slot] = answer.state
        scale = 2**ACCUMULATOR_FRACTION_BITS * self._model.temperature
        return [
            Result(
                log_prob=log_posteriors(answer.logits, scale),
                logits=answer.logits,
                inputs=x,
                cost=self._costs.of(len(x), answer.saturations),
            )
            for x, answer in zip(inputs, answers, strict=True)
        ]

    def snapshot(self, slot: Slot) -> bytes:
        """Copy h and c out."""
        state = self._slots[slot]
        return self._seal.close(state.h.tobytes() + state.c.astype("<i2").tobytes())

    def restore(self, slot: Slot, state: bytes) -> None:
        """Replace h and c."""
        zero = cell.State.zero(self._model.network)
        content = self._seal.open(state, zero.h.nbytes + zero.c.nbytes)
        self._slots[slot] = cell.State(
            np.frombuffer(content, np.int8, zero.h.size).reshape(zero.h.shape),
            np.frombuffer(content, "<i2", offset=zero.h.nbytes)
            .astype(np.int16)
            .reshape(zero.c.shape),
        )

    def release(self, slot: Slot) -> None:
        """Give the slot back."""
        self._slots.release(slot)

    def health(self) -> Health:
        """Say ready: a model that could be loaded cannot fail."""
        return Health(State.READY)

    def telemetry(self) -> Telemetry:
        """Read nothing: a model has no instruments."""
        return Telemetry()

    def close(self) -> None:
        """Give all slots back."""
        self._slots.close()

    def _quantised(self, features: NDArray[np.float32]) -> NDArray[np.int8]:
        """Return x of layer 1: a quarter of the normalised features, sQ0.7."""
        z = normalise(features, self._model)
        return to_s8(z, ACTIVATION_FRACTION_BITS - INPUT_SHIFT)


class _Factory:
    """Opens as many models as memory holds: there is no device to share."""

    def discover(self, model: Model) -> list[str]:
        """Name the square array of as many dies as the units need, if the network fits it."""
        array = DieArray.square_for(model.network.hidden)
        try:
            from_model(model)
            array.tile(model.network)
        except ModelError:
            return []
        return [f"{KIND}:{array}"]

    def open(self, model: Model, options: BackendOptions) -> Backend:
        """Load ``model`` into the array that ``options.instance`` names, or a square one."""
        array = (
            DieArray.parse(options.instance)
            if options.instance
            else DieArray.square_for(model.network.hidden)
        )
        clock_hz = CALIBRATED_CLOCK_HZ if options.clock_hz is None else options.clock_hz
        return Muntaniala(model, array, clock_hz, options.slot_count)


FACTORY: Final[BackendFactory] = _Factory()
