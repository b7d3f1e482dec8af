"""The port of ``vau.backend`` over the integer model of Muntaniala's dies.

An id names the array of dies that each layer gets, and what its accumulators do if that is
not to saturate: ``muntaniala:4x4``, ``muntaniala:4x4+acc=wide``. The host's share is here
too: normalising and quantising before the dies, the softmax after them.
"""

from collections.abc import Sequence
from typing import Final

from vau.backend import (
    Backend,
    BackendFactory,
    BackendInfo,
    BackendOptions,
    Health,
    Result,
    State,
    Work,
)
from vau.errors import ModelError
from vau.model import Model, Network
from vau_backends.host import log_posteriors, normalise_all
from vau_backends.inprocess import InProcess, results_of
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
from vau_backends.snapshot import Seal, digest

KIND: Final = "muntaniala"


class Muntaniala(InProcess):
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
        info = BackendInfo(
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
        super().__init__(info, [self._states.h, self._states.c], seal)

    def run(self, work: Sequence[Work]) -> list[Result]:
        """Advance each slot by its frames, all of them together."""
        rows = self._slots.rows([item.slot for item in work])
        if not work:
            return []
        lengths = [len(item.features) for item in work]
        z = normalise_all([item.features for item in work], self._model)
        inputs = to_s8(z, ACTIVATION_FRACTION_BITS - INPUT_SHIFT)  # a quarter of z, in sQ0.7
        answer = self._kernel.run(inputs, lengths, self._states, rows)
        scale = 2**ACCUMULATOR_FRACTION_BITS * self._model.temperature
        costs = [
            self._costs.of(length, tuple(saturations))
            for length, saturations in zip(lengths, answer.saturations.tolist(), strict=True)
        ]
        log_prob = log_posteriors(answer.logits, scale)
        return results_of(lengths, log_prob, answer.logits, inputs, costs)

    def health(self) -> Health:
        """Say ready: a model that could be loaded cannot fail. It may be slow, though."""
        return Health(State.READY, kernel.remark(self._kernel.tier))


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
