"""What the pins of an array showed in every cycle, and where that is first not as foretold.

A trace has one record for each cycle, as hardware/sim/board.cpp writes it: the in-bus, then
what each die drives, then, in a library made for proof, where each die is in its step, and its
sums.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau_backends.board.virtual.parameters import Parameters

Bytes = NDArray[np.uint8]

BUS: Final = ("bus valid", "bus command", "bus data", "bus parity")
DIE: Final = (
    "east valid",
    "east data",
    "east parity",
    "back valid",
    "back data",
    "back parity",
)
AROUND: Final = 4
"""Cycles before and after a divergence that its message shows."""


@dataclass(frozen=True)
class Layout:
    """Which byte of a record is which pin."""

    parameters: Parameters
    is_proof: bool
    """Phase, gate, index and sums of every die follow its pins."""

    @property
    def dies(self) -> int:
        """How many there are, row by row."""
        return self.parameters.rows * self.parameters.columns

    @property
    def width(self) -> int:
        """Bytes of a record."""
        return self.inside(self.dies) if self.is_proof else self.inside(0)

    def east(self, die: int) -> int:
        """Where valid, data and parity of a die's sums are."""
        return len(BUS) + len(DIE) * die

    def back(self, die: int) -> int:
        """Where valid, data and parity of what a die drives onto the in-bus are."""
        return self.east(die) + 3

    def inside(self, die: int) -> int:
        """Where a die's phase, gate, index (2) and sums (2 each, low byte first) are."""
        return len(BUS) + len(DIE) * self.dies + (4 + 2 * self.parameters.units) * die

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What each byte of a record is called."""
        return tuple(self._names())

    def _names(self) -> Iterator[str]:
        yield from BUS
        places = [
            f"die {row * self.parameters.columns + column} (row {row}, column {column})"
            for row in range(self.parameters.rows)
            for column in range(self.parameters.columns)
        ]
        for place in places:
            yield from (f"{place} {pin}" for pin in DIE)
        if self.is_proof:
            for place in places:
                yield from (f"{place} {of}" for of in ("phase", "gate", "index", "index, high"))
                for unit in range(self.parameters.units):
                    yield f"{place} sum of unit {unit}"
                    yield f"{place} sum of unit {unit}, high"

    def records(self, traced: bytes) -> Bytes:
        """Return a trace with shape (cycles, width)."""
        return np.frombuffer(traced, np.uint8).reshape(-1, self.width)


@dataclass(slots=True)
class Prediction:
    """What the pins should show: silence, until something is drawn in."""

    pins: Bytes
    """Shape (cycles, width)."""

    matters: NDArray[np.bool_]
    """Same shape; what a link without a beat shows, and sums that never began, do not."""

    steps: list[tuple[int, int]] = field(default_factory=list)
    """First cycle, and the one after the last, of each step that was foretold."""

    @classmethod
    def silence(cls, cycles: int, width: int) -> "Prediction":
        """Nothing happens, and everything matters."""
        return cls(np.zeros((cycles, width), np.uint8), np.ones((cycles, width), np.bool_))

    def draw(self, first: int, last: int, at: int, values: Iterable[int]) -> None:
        """Let the pins from ``at`` on show ``values`` from one cycle to before another."""
        shown = np.array([*values], np.uint8)
        end = at + shown.size
        self.pins[first:last, at:end] = shown
        self.matters[first:last, at:end] = True


def first_divergence(layout: Layout, traced: Bytes, foretold: Prediction) -> str:
    """Say in which cycle and at which pin a trace is first not as foretold; empty if never."""
    wrong = (traced != foretold.pins) & foretold.matters
    rows = np.flatnonzero(wrong.any(axis=1))
    if not rows.size:
        return ""
    cycle = int(rows[0])
    pins = np.flatnonzero(wrong[cycle])
    pin = int(pins[0])
    others = f", and {pins.size - 1} more in this cycle" if pins.size > 1 else ""
    lines = [
        (
            f"cycle {cycle}{_within(foretold, cycle)}: {layout.names[pin]} is "
            f"{traced[cycle, pin]:#04x}, should be {foretold.pins[cycle, pin]:#04x}{others}"
        ),
        f"{'cycle':>9}  is    should be",
    ]
    for near in range(max(0, cycle - AROUND), min(len(traced), cycle + AROUND + 1)):
        mark = " <" if wrong[near, pin] else ""
        due = f"{foretold.pins[near, pin]:#04x}" if foretold.matters[near, pin] else "any"
        lines.append(f"{near:>9}  {traced[near, pin]:#04x}  {due}{mark}")
    return "\n".join(lines)


def _within(foretold: Prediction, cycle: int) -> str:
    """Say in which cycle of which step that is, both counted from 1."""
    for number, (first, last) in enumerate(foretold.steps, 1):
        if first <= cycle < last:
            return f" (cycle {cycle - first + 1} of {last - first} of step {number})"
    return f" (behind step {sum(last <= cycle for _, last in foretold.steps)})"
