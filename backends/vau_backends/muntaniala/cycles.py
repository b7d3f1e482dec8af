"""What the dies of one layer do for one frame: cycles by phase, and actions by kind.

The terms are docs/munt-spec-0.md, section 6: a fit to the one latency that was published
(doi:10.1109/TCSI.2021.3099716: 192 hidden units, 10 MHz, 330 us). Energy is computed from
the actions and from nothing else; see ``energy.py``.
"""

from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, fields
from typing import Final, Self

from vau_backends.muntaniala.array import GATES, Tiling

CYCLES_PER_BEAT: Final = 2  # of an 8-bit link
PARTIAL_SUM_BEATS: Final = 2  # 16 bits
LUT_READS: Final = 5  # per unit through one port: i, f, g, o and tanh(c)
CONTROL_CYCLES: Final = 4 * GATES + 6  # four per gate, six for the element-wise part
OPERATIONS_PER_MAC: Final = 2  # a multiplication and an addition


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCycles:
    """Where the cycles of one layer's step go. The phases follow each other."""

    load_x: int
    """The host feeds x to the columns, element by element."""

    mac: int
    """One column of weights a cycle, for each gate in turn."""

    partial_sums: int
    """Sums travel along the row, pipelined over the units of a die."""

    activation: int
    """Table reads, unit by unit."""

    exchange_h: int
    """The new h goes back to the columns, element by element."""

    control: int = CONTROL_CYCLES

    @classmethod
    def of(cls, tiling: Tiling) -> "LayerCycles":
        """Count one step of one layer on its array."""
        units, hops = tiling.units_per_die, tiling.columns - 2
        beats = GATES * PARTIAL_SUM_BEATS * (units + hops) if tiling.columns > 1 else 0
        return cls(
            load_x=tiling.inputs * CYCLES_PER_BEAT,
            mac=GATES * (tiling.x_per_die + tiling.h_per_die),
            partial_sums=beats * CYCLES_PER_BEAT,
            activation=LUT_READS * units,
            exchange_h=tiling.hidden * CYCLES_PER_BEAT,
        )

    @property
    def total(self) -> int:
        """Cycles from the first element of x to the last of h."""
        return sum(astuple(self))

    def by_phase(self) -> tuple[tuple[str, int], ...]:
        """Return the phases by name, in their order."""
        return tuple(asdict(self).items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """How often each thing happens for one frame, over all dies of a layer or a network.

    Work on padding counts where hardware does it (cycles), and not where it means nothing
    (operations, beats, reads).
    """

    die_cycles: int = 0
    """Each die of a layer is clocked through all phases of its step."""

    multiplying_die_cycles: int = 0
    """Those in which the multipliers of a die work."""

    macs: int = 0
    """Multiply-accumulates with the network's weights."""

    x_beats: int = 0
    """Bytes of x on the links from the host."""

    partial_sum_beats: int = 0
    """Bytes of partial sums from die to die."""

    h_beats: int = 0
    """Bytes of new h on their way back."""

    table_reads: int = 0
    control_cycles: int = 0
    """Die-cycles in which nothing but the control moves."""

    @classmethod
    def of(cls, tiling: Tiling) -> Self:
        """Count one step of one layer on its array."""
        cycles, dies = LayerCycles.of(tiling), tiling.rows * tiling.columns
        hops = tiling.columns - 1
        return cls(
            die_cycles=dies * cycles.total,
            multiplying_die_cycles=dies * cycles.mac,
            macs=GATES * tiling.hidden * (tiling.inputs + tiling.hidden),
            x_beats=tiling.inputs,
            partial_sum_beats=GATES * PARTIAL_SUM_BEATS * tiling.hidden * hops,
            h_beats=tiling.hidden,
            table_reads=LUT_READS * tiling.hidden,
            control_cycles=dies * cycles.control,
        )

    @classmethod
    def of_all(cls, tilings: Iterable[Tiling]) -> Self:
        """Count one step of every layer."""
        columns = zip(*(astuple(cls.of(tiling)) for tiling in tilings), strict=True)
        names = (each.name for each in fields(cls))
        return cls(**dict(zip(names, map(sum, columns), strict=True)))

    @property
    def operations(self) -> int:
        """Multiplications and additions, as publications count them."""
        return OPERATIONS_PER_MAC * self.macs

    @property
    def link_beats(self) -> int:
        """Bytes on all links."""
        return self.x_beats + self.partial_sum_beats + self.h_beats

    def by_name(self) -> tuple[tuple[str, int], ...]:
        """Return the counts by name."""
        return tuple(asdict(self).items())
