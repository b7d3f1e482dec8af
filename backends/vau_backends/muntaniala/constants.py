"""Every number that cycles and energy rest on, with its unit, its source and its status.

Published are a handful of figures, of Muntaniala and of Chipmunk, the die before it. What
is derived is computed here from those, so that a reader can follow; what is calibrated was
chosen so that the published ones come out (docs/munt-spec-0.md, sections 6 and 7); what is
assumed is ours. ``tests/test_muntaniala_headline.py`` holds all of it to the publications.
"""

from typing import Final

from vau.estimate import Constant, OperatingPoint
from vau_backends.muntaniala.array import DIE_BYTES, DIE_COLUMNS, UNITS_PER_DIE, Tiling
from vau_backends.muntaniala.cycles import (
    CONTROL_CYCLES,
    CYCLES_PER_BEAT,
    LUT_READS,
    OPERATIONS_PER_MAC,
    PARTIAL_SUM_BEATS,
    Actions,
)

MUNTANIALA: Final = "arXiv:2202.07462, abstract"
GALLERY: Final = "asic.ethz.ch/2016/Chipmunk.html"
CHIPMUNK: Final = "arXiv:1711.05734, abstract"
CYCLES: Final = "docs/munt-spec-0.md, section 6"
ENERGY: Final = "docs/munt-spec-0.md, section 7"
TILING: Final = "docs/munt-spec-0.md, section 3"


def _published(name: str, value: float, unit: str, source: str = MUNTANIALA) -> Constant:
    return Constant(name=name, value=value, unit=unit, source=source, status="published")


def _derived(name: str, value: float, unit: str, reasoning: str, source: str) -> Constant:
    return Constant(
        name=name, value=value, unit=unit, source=source, status="derived", reasoning=reasoning
    )


def _assumed(
    name: str, value: float, unit: str, source: str = CYCLES, reasoning: str = ""
) -> Constant:
    return Constant(
        name=name, value=value, unit=unit, source=source, status="assumed", reasoning=reasoning
    )


# --- published ---------------------------------------------------------------------------

BOARD_CLOCK: Final = _published("board: clock", 10e6, "Hz")
BOARD_UNITS: Final = _published("board: hidden units", 192, "units")
BOARD_LATENCY: Final = _published("board: latency", 330e-6, "s")
BOARD_POWER: Final = _published("board: power, I/O included", 9.0e-3, "W")
BOARD_ENERGY: Final = _published("board: energy, I/O included", 2.95e-6, "J")
PEAK_THROUGHPUT: Final = _published("die: peak throughput", 30.53e9, "OP/s")
PEAK_EFFICIENCY: Final = _published("die: peak efficiency", 3.25e12, "OP/s/W")
CHIPMUNK_CLOCK: Final = _published("Chipmunk: fastest clock", 168e6, "Hz", GALLERY)
CHIPMUNK_SUPPLY: Final = _published("Chipmunk: its supply", 1.24, "V", GALLERY)
CHIPMUNK_POWER: Final = _published("Chipmunk: its power", 29.03e-3, "W", GALLERY)
CHIPMUNK_EFFICIENCY: Final = _published(
    "Chipmunk: peak efficiency", 3.08e12, "OP/s/W", CHIPMUNK
)
CHIPMUNK_LEAST_POWER: Final = _published("Chipmunk: power there", 1.24e-3, "W", CHIPMUNK)
CHIPMUNK_TILES: Final = _published("Chipmunk: dies for Graves' network", 75, "dies", CHIPMUNK)

# --- derived from those ------------------------------------------------------------------

DIE_OPERATIONS: Final = _derived(
    "operations of a die and cycle",
    OPERATIONS_PER_MAC * UNITS_PER_DIE,
    "operations",
    "2 x 96 units, which are Chipmunk's",
    CHIPMUNK,
)
FASTEST_CLOCK: Final = _derived(
    "die: fastest clock",
    PEAK_THROUGHPUT.value / DIE_OPERATIONS.value,
    "Hz",
    "peak throughput / operations of a cycle",
    MUNTANIALA,
)
MULTIPLYING_CYCLE: Final = _derived(
    "die: energy of a multiplying cycle",
    DIE_OPERATIONS.value / PEAK_EFFICIENCY.value,
    "J",
    "operations of a cycle / peak efficiency",
    MUNTANIALA,
)
CHIPMUNK_CYCLE: Final = _derived(
    "Chipmunk: energy of a cycle",
    CHIPMUNK_POWER.value / CHIPMUNK_CLOCK.value,
    "J",
    "power / clock, at its fastest",
    GALLERY,
)
CHIPMUNK_THROUGHPUT: Final = _derived(
    "Chipmunk: peak throughput",
    DIE_OPERATIONS.value * CHIPMUNK_CLOCK.value,
    "OP/s",
    "operations of a cycle x clock",
    GALLERY,
)
CHIPMUNK_SLOW_CLOCK: Final = _derived(
    "Chipmunk: most efficient clock",
    CHIPMUNK_EFFICIENCY.value * CHIPMUNK_LEAST_POWER.value / DIE_OPERATIONS.value,
    "Hz",
    "peak efficiency x power there / operations of a cycle",
    CHIPMUNK,
)

# --- calibrated on the board -------------------------------------------------------------

BOARD: Final = Tiling(rows=2, columns=2, hidden=192, inputs=123)
"""The published network, as Chipmunk's authors laid out 192 units; its inputs are assumed."""

BOARD_ACTIONS: Final = Actions.of(BOARD)
DIE_CYCLE: Final = Constant(
    name="board: energy of a die and cycle",
    value=223.8e-12,
    unit="J",
    source=ENERGY,
    status="calibrated",
    reasoning="223.75 to 223.86 pJ x 13,200 die-cycles print 330 µs, 9.0 mW and 2.95 µJ",
)
CONTROL: Final = Constant(
    name="control of a step",
    value=CONTROL_CYCLES,
    unit="cycles",
    source=CYCLES,
    status="calibrated",
    reasoning="the other phases take 3278 cycles, and 330 µs at 10 MHz are 3300",
)

# --- assumed -----------------------------------------------------------------------------

LINK_BEAT: Final = _assumed(
    "split: energy of a link's beat",
    4 * 0.5 * 15e-12 * 2.5**2,
    "J",
    ENERGY,
    "4 of 8 lines change; 15 pF at 2.5 V each",
)
BASE_CYCLE: Final = _assumed(
    "split: rest of a die and cycle",
    (
        DIE_CYCLE.value * BOARD_ACTIONS.die_cycles
        - MULTIPLYING_CYCLE.value * BOARD_ACTIONS.multiplying_die_cycles
        - LINK_BEAT.value * BOARD_ACTIONS.link_beats
    )
    / BOARD_ACTIONS.die_cycles,
    "J",
    ENERGY,
    "what the board's energy leaves for it",
)

CONSTANTS: Final = (
    *(BOARD_CLOCK, BOARD_UNITS, BOARD_LATENCY, BOARD_POWER, BOARD_ENERGY),
    *(PEAK_THROUGHPUT, PEAK_EFFICIENCY),
    *(CHIPMUNK_CLOCK, CHIPMUNK_SUPPLY, CHIPMUNK_POWER),
    *(CHIPMUNK_EFFICIENCY, CHIPMUNK_LEAST_POWER, CHIPMUNK_TILES),
    *(DIE_OPERATIONS, FASTEST_CLOCK, MULTIPLYING_CYCLE),
    *(CHIPMUNK_CYCLE, CHIPMUNK_THROUGHPUT, CHIPMUNK_SLOW_CLOCK),
    *(DIE_CYCLE, CONTROL),
    _assumed("die: units", UNITS_PER_DIE, "units", TILING, "Chipmunk's"),
    _assumed("die: columns of weights", DIE_COLUMNS, "columns", TILING, "96 + 123: 82 kB"),
    _assumed(
        "die: memory", DIE_BYTES, "bytes", TILING, "96 units x (4 gates x 219 + 4 biases)"
    ),
    _assumed("board: inputs", BOARD.inputs, "inputs", reasoning="of the 330 µs"),
    _assumed("link: cycles of a byte", CYCLES_PER_BEAT, "cycles"),
    _assumed("link: bytes of a partial sum", PARTIAL_SUM_BEATS, "bytes"),
    _assumed("die: table reads of a unit", LUT_READS, "cycles", reasoning="one port"),
    *(LINK_BEAT, BASE_CYCLE),
)

OPERATING_POINTS: Final = (
    OperatingPoint(
        name="board",
        clock_hz=BOARD_CLOCK.value,
        power_w=BOARD_POWER.value,
        status="published",
        source=MUNTANIALA,
    ),
    OperatingPoint(
        name="fast",
        clock_hz=round(FASTEST_CLOCK.value, -5),  # 159.0 MHz: four digits were published
        operations_per_s=PEAK_THROUGHPUT.value,
        status="derived",
        source=MUNTANIALA,
    ),
    OperatingPoint(
        name="efficient",
        clock_hz=None,
        operations_per_j=PEAK_EFFICIENCY.value,
        status="published",
        source=MUNTANIALA,
    ),
    OperatingPoint(
        name="chipmunk-fast",
        clock_hz=CHIPMUNK_CLOCK.value,
        supply_v=CHIPMUNK_SUPPLY.value,
        power_w=CHIPMUNK_POWER.value,
        operations_per_s=CHIPMUNK_THROUGHPUT.value,
        operations_per_j=CHIPMUNK_THROUGHPUT.value / CHIPMUNK_POWER.value,
        status="published",
        source=GALLERY,
        for_comparison=True,
    ),
    OperatingPoint(
        name="chipmunk-efficient",
        clock_hz=CHIPMUNK_SLOW_CLOCK.value,
        power_w=CHIPMUNK_LEAST_POWER.value,
        operations_per_s=CHIPMUNK_EFFICIENCY.value * CHIPMUNK_LEAST_POWER.value,
        operations_per_j=CHIPMUNK_EFFICIENCY.value,
        status="derived",
        source=CHIPMUNK,
        for_comparison=True,
    ),
)
