"""Which form and clock an ask means, and its network put on the chip."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from vau.errors import BackendNotFound, ConfigInvalid, ModelIncompatible
from vau.estimate import Ask, Stage, clock_hz_of, refuse_what_is_foreign
from vau.model import Network
from vau_backends.rpu import constants
from vau_backends.rpu.cost import CostModel
from vau_backends.rpu.cycles import CHUNK_FRAMES, Actions, Chunk, LayerCycles
from vau_backends.rpu.estimate.laid_out import LaidOut
from vau_backends.rpu.form import Form, layer_inputs
from vau_backends.rpu.weights import SPEC

KIND: Final = "rpu"
KNOWN: Final = (
    *("network", "instance", "clock_hz", "operating_point", "streams", "frame_hz"),
    *("chunk_frames", "residency", "dram_bytes_per_s", "reuse_credit"),
)
"""What can be asked of a chip that takes one layer after the other."""

FOREIGN: Final = {
    "dies": "has no dies; leave --dies out, or ask for --streamed if one chip is too small",
    "reload": "has no dies to reload; leave --reload out, or ask for --streamed",
}
"""Why the rest cannot be, and what to do instead."""


def lay_out(ask: Ask) -> LaidOut:
    """Put a network on the chip. Raises as ``Estimator.estimate``."""
    refuse_what_is_foreign(ask, KIND, KNOWN, FOREIGN)
    if ask.chunk_frames > CHUNK_FRAMES:
        raise ConfigInvalid(
            f"chunk_frames={ask.chunk_frames}: {KIND} takes {CHUNK_FRAMES} frames of a stream "
            "at most as one chunk, and makes several chunks of a longer call; ask for "
            f"{CHUNK_FRAMES} or fewer",
            field="chunk_frames",
        )
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
    chunk = Chunk.even(ask.chunk_frames, ask.streams)
    stages = tuple(_stages(ask.network, form, chunk))
    return LaidOut(ask=ask, accelerator=f"{KIND}:{form}", form=form, costs=costs, stages=stages)


def _stages(network: Network, form: Form, chunk: Chunk) -> Iterator[Stage]:
    """Yield each layer with what a step of the chunk takes in it."""
    for number, inputs in enumerate(layer_inputs(network), start=1):
        cycles = LayerCycles.of(network.hidden, inputs, form, chunk)
        macs = Actions.of_layer(network.hidden, inputs, form, chunk).macs // chunk.steps
        yield Stage(
            name=f"layer {number}",
            inputs=inputs,
            units=network.hidden,
            counts=(("macs", macs),),
            phases=tuple((name, count // chunk.steps) for name, count in cycles.by_phase()),
        )


def _form(ask: Ask) -> Form:
    """Return the form of the instance, or that with the residency asked for."""
    if re.fullmatch(r"\d+x\d+", ask.instance, re.ASCII):
        raise ConfigInvalid(
            f"array={ask.instance}: {KIND} has no array; leave --array out, or ask for "
            f"{KIND}:resident or {KIND}:streamed",
            field="array",
        )
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
