"""Every number that cycles and energy rest on, with its unit, its source and its status.

The abstract has five figures, and no clock, lane, width or memory size. What is derived is
computed here from those five, so that a reader can follow; one number, the energy of control,
is fitted so that power and efficiency come out (docs/rpu-spec-0.md, section 7); all else is
assumed, and ours. So is the clock: it follows from the five and the lanes, and these are ours.
Of the design that the abstract compares itself with nothing is known but the ratio.
"""

from typing import Final

from vau.estimate import Constant, OperatingPoint
from vau_backends.rpu.cycles import (
    CHUNK_FRAMES,
    DRAIN_CYCLES,
    ELEMENT_LANES,
    ELEMENT_STAGES,
    OPERATIONS_PER_MAC,
    SUM_BYTES,
)
from vau_backends.rpu.form import BANK_BYTES, BANKS, CLUSTERS, LANES, SRAM_BYTES, WEIGHT_BYTES

PAPER: Final = "doi:10.1109/SiPS.2017.8110011, abstract"
CYCLES: Final = "docs/rpu-spec-0.md, section 6"
ENERGY: Final = "docs/rpu-spec-0.md, section 7"
HOROWITZ: Final = "the 45 nm table of Horowitz, ISSCC 2014"


def _published(name: str, value: float, unit: str) -> Constant:
    return Constant(name=name, value=value, unit=unit, source=PAPER, status="published")


def _derived(name: str, value: float, unit: str, reasoning: str) -> Constant:
    return Constant(
        name=name, value=value, unit=unit, source=PAPER, status="derived", reasoning=reasoning
    )


def _assumed(
    name: str, value: float, unit: str, *, reasoning: str = "", source: str = ENERGY
) -> Constant:
    return Constant(
        name=name, value=value, unit=unit, source=source, status="assumed", reasoning=reasoning
    )


# --- published ---------------------------------------------------------------------------

TECHNOLOGY: Final = _published("chip: technology", 45e-9, "m")
AREA: Final = _published("chip: area", 1.51e-6, "m2")
POWER: Final = _published("chip: power", 0.413, "W")
EFFICIENCY: Final = _published("chip: efficiency", 309e9, "OP/s/W")
GAIN: Final = _published("gain over a reconfigurable design", 1.7, "times")

# --- derived from those ------------------------------------------------------------------

THROUGHPUT: Final = _derived(
    "chip: throughput", POWER.value * EFFICIENCY.value, "OP/s", "power x efficiency"
)
OPERATION: Final = _derived(
    "chip: energy of an operation", 1 / EFFICIENCY.value, "J", "1 / efficiency"
)
MAC: Final = _derived(
    "chip: energy of a multiply-accumulate",
    OPERATIONS_PER_MAC / EFFICIENCY.value,
    "J",
    "2 operations; table reads, element-wise work and biases are not counted",
)
DENSITY: Final = _derived(
    "chip: throughput per area", THROUGHPUT.value / AREA.value, "OP/s/m2", "throughput / area"
)
BASELINE: Final = _derived(
    "efficiency of that design, which is not named here",
    EFFICIENCY.value / GAIN.value,
    "OP/s/W",
    "efficiency / gain; no more is claimed of it",
)

# --- assumed -----------------------------------------------------------------------------

CLOCK: Final = _assumed(
    "chip: clock",
    THROUGHPUT.value / (OPERATIONS_PER_MAC * LANES),
    "Hz",
    reasoning="throughput / (2 operations x 128 lanes). The lanes are assumed: the figures pin "
    "their product with the clock and neither of the two",
    source=CYCLES,
)
MULTIPLY: Final = _assumed(
    "energy: 16 x 16 bit product",
    0.8e-12,
    "J",
    reasoning=f"four times the 0.2 pJ of 8 x 8 bits in {HOROWITZ}; 32 x 32 have 3.1 there",
)
ADD: Final = _assumed(
    "energy: addition",
    0.1e-12,
    "J",
    reasoning=f"of 32 bits, by {HOROWITZ}; what 48 need more is in the control",
)
BANK_ROW: Final = _assumed(
    "energy: 64-bit row of an 8 KB bank, read or written",
    10e-12,
    "J",
    reasoning=f"by {HOROWITZ}",
)
WEIGHT_READ: Final = _assumed(
    "energy: read of a weight",
    BANK_ROW.value / 4,
    "J",
    reasoning="a row holds four; once for every MAC",
)
BROADCAST: Final = _assumed(
    "energy: broadcast of an activation",
    BANK_ROW.value / 4,
    "J",
    reasoning="as the read of a weight",
)
SMALL_ACCESS: Final = _assumed(
    "energy: access to a table, a bias or c",
    BANK_ROW.value / 8,
    "J",
    reasoning="16 bits of a memory of 2 KB: half of a weight's",
)
LEAKAGE_SHARE: Final = _assumed(
    "leakage: share of the power", 0.1, "parts", reasoning="a free choice"
)
LEAKAGE: Final = _assumed(
    "leakage",
    LEAKAGE_SHARE.value * POWER.value,
    "W",
    reasoning="a tenth of the published power",
)
GATED_LEAKAGE: Final = _assumed(
    "leakage: share that is left with power gated", 0.1, "parts", reasoning="a free choice"
)
DRAM_BANDWIDTH: Final = _assumed("DRAM: bandwidth", 6.4e9, "B/s", source=CYCLES)
DRAM_BIT: Final = _assumed(
    "DRAM: energy of a bit",
    20e-12,
    "J",
    reasoning="outside what was published: boundary system",
)

TABLE_READS, PRODUCTS, SUMS, CELL_ACCESSES, HIDDEN_WRITES, BIAS_READS = 5, 3, 5, 2, 1, 4
"""What a neuron needs in a step: i, f, g, o and tanh(c) looked up; f*c, i*g, o*tanh(c); a bias
to each of four sums, and the sum that is c; c read and written; h written; the biases read."""

ELEMENT_WISE: Final = (
    ("look_up", TABLE_READS * SMALL_ACCESS.value),
    ("product", PRODUCTS * MULTIPLY.value),
    ("sum", SUMS * ADD.value),
    ("state", CELL_ACCESSES * SMALL_ACCESS.value + HIDDEN_WRITES * WEIGHT_READ.value),
    ("bias", BIAS_READS * SMALL_ACCESS.value),
)
"""(kind, joules) of one neuron in one step."""

NEURON_STEP: Final = _assumed(
    "energy: element-wise work of a neuron",
    sum(joules for _, joules in ELEMENT_WISE),
    "J",
    reasoning="5 tables, 3 products, 5 sums, c read and written, h written, 4 biases",
)

# --- calibrated --------------------------------------------------------------------------


def control_j(leakage_w: float, lane_j: float, broadcast_j: float) -> float:
    """Return what the published power leaves for control in a cycle, all lanes working.

    lane_j: joules of one lane in a cycle: product, sum and weight.
    """
    cycle_j = (POWER.value - leakage_w) / CLOCK.value
    return cycle_j - LANES * lane_j - broadcast_j


CONTROL: Final = Constant(
    name="energy: control, clock and wires of a cycle",
    value=control_j(
        LEAKAGE.value, MULTIPLY.value + ADD.value + WEIGHT_READ.value, BROADCAST.value
    ),
    unit="J",
    source=ENERGY,
    status="calibrated",
    reasoning="what the published power leaves of a cycle in which all lanes multiply, at the "
    "assumed clock and the assumed energy of all else",
)

CONSTANTS: Final = (
    *(TECHNOLOGY, AREA, POWER, EFFICIENCY, GAIN),
    *(THROUGHPUT, OPERATION, MAC, DENSITY, BASELINE),
    *(CONTROL, CLOCK),
    _assumed(
        "chip: lanes",
        LANES,
        "lanes",
        reasoning="64 or 256 with another clock would fit as well",
        source=CYCLES,
    ),
    _assumed("chip: clusters", CLUSTERS, "clusters", reasoning="one a gate", source=CYCLES),
    _assumed("chip: banks", BANKS, "banks", source=CYCLES),
    _assumed("chip: memory of a bank", BANK_BYTES, "bytes", source=CYCLES),
    _assumed("chip: memory", SRAM_BYTES, "bytes", reasoning="32 banks of 8 KB", source=CYCLES),
    _assumed(
        "chip: width of a weight",
        WEIGHT_BYTES,
        "bytes",
        reasoning="16 bits, which a multiply-accumulate of 6.5 pJ suits; 8 or 32 are far off",
        source=CYCLES,
    ),
    _assumed(
        "chip: width of a waiting sum", SUM_BYTES, "bytes", reasoning="48 bits", source=CYCLES
    ),
    _assumed(
        "chunk: frames of a stream",
        CHUNK_FRAMES,
        "frames",
        reasoning="at most; a longer call is several chunks",
        source=CYCLES,
    ),
    _assumed("element-wise: lanes", ELEMENT_LANES, "lanes", source=CYCLES),
    _assumed("element-wise: stages", ELEMENT_STAGES, "cycles", source=CYCLES),
    _assumed("adder trees: stages", DRAIN_CYCLES, "cycles", source=CYCLES),
    *(MULTIPLY, ADD, BANK_ROW, WEIGHT_READ, BROADCAST, SMALL_ACCESS, NEURON_STEP),
    *(LEAKAGE_SHARE, LEAKAGE, GATED_LEAKAGE, DRAM_BANDWIDTH, DRAM_BIT),
)

OPERATING_POINTS: Final = (
    OperatingPoint(
        name="design-point",
        clock_hz=CLOCK.value,
        power_w=POWER.value,
        operations_per_s=THROUGHPUT.value,
        operations_per_j=EFFICIENCY.value,
        status="assumed",
        source=f"{PAPER}; its clock: {CYCLES}",
    ),
)
"""The one design that the abstract describes. Its figures are published, its clock is not."""
