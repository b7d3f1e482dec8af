"""The fundamental operations of a network, and the components of the chip that they run on.

The paper's abstract says that gates and cells are split into such operations and mapped onto
unlike components; which ones these are is docs/rpu-spec-0.md, section 6, and ours.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from vau_backends.rpu.cycles import ELEMENT_LANES, ELEMENT_STAGES
from vau_backends.rpu.form import CLUSTERS, GATES

Kind = Literal["W x", "U h", "sum and bias", "gates", "new c", "tanh(c)", "new h"]
"""What an operation computes, in the order of a step."""

MAC_CLUSTERS: Final = tuple(f"MAC cluster {number + 1}" for number in range(CLUSTERS))
"""32 lanes each. They take a product of matrix and vector whole, and nothing meanwhile."""

ADDER_TREES: Final = "adder trees"
ALL_GATES: Final = tuple(range(GATES))
GATE_NAMES: Final = "ifgo"


class PipelineStage(NamedTuple):
    """One stage of the element-wise pipeline: it takes ELEMENT_LANES neurons every cycle."""

    kind: Kind
    component: str
    cycles: int
    """From taking a neuron to handing it on."""


PIPELINE: Final = (
    PipelineStage("gates", "gate tables", 2),
    PipelineStage("new c", "cell lanes", 4),
    PipelineStage("tanh(c)", "cell tables", 1),
    PipelineStage("new h", "output lanes", 2),
)
"""They follow each other without a break: one cycle to issue, and ELEMENT_STAGES more."""

if sum(stage.cycles for stage in PIPELINE) != 1 + ELEMENT_STAGES:
    raise ValueError(f"the stages of {PIPELINE} do not take 1 + {ELEMENT_STAGES} cycles")

STAGE_CYCLES: Final = {stage.kind: stage.cycles for stage in PIPELINE}


class Turn(NamedTuple):
    """Whose operation it is: one layer's, for one frame of one stream; all from 0."""

    layer: int
    step: int
    stream: int


@dataclass(frozen=True, slots=True)
class Operation:
    """One fundamental operation on one component."""

    kind: Kind
    component: str
    turn: Turn
    start_cycle: int
    cycles: int
    """From its first operand to its last result."""

    units: range
    gates: tuple[int, ...] = ALL_GATES
    """Those that it is for."""

    @property
    def end_cycle(self) -> int:
        """The first cycle in which all of its result can be used."""
        return self.start_cycle + self.cycles

    def issues(self) -> Iterator["Operation"]:
        """Divide it into what its component takes at a time: a few neurons, or all of it."""
        if self.kind not in STAGE_CYCLES:
            yield self
            return
        for cycle, units in enumerate(parts(self.units, ELEMENT_LANES)):
            yield replace(
                self,
                start_cycle=self.start_cycle + cycle,
                cycles=STAGE_CYCLES[self.kind],
                units=units,
            )


def parts(units: range, size: int) -> list[range]:
    """Cut units into pieces of ``size``; the last may be shorter."""
    return [units[at : at + size] for at in range(0, len(units), size)]
