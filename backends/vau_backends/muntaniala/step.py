"""One step of one layer, event by event: which die does what in which cycle.

Ref: docs/munt-spec-0.md, section 6. Like the closed form in ``cycles.py`` it is an estimate:
     the chip's control sequence is not public.

Each phase of a step is a set of events: an element on a link, a column of weights, a sum
on its way along the row, an entry of a table. What an event needs decides when it begins;
a phase lasts until its last event ends, and the next one then begins on all dies at once.
Played so, each phase is as long as its terms in ``LayerCycles``, for any shape (a test
holds the two together). That takes these assumptions:

- Nothing overlaps: sums of a gate do not travel while the next gate multiplies, and tables
  are read when all sums of the gate are there.
- A die adds an arriving sum in no time of its own, and passes it on once both its bytes are
  there; it receives and sends at once. The first unit's sum thus takes C - 1 hops, and each
  further unit one more: nu + C - 2 in all.
- A die reads one entry of a table a cycle. For tanh(c) it begins when the six cycles of the
  element-wise part are over, of which some would really lie behind the reads.
- The host and the layer above hear h while the columns do. It stays readable until the next
  exchange, and to load it as x is a phase of the layer above.
- The longest slices set the pace: a die with a shorter one waits, and a die without a unit
  waits all the time. Waiting costs as much as working: an array is clocked until it is done.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, product
from typing import Final, NamedTuple, Self

from vau.timeline import WAIT, Span
from vau_backends.muntaniala.array import GATES, Tiling
from vau_backends.muntaniala.cycles import CONTROL_CYCLES, CYCLES_PER_BEAT, PARTIAL_SUM_BEATS

GATE_NAMES: Final = "ifgo"
GATE_CONTROL_CYCLES: Final = 4
CELL_CONTROL_CYCLES: Final = CONTROL_CYCLES - GATES * GATE_CONTROL_CYCLES
PARTIAL_SUM_CYCLES: Final = PARTIAL_SUM_BEATS * CYCLES_PER_BEAT

PHASES: Final = "phases"
"""The track of an array as a whole."""

Die = tuple[int, int]
"""Row and column."""


class Event(NamedTuple):
    """One thing that one die does in one piece."""

    die: Die
    start_cycle: int
    """Counted from the start of its phase."""

    cycles: int
    role: str
    """What the die does in it. Where a die has two roles at once, they end together."""


@dataclass(frozen=True, slots=True)
class Phase:
    """What the dies of one array do until the last of them is done."""

    name: str
    """The field of ``LayerCycles`` to which it belongs, or ``reload``."""

    note: str
    events: tuple[Event, ...]

    @property
    def cycles(self) -> int:
        """When the last event ends; 0 if there is none."""
        return max((event.start_cycle + event.cycles for event in self.events), default=0)

    def runs(self) -> list[tuple[Die, int, int, str]]:
        """Join what touches: die, first cycle, the first after it, and the roles."""
        roles: dict[tuple[Die, int, int], list[str]] = {}
        for event in self.events:
            place = event.die, event.start_cycle, event.start_cycle + event.cycles
            roles.setdefault(place, []).append(event.role)
        runs: list[tuple[Die, int, int, str]] = []
        for (die, start, end), found in sorted(roles.items()):
            role = " and ".join(found)
            if runs and (runs[-1][0], runs[-1][2], runs[-1][3]) == (die, start, role):
                runs[-1] = die, runs[-1][1], end, role
            else:
                runs.append((die, start, end, role))
        return runs


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one array does for some cycles on end, counted from 0."""

    cycles: int
    spans: tuple[Span, ...]
    """PHASES first, then one per die, filled up with waiting."""

    @classmethod
    def of(cls, tiling: Tiling, phases: Iterable[Phase]) -> Self:
        """Play the phases one behind the other."""
        now, summary = 0, list[Span]()
        work: dict[Die, list[Span]] = {
            die: [] for die in product(range(tiling.rows), range(tiling.columns))
        }
        for phase in phases:
            if phase.cycles:
                summary.append(Span(PHASES, phase.name, now, phase.cycles, phase.note))
            for die, start, end, role in phase.runs():
                detail = ": ".join(filter(None, [phase.note, role]))
                span = Span(_track(die), phase.name, now + start, end - start, detail)
                work[die].append(span)
            now += phase.cycles
        filled = (_filled(_track(die), spans, now) for die, spans in work.items())
        return cls(now, (*summary, *chain.from_iterable(filled)))

    def placed(
        self, group: str, start_cycle: int, frame: int | None, note: str = ""
    ) -> Iterator[Span]:
        """Yield its spans as those of one frame, from that cycle on."""
        for span in self.spans:
            yield Span(
                track=f"{group}/{span.track}",
                name=span.name,
                start_cycle=start_cycle + span.start_cycle,
                cycles=span.cycles,
                detail=", ".join(filter(None, [note, span.detail])),
                frame=frame,
            )


def _track(die: Die) -> str:
    return f"die {die[0]},{die[1]}"


def _filled(track: str, spans: Iterable[Span], end_cycle: int) -> Iterator[Span]:
    """Put waiting wherever a die has nothing to do."""
    now = 0
    for span in spans:
        if span.start_cycle > now:
            yield Span(track, WAIT, now, span.start_cycle - now)
        yield span
        now = span.end_cycle
    if end_cycle > now:
        yield Span(track, WAIT, now, end_cycle - now)


def step(tiling: Tiling) -> Stretch:
    """Play one step of one layer on its array, from the first element of x to the last of h."""
    return Stretch.of(tiling, _phases(tiling))


def _phases(tiling: Tiling) -> Iterator[Phase]:
    """Yield the phases of a step: those of the specification, gate by gate."""
    yield Phase("load_x", "", tuple(_load_x(tiling)))
    for gate in GATE_NAMES:
        note = f"gate {gate}"
        yield Phase("control", note, tuple(_start_from_bias(tiling)))
        yield Phase("mac", note, tuple(_multiply(tiling)))
        yield Phase("partial_sums", note, tuple(_pass_sums(tiling)))
        yield Phase("activation", note, tuple(_read_tables(tiling)))
    yield Phase("control", "cell", tuple(_element_wise(tiling)))
    yield Phase("activation", "tanh(c)", tuple(_read_tables(tiling)))
    yield Phase("exchange_h", "", tuple(_exchange_h(tiling)))


def _load_x(tiling: Tiling) -> Iterator[Event]:
    """Send x over the host's one link; a column's dies all hear what is for the column."""
    rows, link_free = _units(tiling), 0
    for column in range(tiling.columns):
        for _ in _indices(tiling.x_slice(column)):
            for row in rows:
                yield Event((row, column), link_free, CYCLES_PER_BEAT, "takes x")
            link_free += CYCLES_PER_BEAT


def _start_from_bias(tiling: Tiling) -> Iterator[Event]:
    """Set the accumulators of a gate."""
    for die in product(_units(tiling), range(tiling.columns)):
        yield Event(die, 0, GATE_CONTROL_CYCLES, "starts")


def _multiply(tiling: Tiling) -> Iterator[Event]:
    """Multiply one element a cycle with the weights of all units: x first, then h."""
    for row, column in product(_units(tiling), range(tiling.columns)):
        columns_of = {"x": tiling.x_slice(column), "h": tiling.h_slice(column)}
        roles = [role for role, part in columns_of.items() for _ in _indices(part)]
        for cycle, role in enumerate(roles):
            yield Event((row, column), cycle, 1, f"multiplies {role}")


def _pass_sums(tiling: Tiling) -> Iterator[Event]:
    """Send the sums of each unit from die to die, once they and the next link are there."""
    for row, units in _units(tiling).items():
        link_free = [0] * (tiling.columns - 1)
        for _ in units:
            arrived = 0
            for hop, free in enumerate(link_free):
                start = max(arrived, free)
                yield Event((row, hop), start, PARTIAL_SUM_CYCLES, "sends")
                yield Event((row, hop + 1), start, PARTIAL_SUM_CYCLES, "adds")
                arrived = link_free[hop] = start + PARTIAL_SUM_CYCLES


def _read_tables(tiling: Tiling) -> Iterator[Event]:
    """Look up the units of a row one by one, in its last die."""
    for row, units in _units(tiling).items():
        for cycle, _ in enumerate(units):
            yield Event((row, tiling.columns - 1), cycle, 1, "looks up")


def _element_wise(tiling: Tiling) -> Iterator[Event]:
    """Form the new c, in the last die of each row."""
    for row in _units(tiling):
        yield Event((row, tiling.columns - 1), 0, CELL_CONTROL_CYCLES, "element-wise")


def _exchange_h(tiling: Tiling) -> Iterator[Event]:
    """Send the new h over one bus, row after row; each column takes its slice."""
    rows, bus_free = _units(tiling), 0
    for row, units in rows.items():
        for unit in units:
            yield Event((row, tiling.columns - 1), bus_free, CYCLES_PER_BEAT, "sends h")
            for taker in rows:
                column = unit // tiling.h_per_die
                yield Event((taker, column), bus_free, CYCLES_PER_BEAT, "takes h")
            bus_free += CYCLES_PER_BEAT


def _units(tiling: Tiling) -> dict[int, range]:
    """Return the units of each row that has any."""
    size = tiling.units_per_die
    starts = enumerate(range(0, tiling.hidden, size))
    return {row: range(at, min(at + size, tiling.hidden)) for row, at in starts}


def _indices(part: slice) -> range:
    return range(part.start, part.stop)
