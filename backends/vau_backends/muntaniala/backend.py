"""The port of ``vau.backend`` over the integer model of Muntaniala's dies.

An id names the array of dies that each layer gets, and what its accumulators do if that is
not to saturate: ``muntaniala:4x4``, ``muntaniala:4x4+acc=wide``. The host's share is here
too: normalising and quantising before the dies, the softmax after them.
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
from vau.model import Model, Network
from vau_backends.host import log_posteriors, normalise
from vau_backends.muntaniala import kernel
from vau_backends.muntaniala.array import DieArray, Knobs
from vau_backends.muntaniala.cost import CALIBRATED_CLOCK_HZ, CostModel
from vau_backends.muntaniala.fixedpoint import (
    ACCUMULATOR_FRACTION_BITS,
    ACTIVATION_FRACTION_BITS,
    INPUT_SHIFT,
    to_s8,
)
from vau_backends.muntaniala.states import States
from vau_backends.muntaniala.weights import SPEC, from_model
from vau_backends.slots import Slots
from vau_backends.snapshot import Seal, digest

KIND: Final = "muntaniala"


class Muntaniala:
    """One model of the dies, with its network loaded."""

    def __init__(self, model: Model, array: DieArray, options: BackendOptions) -> None:
        """Load the integers of ``model``.

        Raises ModelIncompatible if it has none, ModelTooLarge if they do not fit,
               ConfigInvalid for a tier that is not to be had here.
        """
        weights, tilings = from_model(model), array.tile(model.network)
        slot_count = options.slot_count
        clock_hz = CALIBRATED_CLOCK_HZ if options.clock_hz is None else options.clock_hz
        self._model = model
        self._kernel = kernel.open_kernel(weights, tilings, array.knobs, options.tier)
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
            tier=self._kernel.tier,
            tiers=kernel.offered(),
        )
        self._states = States.zero(slot_count, model.network)
        statistics = {"mean": model.mean, "inv_std": model.inv_std}
        seal = Seal(array.arithmetic_id, digest({**model.integers[SPEC], **statistics}))
        self._slots = Slots(self._info.id, [self._states.h, self._states.c], seal)

    @property
    def info(self) -> BackendInfo:
        """Its identity and abilities."""
        return self._info

    def open(self) -> Slot:
        """Reserve a slot in the zero state."""
        return self._slots.open()

    def run(self, work: Sequence[Work]) -> list[Result]:
        """Advance each slot by its frames, all of them together."""
        rows = self._slots.rows([item.slot for item in work])
        if not work:
            return []
        lengths = [len(item.features) for item in work]
        inputs = self._quantised([item.features for item in work])
        answer = self._kernel.run(inputs, lengths, self._states, rows)
        scale = 2**ACCUMULATOR_FRACTION_BITS * self._model.temperature
        log_prob = log_posteriors(answer.logits, scale)
        results, first = [], 0
        for length, saturations in zip(lengths, answer.saturations.tolist(), strict=True):
            frames = slice(first, first + length)
            results.append(
                Result(
                    log_prob=log_prob[frames],
                    logits=answer.logits[frames],
                    inputs=inputs[frames],
                    cost=self._costs.of(length, tuple(saturations)),
                )
            )
            first += length
        return results

    def snapshot(self, slot: Slot) -> bytes:
        """Copy h and c out."""
        return self._slots.snapshot(slot)

    def restore(self, slot: Slot, state: bytes) -> None:
        """Replace h and c."""
        self._slots.restore(slot, state)

    def release(self, slot: Slot) -> None:
        """Give the slot back."""
        self._slots.release(slot)

    def health(self) -> Health:
        """Say ready: a model that could be loaded cannot fail. It may be slow, though."""
        return Health(State.READY, kernel.remark(self._kernel.tier))

    def telemetry(self) -> Telemetry:
        """Read nothing: a model has no instruments."""
        return Telemetry()

    def close(self) -> None:
        """Give all slots back."""
        self._slots.close()

    def _quantised(self, features: Sequence[NDArray[np.float32]]) -> NDArray[np.int8]:
        """Return x of layer 1, of all works one after the other: z / 4, in sQ0.7.

        Raises ValueError for features that ``normalise`` refuses, by their place in their work.
        """
        try:
            z = normalise(np.concatenate(features, casting="no", dtype=np.float32), self._model)
        except (TypeError, ValueError):
            for each in features:
                normalise(each, self._model)  # finds the work, and counts its own frames
            raise
        return to_s8(z, ACTIVATION_FRACTION_BITS - INPUT_SHIFT)


class _Factory:
    """Opens as many models as memory holds: there is no device to share."""

    def discover(self, model: Model) -> list[str]:
        """Name the square array of as many dies as the units need, if the network fits it."""
        array = _square(model.network)
        try:
            from_model(model)
            array.tile(model.network)
        except ModelError:
            return []
        return [f"{KIND}:{array}"]

    def open(self, model: Model, options: BackendOptions) -> Backend:
        """Load ``model`` into the array that ``options.instance`` names, or a square one."""
        array = DieArray.parse(options.instance, default=_square(model.network))
        return Muntaniala(model, array, options)


def _square(network: Network) -> DieArray:
    """Return the least square of dies with enough units, and peepholes if those have them."""
    return DieArray.square_for(network.hidden, Knobs(peephole=network.peephole))


FACTORY: Final[BackendFactory] = _Factory()
