"""How a layer lies on an array of dies, and what is assumed of the dies.

Ref: doi:10.1109/TCSI.2021.3099716: dies tile into a systolic array, parameters stay on
     them, and only new features and partial results cross. The split of units and columns
     below is docs/munt-spec-0.md, section 3.
"""

import re
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, Final, Literal, Self

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
PEEPHOLE_GATES: Final = 3  # i, f and o


def _bytes(columns: int, *, peephole: bool) -> int:
    """Return the bytes of a die with so many columns of weights, its biases included."""
    per_unit = GATES * columns + GATES + (PEEPHOLE_GATES if peephole else 0)
    return UNITS_PER_DIE * per_unit


DIE_BYTES: Final = _bytes(DIE_COLUMNS, peephole=False)  # 84,480: 880 for each unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """What ``munt-spec-0`` assumes where the papers are silent: one field per question.

    Another value is another arithmetic, and is offered once the specification defines it to
    the bit.
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
            value, legal = getattr(self, knob.name), _legal(knob)
            if value not in legal:
                raise ValueError(
                    f"{knob.name}={value!r} is not offered; "
                    f"{SPEC} defines {', '.join(map(repr, legal))}"
                )

    def turned(self, setting: str) -> Self:
        """Return them with one turned, for example by "acc=wide".

        Raises ValueError, saying what is legal, if that is no setting of a knob.
        """
        name, _, text = setting.partition("=")
        knobs = {knob.name: knob for knob in fields(self)}
        if name not in knobs:
            raise ValueError(
                f"{setting!r} sets no knob; acc can be set, and fixed are "
                f"{', '.join(knob for knob in knobs if knob != 'acc')}"
            )
        if name == "peephole":
            raise ValueError("peephole is set by the model: network.peephole of its card")
        values = {str(value): value for value in _legal(knobs[name])}
        return replace(self, **{name: values.get(text, text)})

    @property
    def order_matters(self) -> bool:
        """Whether a sum depends on the order of its terms, hence on the die columns."""
        return self.acc == "sat"


def _legal(knob: Field[Any]) -> tuple[Any, ...]:
    """Return the values that a knob may have: most have no other than munt-spec-0's."""
    offered: dict[str, tuple[Any, ...]] = {
        "acc": ("sat", "wrap", "wide"),
        "peephole": (False, True),
    }
    return offered.get(knob.name, (knob.default,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """One layer on ``rows`` x ``columns`` dies: which units and inputs each die holds.

    Slices may be short or empty at the end.
    """

    rows: int
    columns: int
    hidden: int
    inputs: int
    peephole: bool = False
    """Whether each unit has three more weights, by which its gates see c."""

    def __post_init__(self) -> None:
        for name in ("rows", "columns", "hidden", "inputs"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(f"{name}={value} is less than 1")

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
        return _bytes(self.x_per_die + self.h_per_die, peephole=self.peephole)

    @property
    def available_bytes(self) -> int:
        """Memory of a die; one with peepholes is taken to have room for them as well."""
        return _bytes(DIE_COLUMNS, peephole=self.peephole)

    @property
    def fits(self) -> bool:
        """Whether every die has the units and the memory for its share."""
        return self.units_per_die <= UNITS_PER_DIE and self.die_bytes <= self.available_bytes


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
    def parse(cls, instance: str, default: Self | None = None) -> Self:
        """Read "4x4", rows first, or "4x4+acc=wide"; with a default, "+acc=wide" and "" too.

        default: gives what ``instance`` does not say.
        Raises   BackendNotFound if it says anything else.
        """
        dies, *settings = instance.split("+")
        match = re.fullmatch(r"([1-9][0-9]{0,2})x([1-9][0-9]{0,2})", dies, re.ASCII)
        if match is None and (dies or default is None):
            raise BackendNotFound(
                f"muntaniala:{instance}: an array is named by its rows and columns of dies, "
                "1 to 999 of each, for example muntaniala:4x4",
                field="backend",
            )
        names = [setting.partition("=")[0] for setting in settings]
        if len(set(names)) < len(names):
            raise BackendNotFound(
                f"muntaniala:{instance}: a knob is set twice; name each once", field="backend"
            )
        array = default or cls(rows=1, columns=1)
        if match is not None:
            array = replace(array, rows=int(match[1]), columns=int(match[2]))
        try:
            for setting in settings:
                array = replace(array, knobs=array.knobs.turned(setting))
        except ValueError as cause:
            raise BackendNotFound(f"muntaniala:{instance}: {cause}", field="backend") from cause
        return array

    @classmethod
    def square_for(cls, hidden: int, knobs: Knobs | None = None) -> Self:
        """Return the least square array with enough units, by the units alone."""
        side = _ceil_div(hidden, UNITS_PER_DIE)
        return cls(rows=side, columns=side, knobs=knobs or Knobs())

    def __str__(self) -> str:
        return f"{self.rows}x{self.columns}{self._accumulator}"

    @property
    def _accumulator(self) -> str:
        return "" if self.knobs.acc == "sat" else f"+acc={self.knobs.acc}"

    @property
    def dies(self) -> int:
        """How many dies one layer occupies."""
        return self.rows * self.columns

    @property
    def arithmetic_id(self) -> str:
        """What decides the bits: the order of saturating sums depends on the columns."""
        peephole = "+peephole" if self.knobs.peephole else ""
        order = f"/C{self.columns}" if self.knobs.order_matters else ""
        return f"{SPEC}{self._accumulator}{peephole}{order}"

    def tile(self, network: Network) -> tuple[Tiling, ...]:
        """Lay each layer of ``network`` on an array of its own.

        Raises ModelTooLarge if a die would need more units or more memory than it has,
        ValueError if either has peepholes and the other has not.
        """
        if network.peephole != self.knobs.peephole:
            raise ValueError(
                f"network.peephole={network.peephole}, but the dies have "
                f"peephole={self.knobs.peephole}; give them the network's"
            )
        tilings = _tilings(network, self.rows, self.columns)
        if all(tiling.fits for tiling in tilings):
            return tilings
        raise self._too_small_for(network)

    def _too_small_for(self, network: Network) -> ModelTooLarge:
        """Say which limit of a die is passed, and what would be enough."""
        worst = widest(network, self.rows, self.columns)
        if worst.units_per_die > UNITS_PER_DIE:
            reason = (
                f"{worst.hidden:,} hidden units on {self.rows} rows of dies are "
                f"{worst.units_per_die:,} in a die, which has {UNITS_PER_DIE}"
            )
        else:
            reason = (
                f"the weights of {worst.x_per_die:,} inputs and {worst.h_per_die:,} hidden "
                f"units take {worst.die_bytes:,} bytes in a die, which has "
                f"{worst.available_bytes:,}"
            )
        least = replace(least_square(network), knobs=self.knobs)
        return ModelTooLarge(
            f"{self}: {reason}; open muntaniala:{least}",
            field="backend",
            needed_bytes=worst.die_bytes,
            available_bytes=worst.available_bytes,
            needed_dies=least.dies,
            available_dies=self.dies,
        )


def least_square(network: Network) -> DieArray:
    """Return the least square of dies with enough units and enough memory for each layer."""
    whole = widest(network, 1, 1)
    side = max(
        _ceil_div(whole.hidden, UNITS_PER_DIE),
        _ceil_div(whole.hidden + whole.inputs, DIE_COLUMNS),
    )
    while not widest(network, side, side).fits:
        side += 1  # seldom: where the slices of x and h are both rounded up
    return DieArray(rows=side, columns=side, knobs=Knobs(peephole=network.peephole))


def widest(network: Network, rows: int, columns: int) -> Tiling:
    """Return the layer that needs most of a die: the network fits if, and only if, it does."""
    lowest_two = replace(network, layers=min(network.layers, 2))  # the others are as the second
    return max(_tilings(lowest_two, rows, columns), key=lambda tiling: tiling.inputs)


def _tilings(network: Network, rows: int, columns: int) -> tuple[Tiling, ...]:
    return tuple(
        Tiling(
            rows=rows,
            columns=columns,
            hidden=network.hidden,
            inputs=inputs,
            peephole=network.peephole,
        )
        for inputs in [network.inputs, *[network.hidden] * (network.layers - 1)]
    )


def _ceil_div(total: int, parts: int) -> int:
    return -(-total // parts)


def _part(total: int, size: int, index: int) -> slice:
    return slice(min(index * size, total), min((index + 1) * size, total))
