"""The port of ``vau.backend`` over the integer model of the PIM RPU.

An id says how the chip is used: where its weights are, and by which schedule if not the hybrid
one: ``rpu:streamed``, ``rpu:resident+schedule=serial``. The host's share is here too:
normalising and quantising before the chip, the softmax after it. The bits are those of
``rpu-spec-0``, which is ours; what is published, and what is not, is in its first section.
Ref: doi:10.1109/SiPS.2017.8110011.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from vau.backend import (
    Backend,
    BackendFactory,
    BackendInfo,
    BackendOptions,
    Cost,
    Health,
    Result,
    State,
    Work,
)
from vau.errors import ModelError
from vau.model import Model
from vau_backends.host import log_posteriors, normalise_all
from vau_backends.inprocess import InProcess, results_of
from vau_backends.rpu import kernel
from vau_backends.rpu.cost import CostModel
from vau_backends.rpu.cycles import CHUNK_FRAMES
from vau_backends.rpu.fixedpoint import LOGIT_FRACTION_BITS, to_s16
from vau_backends.rpu.form import INPUT_FRACTION_BITS, Form
from vau_backends.rpu.kernel import States
from vau_backends.rpu.weights import SPEC, from_model
from vau_backends.snapshot import Seal, digest

KIND: Final = "rpu"


class Rpu(InProcess):
    """One model of the chip, with its network loaded."""

    def __init__(self, model: Model, form: Form, options: BackendOptions) -> None:
        """Make the integers of ``model``.

        Raises ModelIncompatible if there are none, ConfigInvalid for a tier that is not to be
               had here.
        """
        weights, shape = from_model(model, form.input_fraction_bits), model.network
        self._model = model
        self._form = form
        self._kernel = kernel.open_kernel(weights, options.tier)
        self._costs = CostModel(shape, form, options.clock_hz)
        self._states = States.zero(options.slot_count, shape.layers, shape.hidden)
        arithmetic_id = _arithmetic_id(form)
        info = BackendInfo(
            id=f"{KIND}:{form}",
            kind=KIND,
            arithmetic_id=arithmetic_id,
            bit_exact=True,
            slot_count=options.slot_count,
            feature_dim=shape.inputs,
            logit_fraction_bits=LOGIT_FRACTION_BITS,
            clock_hz=self._costs.clock_hz,
            tier=self._kernel.tier,
            tiers=kernel.offered(),
        )
        statistics = {"mean": model.mean, "inv_std": model.inv_std}
        seal = Seal(arithmetic_id, digest({**weights.arrays(), **statistics}))
        super().__init__(info, [self._states.h, self._states.c], seal)

    def run(self, work: Sequence[Work]) -> list[Result]:
        """Take the frames of all slots through the chip together."""
        rows = self._slots.rows([item.slot for item in work])
        if not work:
            return []
        lengths = [len(item.features) for item in work]
        z = normalise_all([item.features for item in work], self._model)
        inputs = to_s16(z, self._form.input_fraction_bits)
        answer = self._kernel.run(inputs, lengths, self._states, rows)
        scale = 2**LOGIT_FRACTION_BITS * self._model.temperature
        costs = [
            replace(cost, saturations=tuple(saturations))
            for cost, saturations in zip(
                self._price(lengths), answer.saturations.tolist(), strict=True
            )
        ]
        log_prob = log_posteriors(answer.logits, scale)
        return results_of(lengths, log_prob, answer.logits, inputs, costs)

    def health(self) -> Health:
        """Say ready: a model that could be loaded cannot fail. It may be slow, though."""
        return Health(State.READY, kernel.remark(self._kernel.tier))

    def _price(self, lengths: Sequence[int]) -> list[Cost]:
        """Return the cost of each work, chunk after chunk."""
        total = self._costs.of([min(length, CHUNK_FRAMES) for length in lengths])
        for first in range(CHUNK_FRAMES, max(lengths), CHUNK_FRAMES):
            rest = [max(0, min(length - first, CHUNK_FRAMES)) for length in lengths]
            chunk = self._costs.of(rest)
            total = [before + cost for before, cost in zip(total, chunk, strict=True)]
        return total


def _arithmetic_id(form: Form) -> str:
    """Name what decides the bits: schedules and residency do not."""
    bits = form.input_fraction_bits
    return SPEC if bits == INPUT_FRACTION_BITS else f"{SPEC}/fx{bits}"


class _Factory:
    """Opens as many models as memory holds: there is no device to share."""

    def discover(self, model: Model) -> list[str]:
        """Name the way that suits the size of the network, if it has integers."""
        form = Form.parse("", model.network)
        try:
            from_model(model, form.input_fraction_bits)
        except ModelError:
            return []
        return [f"{KIND}:{form}"]

    def open(self, model: Model, options: BackendOptions) -> Backend:
        """Load ``model`` into the chip, used as ``options.instance`` says."""
        return Rpu(model, Form.parse(options.instance, model.network), options)


FACTORY: Final[BackendFactory] = _Factory()
