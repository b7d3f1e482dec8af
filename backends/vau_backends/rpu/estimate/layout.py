"""Which form and clock an ask means, and its network put on the chip."""

from dataclasses import replace
from typing import Final

from vau.errors import BackendNotFound, ConfigInvalid, ModelIncompatible
from vau.estimate import Ask, clock_hz_of, refuse_what_is_foreign
from vau_backends.rpu import constants
from vau_backends.rpu.cost import CostModel
from vau_backends.rpu.estimate.load import Load
from vau_backends.rpu.form import Form
from vau_backends.rpu.weights import SPEC

KIND: Final = "rpu"
FOREIGN: Final = {
    "dies": "has no dies; leave --dies out, or ask for --streamed if one chip is too small",
    "reload": "has no dies to reload; leave --reload out, or ask for --streamed",
}
"""What cannot be asked of a chip that takes one layer after the other."""


def load_of(ask: Ask) -> Load:
    """Put a network on the chip. Raises as ``Estimator.estimate``."""
    refuse_what_is_foreign(ask, KIND, FOREIGN)
    if ask.network.peephole:
        raise ModelIncompatible(
            f"network: {SPEC} does not know peepholes; take a network without them"
        )
    form = _form(ask)
    if form.residency == "resident" and ask.dram_bytes_per_s is not None:
        raise ConfigInvalid(
            f"dram_bytes_per_s={ask.dram_bytes_per_s:g}: resident weights are never fetched; "
            "leave --dram-gbps out, or ask for --streamed",
            field="dram_bytes_per_s",
        )
    costs = CostModel(
        ask.network,
        form,
        clock_hz_of(ask, "the RPU", constants.OPERATING_POINTS, constants.CLOCK.value),
        dram_bytes_per_s=ask.dram_bytes_per_s,
        reuse_energy_credit=ask.reuse_credit,
    )
    return Load(ask=ask, form=form, costs=costs)


def _form(ask: Ask) -> Form:
    """Return the form of the instance, or that with the residency asked for."""
    try:
        form = Form.parse(ask.instance, ask.network)
    except BackendNotFound as cause:
        raise ConfigInvalid(f"backend={cause}", field="backend") from cause
    named = ask.instance.partition("+")[0]
    if ask.residency is None or ask.residency == form.residency:
        return form
    if named:
        raise ConfigInvalid(
            f"residency={ask.residency}: {KIND}:{ask.instance} says {named}; leave out one of "
            "the two",
            field="residency",
        )
    return replace(form, residency=ask.residency)
