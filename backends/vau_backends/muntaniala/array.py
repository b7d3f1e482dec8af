"""How a layer lies on an array of dies, and what is assumed of the dies.

Ref: doi:10.1109/TCSI.2021.3099716: dies tile into a systolic array, parameters stay on
     them, and only new features and partial results cross. The split of units and columns
     below is docs/munt-spec-0.md, section 3.
"""

import re
from dataclasses import dataclass, field, fields
from typing import Final, Literal, Self

from vau.errors import BackendNotFound, ModelTooLarge
from vau.model import Network
from vau_backends.muntaniala.fixedpoint import (
    ACCUMULATOR_FRACTION_BITS,
    ACTIVATION_FRACTION_BITS,
    INPUT_SHIFT,
    WEIGHT_FRACTION_BITS,
)
from vau_backends.muntaniala.tables import SIGMOID_SHIFT, TANH_SHIFT
from vau_backends.muntaniala.weights import SPEC

GATES: Final = 4
UNITS_PER_DIE: Final = 96  # Chipmunk's (arXiv:1711.05734); assumed of its successor
DIE_COLUMNS: Final = 96 + 123  # hidden and feature columns that fit; assumed
DIE_BYTES: Final = UNITS_PER_DIE * (GATES * DIE_COLUMNS + GATES)  # 84,480


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """What ``munt-spec-0`` assumes where the papers are silent: one field per question.

    Another value is another arithmetic and needs another specification; none is built yet.
    """

    units_per_die: int = UNITS_PER_DIE
    w_frac: int = WEIGHT_FRACTION_BITS
    a_frac: int = ACTIVATION_FRACTION_BITS
    acc_frac: int = ACCUMULATOR_FRACTION_BITS
    x_shift: int = INPUT_SHIFT
    acc: Literal["sat", "wrap", "wide"] = "sat"
    product_shift: int = 0
    round: Literal["floor"] = "floor"
    act: Literal["lut256", "pwl16"] = "lut256"
    tanh_shift: int = TANH_SHIFT
    sigmoid_shift: int = SIGMOID_SHIFT
    peephole: bool = False
    gate_order: Literal["ifgo"] = "ifgo"
    bias: Literal["first_die"] = "first_die"

    def __post_init__(self) -> None:
        for knob in fields(self):
            value = getattr(self, knob.name)
            if value != knob.default:
                raise ValueError(
                    f"{knob.name}={value!r} is not offered; {SPEC} has {knob.default!r}"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """One layer on ``rows`` x ``columns`` dies: which units and inputs each die holds.

    Slices may be short or empty at the end.
    """

    rows: int
    columns: int
    hidden: int
    inputs: int

    def __post_init__(self) -> None:
        for dimension in fields(self):
            value = getattr(self, dimension.name)
            if value < 1:
                raise ValueError(f"{dimension.name}={value} is less than 1")

    @property
    def units_per_die(self) -> int:
        """Hidden units of each die row but the last ones."""
        return _ceil_div(self.hidden, self.rows)

    @property
    def x_per_die(self) -> int:
        """Elements of x of each die column but the last ones."""
        return _ceil_div(self.inputs, self.columns)

    @property
    def h_per_die(self) -> int:
        """Elements of h of each die column but the last ones."""
        return _ceil_div(self.hidden, self.columns)

    def x_slice(self, column: int) -> slice:
        """Return which elements of x reach the dies of ``column``."""
        return _part(self.inputs, self.x_per_die, column)

    def h_slice(self, column: int) -> slice:
        """Return which elements of h reach the dies of ``column``."""
        return _part(self.hidden, self.h_per_die, column)

    @property
    def die_bytes(self) -> int:
        """Weights and biases of a full die, one byte each; all 96 units are provided for."""
        return UNITS_PER_DIE * (GATES * (self.x_per_die + self.h_per_die) + GATES)

    @property
    def fits(self) -> bool:
        """Whether every die has the units and the memory for its share."""
        return self.units_per_die <= UNITS_PER_DIE and self.die_bytes <= DIE_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class DieArray:
    """The dies that carry one layer; a network has one such array per layer."""

    rows: int
    columns: int
    knobs: Knobs = field(default_factory=Knobs)
    """The arithmetic of its dies."""

    def __post_init__(self) -> None:
        if self.rows < 1 or self.columns < 1:
            raise ValueError(f"an array of {self.rows}x{self.columns} dies has no die")

    @classmethod
    def parse(cls, instance: str) -> Self:
        """Read "4x4", rows first. Raises BackendNotFound if it says anything else."""
        match = re.fullmatch(r"([1-9][0-9]{0,2})x([1-9][0-9]{0,2})", instance, re.ASCII)
        if match is None:
            raise BackendNotFound(
                f"muntaniala:{instance}: an array is named by its rows and columns of dies, "
                "for example muntaniala:4x4",
                field="backend",
            )
        return cls(rows=int(match[1]), columns=int(match[2]))

    @classmethod
    def square_for(cls, hidden: int) -> Self:
        """Return the least square array with enough units, by the units alone."""
        side = _ceil_div(hidden, UNITS_PER_DIE)
        return cls(rows=side, columns=side)

    def __str__(self) -> str:
        return f"{self.rows}x{self.columns}"

    @property
    def dies(self) -> int:
        """How many dies one layer occupies."""
        return self.rows * self.columns

    @property
    def arithmetic_id(self) -> str:
        """What decides the bits: the order of saturating sums depends on the columns."""
        return f"{SPEC}/C{self.columns}"

    def tile(self, network: Network) -> tuple[Tiling, ...]:
        """Lay each layer of ``network`` on an array of its own.

        Raises ModelTooLarge if a die would need more units or more memory than it has.
        """
        tilings = _tilings(network, self.rows, self.columns)
        if all(tiling.fits for tiling in tilings):
            return tilings
        side = 1
        while not all(tiling.fits for tiling in _tilings(network, side, side)):
            side += 1
        worst = max(tilings, key=lambda tiling: tiling.die_bytes)
        raise ModelTooLarge(
            f"{network.layers} layers of {network.hidden} units with {network.inputs} inputs "
            f"need {worst.units_per_die} units and {worst.die_bytes} bytes in each die of "
            f"{self}, which has {UNITS_PER_DIE} units and {DIE_BYTES} bytes; "
            f"open muntaniala:{side}x{side}",
            field="backend",
            needed_bytes=worst.die_bytes,
            available_bytes=DIE_BYTES,
            needed_dies=side * side,
            available_dies=self.dies,
        )


def _tilings(network: Network, rows: int, columns: int) -> tuple[Tiling, ...]:
    return tuple(
        Tiling(rows=rows, columns=columns, hidden=network.hidden, inputs=inputs)
        for inputs in [network.inputs, *[network.hidden] * (network.layers - 1)]
    )


def _ceil_div(total: int, parts: int) -> int:
    return -(-total // parts)


def _part(total: int, size: int, index: int) -> slice:
    return slice(min(index * size, total), min((index + 1) * size, total))
