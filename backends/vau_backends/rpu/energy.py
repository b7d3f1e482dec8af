"""Seconds and joules from actions: docs/rpu-spec-0.md, section 7.

Two boundaries, never mixed: the core is the chip, and what was published; the system is the
core and the DRAM that streamed weights come from. What the chip leaks between two chunks is
in neither, since a chunk does not know who comes next: ``Account.idle_j``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from vau.estimate import rate_fault
from vau_backends.rpu import constants
from vau_backends.rpu.cycles import Actions

METHOD: Final = "rpu-energy/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Joules of each action. Control takes what the published power leaves."""

    multiply_j: float = constants.MULTIPLY.value
    add_j: float = constants.ADD.value
    weight_read_j: float = constants.WEIGHT_READ.value
    broadcast_j: float = constants.BROADCAST.value
    neuron_step_j: float = constants.NEURON_STEP.value
    row_fill_j: float = constants.BANK_ROW.value
    leakage_w: float = constants.LEAKAGE.value

    def __post_init__(self) -> None:
        if not self.control_j > 0.0:
            raise ValueError(
                f"these rates leave {self.control_j:g} J of the published power for the "
                "control of a cycle; lower leakage_w or the joules of an action"
            )

    @property
    def control_j(self) -> float:
        """Joules of control, clock and wires in a cycle: the one number that is fitted."""
        lane_j = self.multiply_j + self.add_j + self.weight_read_j
        return constants.control_j(self.leakage_w, lane_j, self.broadcast_j)


Row = tuple[str, str, Callable[[Rates], float]]
"""Component, the action that it is charged for, and the joules of one."""

ROWS: Final[tuple[Row, ...]] = (
    ("multiply", "macs", lambda rates: rates.multiply_j),
    ("accumulate", "macs", lambda rates: rates.add_j),
    ("weight_reads", "weight_reads", lambda rates: rates.weight_read_j),
    ("broadcast", "broadcasts", lambda rates: rates.broadcast_j),
    ("control", "cycles", lambda rates: rates.control_j),
    ("element_wise", "neuron_steps", lambda rates: rates.neuron_step_j),
    ("fill", "rows_filled", lambda rates: rates.row_fill_j),
)
"""The chip's components that act. Leakage goes by time; DRAM is no part of the chip."""

DRAM_ACTION: Final = "dram_bytes"


def active_parts(
    counts: tuple[tuple[str, int], ...], rates: Rates, rows: tuple[Row, ...] = ROWS
) -> tuple[tuple[str, float], ...]:
    """Return (component, joules) of what the chip's components do.

    counts: (action, how often).
    Raises  LookupError if nothing is charged for an action: it would pass for free.
    """
    counted = dict(counts)
    uncharged = sorted(counted.keys() - {action for _, action, _ in rows} - {DRAM_ACTION})
    if uncharged:
        raise LookupError(
            f"no row of the energy table is charged for {', '.join(uncharged)}; add one"
        )
    return tuple((part, counted[action] * joules(rates)) for part, action, joules in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What some actions take, as one piece of work, once it has begun.

    Its means, by the second or by the joule, are none if there is no action: asking for one
    raises ZeroDivisionError.
    """

    actions: Actions
    rates: Rates = Rates()
    clock_hz: float = constants.CLOCK.value
    dram_bytes_per_s: float = constants.DRAM_BANDWIDTH.value

    def __post_init__(self) -> None:
        for name in ("clock_hz", "dram_bytes_per_s"):
            if fault := rate_fault(name, getattr(self, name)):
                raise ValueError(fault)

    @property
    def compute_s(self) -> float:
        """Seconds in which the chip is clocked."""
        return self.actions.cycles / self.clock_hz

    @property
    def dram_s(self) -> float:
        """Seconds in which weights arrive."""
        return self.actions.dram_bytes / self.dram_bytes_per_s

    @property
    def latency_s(self) -> float:
        """Seconds from its beginning to its end: weights arrive while the chip computes."""
        return max(self.compute_s, self.dram_s)

    @property
    def dram_cycles(self) -> int:
        """Cycles of the chip's clock, rounded up, in which weights arrive."""
        cycles = self.actions.dram_bytes * Fraction(self.clock_hz)
        return math.ceil(cycles / Fraction(self.dram_bytes_per_s))

    @property
    def stall_cycles(self) -> int:
        """Those of them for which the chip waits."""
        return max(0, self.dram_cycles - self.actions.cycles)

    @property
    def active_j(self) -> float:
        """Joules of the chip without leakage."""
        return sum(joules for _, joules in active_parts(self.actions.by_name(), self.rates))

    @property
    def core_parts(self) -> tuple[tuple[str, float], ...]:
        """(component, joules) of the chip; while it waits for weights it leaks and no more."""
        active = active_parts(self.actions.by_name(), self.rates)
        return (*active, ("leakage", self.rates.leakage_w * self.latency_s))

    @property
    def core_j(self) -> float:
        """Joules of the chip: what was published."""
        return sum(joules for _, joules in self.core_parts)

    @property
    def dram_j(self) -> float:
        """Joules of the DRAM."""
        return 8 * self.actions.dram_bytes * constants.DRAM_BIT.value

    @property
    def system_parts(self) -> tuple[tuple[str, float], ...]:
        """(component, joules) of chip and DRAM."""
        return (*self.core_parts, ("dram", self.dram_j))

    @property
    def system_j(self) -> float:
        """Joules of chip and DRAM."""
        return sum(joules for _, joules in self.system_parts)

    def idle_j(self, period_s: float, *, power_gated: bool = False) -> float:
        """Return the joules that the chip leaks in the rest of a period, doing nothing.

        power_gated: cut off from its supply, and not just from its clock.
        """
        share = constants.GATED_LEAKAGE.value if power_gated else 1.0
        return share * self.rates.leakage_w * max(0.0, period_s - self.latency_s)

    @property
    def core_w(self) -> float:
        """Mean power of the chip meanwhile."""
        return self.core_j / self.latency_s

    @property
    def operations_per_s(self) -> float:
        """Multiplications and additions a second."""
        return self.actions.operations / self.latency_s

    @property
    def operations_per_j(self) -> float:
        """The same per joule of the chip."""
        return self.actions.operations / self.core_j
