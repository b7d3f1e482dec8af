"""What each operation reads, computes and writes, in the integers of ``cell.py``.

The banks are as small as the schedule can do with: the accumulators and the pre-activations
of a tile serve the next tile, h has two halves for even and odd steps, and so has what goes
from layer to layer.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from vau_backends.rpu.cell import Ints, aligned_sum, next_cell, pre_activation
from vau_backends.rpu.fixedpoint import HIDDEN_FRACTION_BITS, round_off, saturate
from vau_backends.rpu.form import LANES, UNITS_PER_TILE, Form
from vau_backends.rpu.schedule.operations import ALL_GATES, GATE_NAMES, Kind, Operation, Turn
from vau_backends.rpu.schedule.registers import Place, Registers
from vau_backends.rpu.tables import sigmoid, tanh_of_cell, tanh_of_gate
from vau_backends.rpu.weights import LayerWeights

GATE_ACTIVATIONS: Final = (sigmoid, sigmoid, tanh_of_gate, sigmoid)  # i, f, g, o

Writes = list[tuple[Place, Ints]]


class Datapath:
    """The registers of a chip, the weights in it, and what operations do to them."""

    def __init__(self, layers: Sequence[LayerWeights], form: Form) -> None:
        self.layers = layers
        self.registers = Registers()
        self.hidden = range(layers[0].w_h.shape[1])
        self._serial = form.schedule == "serial"
        self._operations: dict[Kind, Callable[[Operation], Writes]] = {
            "W x": self._multiply_x,
            "U h": self._multiply_h,
            "sum and bias": self._join,
            "gates": self._look_up_gates,
            "new c": self._new_c,
            "tanh(c)": self._look_up_cell,
            "new h": self._new_h,
        }

    def results(self, issue: Operation) -> Writes:
        """Read the operands and compute; what comes out is not written yet.

        Raises ScheduleFault for an operand that is not there.
        """
        return self._operations[issue.kind](issue)

    # --- where things are ----------------------------------------------------------------

    def x(self, turn: Turn) -> Place:
        """Locate a layer's input: features, or h of the layer below."""
        inputs = self.layers[0].w_x.shape[1] if turn.layer == 0 else len(self.hidden)
        bank = f"x of step {turn.step}, stream {turn.stream}, half {turn.layer % 2}"
        return Place(bank, "x", turn, range(inputs), inputs)

    def h(self, turn: Turn) -> Place:
        """Locate the h that a step begins with."""
        bank = f"h of layer {turn.layer + 1}, stream {turn.stream}, half {turn.step % 2}"
        return Place(bank, "h", turn, self.hidden, len(self.hidden))

    def c(self, turn: Turn) -> Place:
        """Locate the c that a step begins with."""
        bank = f"c of layer {turn.layer + 1}, stream {turn.stream}"
        return Place(bank, "c", turn, self.hidden, len(self.hidden))

    def _waiting_sum(self, issue: Operation, gate: int) -> Place:
        """Locate W x, until its U h is there: of one frame, or of all frames of a layer."""
        step, stream = issue.turn.step, issue.turn.stream
        frame = "" if self._serial else f" of step {step}, stream {stream}"
        value = f"W x for {GATE_NAMES[gate]}"
        bank = f"waiting sums {gate}{frame}"
        return Place(bank, value, issue.turn, issue.units, len(self.hidden))

    def _accumulators(self, issue: Operation, gate: int) -> Place:
        """Locate U h. With the gates one after the other, all lanes are every gate's."""
        value = f"U h for {GATE_NAMES[gate]}"
        if self._serial:
            return Place("accumulators", value, issue.turn, issue.units, LANES)
        bank = f"accumulators of cluster {gate + 1}"
        return Place(bank, value, issue.turn, issue.units, UNITS_PER_TILE)

    def _pre_activation(self, issue: Operation, gate: int) -> Place:
        """Locate what the element-wise pipeline takes next: of a tile, or of a whole layer."""
        bank = f"pre-activations {GATE_NAMES[gate]}"
        width = len(self.hidden) if self._serial else UNITS_PER_TILE
        return Place(bank, "p", issue.turn, issue.units, width)

    def _on_its_way(self, issue: Operation, value: str) -> Place:
        """Locate what travels along the pipeline: nothing can overtake it."""
        bank = f"pipeline with {value} of {issue.turn}"
        return Place(bank, value, issue.turn, issue.units, len(self.hidden))

    # --- what happens to them ------------------------------------------------------------

    def _multiply_x(self, issue: Operation) -> Writes:
        (gate,), layer = issue.gates, self.layers[issue.turn.layer]
        x = self.registers.read(self.x(issue.turn))
        product = layer.w_x[self._rows(gate, issue.units)].astype(np.int64) @ x
        return [(self._waiting_sum(issue, gate), product)]

    def _multiply_h(self, issue: Operation) -> Writes:
        (gate,), layer = issue.gates, self.layers[issue.turn.layer]
        h = self.registers.read(self.h(issue.turn))
        product = layer.w_h[self._rows(gate, issue.units)].astype(np.int64) @ h
        return [(self._accumulators(issue, gate), product)]

    def _join(self, issue: Operation) -> Writes:
        layer, writes = self.layers[issue.turn.layer], Writes()
        for gate in issue.gates:
            sum_x = self.registers.read(self._waiting_sum(issue, gate))
            sum_h = self.registers.read(self._accumulators(issue, gate))
            bias = layer.bias[self._rows(gate, issue.units)].astype(np.int64)
            wide = aligned_sum(sum_x, sum_h, bias, layer.alignment)
            p = pre_activation(wide, layer.alignment)
            writes.append((self._pre_activation(issue, gate), p))
        return writes

    def _look_up_gates(self, issue: Operation) -> Writes:
        writes = Writes()
        for gate, activation in zip(ALL_GATES, GATE_ACTIVATIONS, strict=True):
            p = self.registers.read(self._pre_activation(issue, gate))
            writes.append((self._on_its_way(issue, GATE_NAMES[gate]), activation(p)))
        return writes

    def _new_c(self, issue: Operation) -> Writes:
        turn = issue.turn
        i, f, g = (self.registers.read(self._on_its_way(issue, name)) for name in "ifg")
        before = self.registers.read(self.c(turn)._replace(units=issue.units))
        c = saturate(next_cell(i, f, g, before), 16)
        after = self.c(turn._replace(step=turn.step + 1))._replace(units=issue.units)
        return [(after, c), (self._on_its_way(issue, "c"), c)]

    def _look_up_cell(self, issue: Operation) -> Writes:
        c = self.registers.read(self._on_its_way(issue, "c"))
        return [(self._on_its_way(issue, "tanh(c)"), tanh_of_cell(c))]

    def _new_h(self, issue: Operation) -> Writes:
        turn = issue.turn
        o, tanh_c = (
            self.registers.read(self._on_its_way(issue, it)) for it in ("o", "tanh(c)")
        )
        h = round_off(o * tanh_c, HIDDEN_FRACTION_BITS)
        after = self.h(turn._replace(step=turn.step + 1))._replace(units=issue.units)
        above = self.x(turn._replace(layer=turn.layer + 1))._replace(units=issue.units)
        return [(after, h), (above, h)]

    def _rows(self, gate: int, units: range) -> slice:
        """Return where a gate's weights for these units are in a layer's matrices."""
        first = gate * len(self.hidden)
        return slice(first + units.start, first + units.stop)
