"""An array of dies as it looks from outside: from what the host says on the in-bus, every pin.

Written from docs/munt-spec-0.md (sections 2 to 6) and the instructions of rtl/bus.sv. It shares
no code with the RTL or with the model that serves: where those are wrong alike, it has to be
wrong a third time. Faults, and a reset of the dies, are not foretold.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from tests.rtl.die_model import (
    BIASES,
    FEATURES,
    GATES,
    HIDDEN,
    WEIGHTS,
    Configuration,
    Die,
    Words,
)
from tests.rtl.pins import Bytes, Layout, Prediction
from vau_backends.muntaniala.tables import SIGMOID, TANH

SELECT, CONFIG, CLEAR, WRITE, READ, START = 1, 2, 3, 4, 5, 6
ARGUMENTS: Final = {SELECT: 2, CONFIG: 9, CLEAR: 1, WRITE: 3, READ: 5, START: 1}
ANY: Final = 255
CANDIDATE: Final = 2
"""Gates stand in the order i, f, g, o, and g has the table of tanh."""

# Numbers of the phases in docs/vau-link-1.md.
X, BIAS, MAC, DRAIN, PSUM, ACT, ACT_DRAIN, CELL, CELL_DRAIN, H = range(1, 11)


def saturated(exact: Words) -> Words:
    """SAT16."""
    return exact.clip(-32768, 32767)


def odd_parity(data: int, flag: int = 0) -> int:
    """Return the bit that makes the ones of a beat odd in number."""
    return 1 - (data.bit_count() + flag) % 2


@dataclass
class Seen:
    """What the steps went through, to be asked whether they went everywhere."""

    clamps: Counter[str] = field(default_factory=Counter)
    tanh: set[int] = field(default_factory=set)
    sigmoid: set[int] = field(default_factory=set)
    """Indexes at which the tables were read, -128 to 127."""


class ArrayModel:
    """The dies of a board, side by side."""

    def __init__(self, layout: Layout) -> None:
        """Power them up."""
        p = layout.parameters
        self._layout, self._beat = layout, p.cycles_per_beat
        self._columns = p.columns
        self._dies = [Die(p.units, p.inputs, p.contexts) for _ in range(layout.dies)]
        self._selected: list[int] = []
        self.seen = Seen()
        self.events: Counter[str] = Counter()
        """Clamps of real units in all steps: mac, chain, cell."""

    def foretell(self, traced: Bytes) -> Prediction:
        """Return all pins of all cycles; only the beats of the host are taken over."""
        self._traced = traced
        self._foretold = Prediction.silence(*traced.shape)
        self._sums = dict[int, tuple[int, bytes]]()  # of a die, and since when
        for die in range(self._layout.dies):
            at = self._layout.east(die) + 1
            self._foretold.matters[:, at : at + 2] = False
            if self._layout.is_proof:
                sums = self._layout.inside(die) + 4
                end = sums + 2 * self._layout.parameters.units
                self._foretold.matters[:, sums:end] = False
        at = 0
        while (at := self._next_beat(at)) < len(traced):
            at = self._instruction(at)
        for die in self._sums:
            self._draw_sums(die, len(traced), np.zeros(0, np.int64))
        return self._foretold

    # --- the in-bus ---------------------------------------------------------------------------

    def _next_beat(self, at: int) -> int:
        """Return the cycle from ``at`` on in which the host begins to speak, or the end."""
        valid = np.flatnonzero(self._traced[at:, 0])
        return at + int(valid[0]) if valid.size else len(self._traced)

    def _beat_of_host(self, at: int) -> tuple[int, int]:
        """Return command and data of a beat that begins at ``at``: it stays, and is whole."""
        command, data = int(self._traced[at, 1]), int(self._traced[at, 2])
        parity = odd_parity(data, command)
        self._foretold.draw(at, at + self._beat, 0, (1, command, data, parity))
        return command, data

    def _instruction(self, at: int) -> int:
        """Follow what begins with a command at ``at``; return where the next one may."""
        _, command = self._beat_of_host(at)
        at += self._beat
        arguments = list[int]()
        while len(arguments) < ARGUMENTS.get(command, 0) and at < len(self._traced):
            arguments.append(self._beat_of_host(at)[1])
            at += self._beat
        match command:
            case _ if at >= len(self._traced):
                pass
            case 1:  # SELECT
                row, column = arguments
                self._selected = [
                    die
                    for die in range(len(self._dies))
                    if row in {ANY, die // self._columns}
                    and column in {ANY, die % self._columns}
                ]
            case 2:  # CONFIG
                self._configure(bytes(arguments))
            case 3:  # CLEAR
                for die in self._dies:
                    die.clear(arguments[0])
            case 4:  # WRITE
                return self._write(at, arguments[0], arguments[1] | arguments[2] << 8)
            case 5:  # READ
                return self._read(at, bytes(arguments))
            case 6:  # START
                return self._step(at, arguments[0])
            case _:
                pass
        return at

    def _configure(self, told: bytes) -> None:
        columns, row_units, units, x_slice, h_slice = told[:5]
        inputs, hidden = (int.from_bytes(told[at : at + 2], "little") for at in (5, 7))
        config = Configuration(columns, row_units, units, x_slice, h_slice, inputs, hidden)
        for die in self._selected:
            has_part = die % self._columns < config.columns
            self._dies[die].config = config if has_part else None

    def _write(self, at: int, region: int, address: int) -> int:
        """Take the bytes up to the next command."""
        data = bytearray()
        while at < len(self._traced) and self._traced[at, 0] and not self._traced[at, 1]:
            data.append(self._beat_of_host(at)[1])
            at += self._beat
        for die in self._selected:
            self._dies[die].write(region, address, bytes(data))
        return at

    def _read(self, at: int, arguments: bytes) -> int:
        """Let the die that is selected answer: from the word's fetch on, a byte per beat.

        The last argument is taken in its second cycle; the word is fetched in the next one, and
        its first byte launched at the end of a beat that begins there.
        """
        region, address, size = (
            arguments[0],
            int.from_bytes(arguments[1:3], "little"),
            int.from_bytes(arguments[3:], "little"),
        )
        first = at - self._beat + 2 + self._beat
        for die in self._selected:
            for number, data in enumerate(self._dies[die].read(region, address, size)):
                self._answer(die, first + number * self._beat, data)
        return first + size * self._beat

    def _answer(self, die: int, at: int, data: int) -> None:
        """Let a die drive a beat onto the in-bus."""
        beat = (1, data, odd_parity(data))
        self._foretold.draw(at, at + self._beat, self._layout.back(die), beat)
        self._foretold.draw(at, at + self._beat, 0, (1, 0, *beat[1:]))

    # --- a step -------------------------------------------------------------------------------

    def _step(self, at: int, context: int) -> int:
        """Play a step whose first beat of x begins at ``at``; return where it is over."""
        running = [die for die in range(len(self._dies)) if self._dies[die].config is not None]
        if not running:
            return at
        begin = at
        config = self._dies[running[0]].config
        assert config is not None
        for die in running:
            self._dies[die].events.clear()
        at = self._take_x(at, running, config, context)
        gates = list[dict[int, Words]]()
        for gate in range(GATES):
            at, activated = self._gate(at, gate, running, config, context)
            gates.append(activated)
        at = self._phase(at, CELL, 0, config.row_units, 1, running)
        at = self._phase(at, CELL_DRAIN, 0, 6, 1, running)
        hidden = {row: self._cell(row, gates, config, context) for row in gates[0]}
        at = self._return_h(at, hidden, running, config, context)
        self._foretold.steps.append((begin, at))
        for die in running:
            self.events += self._dies[die].events
        return at

    def _phase(
        self, at: int, phase: int, gate: int, indexes: int, cycles: int, running: Iterable[int]
    ) -> int:
        """Draw where the dies are in their step; return where the phase is over."""
        for index in range(indexes):
            if self._layout.is_proof:
                where = (phase, gate, index & 0xFF, index >> 8)
                for die in running:
                    self._foretold.draw(at, at + cycles, self._layout.inside(die), where)
            at += cycles
        return at

    def _take_x(self, at: int, running: list[int], config: Configuration, context: int) -> int:
        """Let the host stream x, a beat right behind the other; a column keeps its slice."""
        end = self._phase(at, X, 0, config.inputs, self._beat, running)
        for element in range(config.inputs):
            if at >= len(self._traced):
                break
            data = int(self._traced[at, 2])
            self._foretold.draw(at, at + self._beat, 0, (1, 0, data, odd_parity(data)))
            column, offset = divmod(element, config.x_slice)
            for die in running:
                if die % self._columns == column:
                    kept = self._dies[die].elements[FEATURES]
                    kept[context, offset] = data - 256 * (data > 127)
            at += self._beat
        return end

    def _gate(
        self, at: int, gate: int, running: list[int], config: Configuration, context: int
    ) -> tuple[int, dict[int, Words]]:
        """Play one gate; return where it is over, and what it is in each row of dies."""
        rows = config.x_slice + config.h_slice
        # A row is read in one cycle, is there in the next, and counts from the third.
        for die in running:
            self._multiply(die, at + 2, gate, rows, context)
        at = self._phase(at, BIAS, gate, 1, 1, running)
        at = self._phase(at, MAC, gate, rows, 1, running)
        at = self._phase(at, DRAIN, gate, 2, 1, running)
        sums = self._chain(at, running, config)
        if config.columns > 1:
            indexes = config.row_units + config.columns - 2
            at = self._phase(at, PSUM, gate, indexes, 2 * self._beat, running)
        at = self._phase(at, ACT, gate, config.row_units, 1, running)
        at = self._phase(at, ACT_DRAIN, gate, 1, 1, running)
        return at, {row: self._activated(gate, each) for row, each in sums.items()}

    def _multiply(self, number: int, at: int, gate: int, rows: int, context: int) -> None:
        """Add up the lanes of a die, and draw each sum from the cycle in which it stands."""
        die = self._dies[number]
        assert die.config is not None
        sums = np.zeros(die.units, np.int64)
        if number % self._columns == 0:
            sums = die.memory[BIASES][gate].view(np.int8).astype(np.int64) << 7
        self._draw_sums(number, at, sums)
        weights = (
            die.memory[WEIGHTS][gate * rows : (gate + 1) * rows].view(np.int8).astype(np.int64)
        )
        for row, (weight, element) in enumerate(
            zip(weights, die.column(context), strict=True), 1
        ):
            exact = sums + weight * element
            sums = self._clamped(die, "mac", exact)
            self._draw_sums(number, at + row, sums)
        die.sums = sums

    def _draw_sums(self, die: int, at: int, sums: Words) -> None:
        """Let the sums of a die be these from a cycle on; those of before end there."""
        if self._layout.is_proof:
            if die in self._sums:
                since, before = self._sums[die]
                self._foretold.draw(since, at, self._layout.inside(die) + 4, before)
            self._sums[die] = at, sums.astype("<i2").tobytes()

    def _clamped(self, die: Die, what: str, exact: Words) -> Words:
        """Saturate, and count the clamps of real units."""
        assert die.config is not None
        self.seen.clamps[f"{what} up"] += int((exact > 32767).sum())
        self.seen.clamps[f"{what} down"] += int((exact < -32768).sum())
        kept = saturated(exact)
        die.events[what] += int((kept != exact)[: die.config.units].sum())
        return kept

    def _chain(self, at: int, running: list[int], config: Configuration) -> dict[int, Words]:
        """Add up the rows from left to right, and draw what passes between their dies.

        Word w leaves column k as index w + k of PSUM begins, low byte first.
        """
        ends = dict[int, Words]()
        for number in running:  # row by row, each from its left
            die = self._dies[number]
            row, column = divmod(number, self._columns)
            assert die.sums is not None
            own = die.sums[: config.row_units]
            ends[row] = own if column == 0 else self._clamped(die, "chain", ends[row] + own)
            if column < config.columns - 1:
                for word, value in enumerate(ends[row].tolist()):
                    launched = at + 2 * self._beat * (word + column)
                    self._send(number, launched, value & 0xFF)
                    self._send(number, launched + self._beat, value >> 8 & 0xFF)
        return ends

    def _send(self, die: int, at: int, data: int) -> None:
        """Let a beat pass to the die on the right."""
        beat = (1, data, odd_parity(data))
        self._foretold.draw(at, at + self._beat, self._layout.east(die), beat)

    def _activated(self, gate: int, sums: Words) -> Words:
        """Read the table of a gate."""
        return self._tanh(sums) if gate == CANDIDATE else self._sigmoid(sums)

    def _tanh(self, sums: Words) -> Words:
        self.seen.clamps["tanh index up"] += int((sums >> 7 > 127).sum())
        self.seen.clamps["tanh index down"] += int((sums >> 7 < -128).sum())
        k = (sums >> 7).clip(-128, 127)
        self.seen.tanh.update(k.tolist())
        entries: Words = TANH[k + 128].astype(np.int64)
        return entries

    def _sigmoid(self, sums: Words) -> Words:
        k = sums >> 8
        self.seen.sigmoid.update(k.tolist())
        entries: Words = SIGMOID[k + 128].astype(np.int64)
        return entries

    def _cell(
        self, row: int, gates: list[dict[int, Words]], config: Configuration, context: int
    ) -> Words:
        """Compute c and h of the units of a row, in the die at its end."""
        die = self._dies[row * self._columns + config.columns - 1]
        i, f, g, o = (gate[row] for gate in gates)
        cells = die.cells[context, : config.row_units]
        cells[:] = self._clamped(die, "cell", (f * cells >> 12) + (i * g >> 12))
        return o * self._tanh(cells) >> 17

    def _return_h(
        self,
        at: int,
        hidden: dict[int, Words],
        running: list[int],
        config: Configuration,
        context: int,
    ) -> int:
        """Let the rows drive h onto the in-bus in turn; a column keeps its slice."""
        end = self._phase(at, H, 0, config.hidden, self._beat, running)
        for element, value in enumerate(self._in_order(hidden, config)):
            last = (element // config.row_units) * self._columns + config.columns - 1
            self._answer(last, at + element * self._beat, value & 0xFF)
            column, offset = divmod(element, config.h_slice)
            for die in running:
                if die % self._columns == column:
                    self._dies[die].elements[HIDDEN][context, offset] = value
        return end

    @staticmethod
    def _in_order(hidden: dict[int, Words], config: Configuration) -> Iterator[int]:
        flat = [value for row in sorted(hidden) for value in hidden[row].tolist()]
        yield from flat[: config.hidden]
