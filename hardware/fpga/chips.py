"""Which chips the dies and their boards are tried on, and the size of die each is tried with.

Capacities are those that nextpnr has in its data of the chip; they match the data sheets of
Lattice (FPGA-DS-02012 for ECP5, FPGA-DS-02008 for iCE40 UltraPlus).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from vau_backends.board.virtual.parameters import Parameters


class Resource(StrEnum):
    """What a design takes up in a chip, whatever its maker calls it."""

    LOGIC_CELLS = "logic cells"
    """One look-up table of four inputs each, with its carry; iCE40: and its flip-flop."""

    FLIP_FLOPS = "flip-flops"
    BLOCK_RAMS = "block RAMs"
    MULTIPLIERS = "multipliers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Chips that one pair of tools is for, and what these call its parts."""

    name: str
    synthesis: str
    """The command of yosys."""

    router: str
    """The name of its nextpnr."""

    sites: dict[str, Resource]
    """What nextpnr counts, by its own name."""

    cells: dict[str, tuple[Resource, int]]
    """What yosys counts, by its own name, and how many of the resource each takes."""


ICE40: Final = Family(
    name="iCE40",
    synthesis="synth_ice40",
    router="nextpnr-ice40",
    # A flip-flop is part of a logic cell, so nextpnr does not count it apart.
    sites={
        "ICESTORM_LC": Resource.LOGIC_CELLS,
        "ICESTORM_RAM": Resource.BLOCK_RAMS,
        "ICESTORM_DSP": Resource.MULTIPLIERS,
    },
    # A carry shares its cell with a table as a rule: it is not counted twice.
    cells={
        "SB_LUT4": (Resource.LOGIC_CELLS, 1),
        "SB_DFF": (Resource.FLIP_FLOPS, 1),
        "SB_RAM40_4K": (Resource.BLOCK_RAMS, 1),
        "SB_MAC16": (Resource.MULTIPLIERS, 1),
    },
)
ECP5: Final = Family(
    name="ECP5",
    synthesis="synth_ecp5",
    router="nextpnr-ecp5",
    sites={
        "TRELLIS_COMB": Resource.LOGIC_CELLS,
        "TRELLIS_FF": Resource.FLIP_FLOPS,
        "DP16KD": Resource.BLOCK_RAMS,
        "MULT18X18D": Resource.MULTIPLIERS,
    },
    cells={
        "LUT4": (Resource.LOGIC_CELLS, 1),
        "CCU2C": (Resource.LOGIC_CELLS, 2),  # two bits of a carry chain
        "TRELLIS_DPR16X4": (Resource.LOGIC_CELLS, 6),  # four for its words, two for its writes
        "TRELLIS_FF": (Resource.FLIP_FLOPS, 1),
        "DP16KD": (Resource.BLOCK_RAMS, 1),
        "MULT18X18D": (Resource.MULTIPLIERS, 1),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """One chip, as nextpnr is told of it."""

    name: str
    family: Family
    flags: tuple[str, ...]
    clock_hz: int
    """Of the oscillator that boards with this chip usually have: what the router aims at."""

    capacity: dict[Resource, int]


UP5K: Final = Chip(
    name="iCE40UP5K-SG48",
    family=ICE40,
    flags=("--up5k", "--package", "sg48"),
    clock_hz=12_000_000,
    capacity={
        Resource.LOGIC_CELLS: 5280,
        Resource.FLIP_FLOPS: 5280,
        Resource.BLOCK_RAMS: 30,
        Resource.MULTIPLIERS: 8,
    },
)
LFE5U_25F: Final = Chip(
    name="LFE5U-25F-6BG256C",
    family=ECP5,
    flags=("--25k", "--package", "CABGA256", "--speed", "6"),
    clock_hz=25_000_000,
    capacity={
        Resource.LOGIC_CELLS: 24_288,
        Resource.FLIP_FLOPS: 24_288,
        Resource.BLOCK_RAMS: 56,
        Resource.MULTIPLIERS: 28,
    },
)
LFE5U_85F: Final = Chip(
    name="LFE5U-85F-6BG381C",
    family=ECP5,
    flags=("--85k", "--package", "CABGA381", "--speed", "6"),
    clock_hz=25_000_000,
    capacity={
        Resource.LOGIC_CELLS: 83_640,
        Resource.FLIP_FLOPS: 83_640,
        Resource.BLOCK_RAMS: 208,
        Resource.MULTIPLIERS: 156,
    },
)


SMALL_UNITS: Final = 16
"""Dies of fewer get the shortest frames and a small buffer: they are for a small chip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A size of die, and the chip that it is tried on."""

    units: int
    features: int
    """Rows of weights for features, per gate; ``units`` more are for h."""

    chip: Chip
    is_board: bool = True
    """With host and serial port, as in a bitstream. False: the die alone, for its figures."""

    contexts: int = 4
    baud: int = 921_600
    synthesis_flags: tuple[str, ...] = ()
    preparation: tuple[str, ...] = ()
    """Commands of yosys between reading the RTL and synthesizing it."""

    placed: bool = True
    """False: unless asked for. With the largest die it takes ten minutes and more."""

    @property
    def subject(self) -> str:
        """Say what is tried."""
        die = f"a die of {self.units} units"
        return f"a board of {die}" if self.is_board else die

    @property
    def top(self) -> str:
        """Return the module that is all of it."""
        return "board_uart" if self.is_board else "die_on_pins"

    @property
    def rtl_hash(self) -> str:
        """Return what the board calls its RTL, by which a driver knows it."""
        return self._parameters.rtl_hash().hex()

    @property
    def values(self) -> dict[str, int | str]:
        """Return the parameters of the top module, as yosys wants them."""
        values = {"N": self.units, "NX": self.features, "CONTEXTS": self.contexts}
        if not self.is_board:
            return {**values}
        line = {"CLOCK_HZ": self.chip.clock_hz, "BAUD": self.baud}
        return {**self._parameters.of_host, **line, "RTL_HASH": f"128'h{self.rtl_hash}"}

    @property
    def _parameters(self) -> Parameters:
        return Parameters(
            rows=1,
            columns=1,
            units=self.units,
            inputs=self.features,
            contexts=self.contexts,
            most_payload=256 if self.units < SMALL_UNITS else 1024,
            buffer_bytes=2048 if self.units < SMALL_UNITS else 8192,
        )


# What the host multiplies to check a request becomes logic: it is small, a die of 24 leaves one
# multiplier, and the way to those of the chip and back is the longest of all.
CHECKS_OF_LOGIC: Final = ("opt_clean", "alumacc *judge*", "maccmap *judge*")

TRIALS: Final = {
    trial.units: trial
    for trial in (
        # A die has a multiplier of 8 by 8 bits for each unit, and three of 16 by 16 in its
        # cell path; this chip has eight. Where that is too few, those of the units become
        # logic, which is cheaper for them than for the other three.
        Trial(units=4, features=60, chip=UP5K, contexts=2, synthesis_flags=("-dsp",)),
        Trial(
            units=8,
            features=56,
            chip=UP5K,
            contexts=2,
            synthesis_flags=("-dsp",),
            preparation=("opt_clean", "alumacc *lanes*", "maccmap *lanes*"),
        ),
        Trial(units=16, features=112, chip=LFE5U_25F, preparation=CHECKS_OF_LOGIC),
        Trial(
            units=24,
            features=104,
            chip=LFE5U_25F,
            preparation=CHECKS_OF_LOGIC,
        ),
        Trial(
            units=96,
            features=123,
            chip=LFE5U_85F,
            preparation=CHECKS_OF_LOGIC,
            placed=False,
        ),
    )
}
"""What ``./run fpga --size`` takes."""
