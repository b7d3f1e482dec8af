"""What yosys is told: the sources in their order, and what to make of them."""

from collections.abc import Iterable
from pathlib import Path

from vau_hardware import RTL
from vau_hardware.fpga.chips import Trial

TOP = "die_on_pins"
NETLIST, STATISTICS = "netlist.json", "statistics.json"


def sources() -> list[Path]:
    """Return every file of the design: the RTL, and the pins of the die."""
    return in_reading_order([*RTL.glob("*.sv"), Path(__file__).parent / f"{TOP}.sv"])


def in_reading_order(files: Iterable[Path]) -> list[Path]:
    """Sort by name, packages first: yosys has to have read what is referred to."""
    return sorted(files, key=lambda file: (not is_package(file), file.name))


def is_package(file: Path) -> bool:
    """Tell whether a source is a package, and no module."""
    return any(line.startswith("package ") for line in file.read_text("utf-8").splitlines())


def synthesis(trial: Trial, names: Iterable[str]) -> str:
    """Return the script. Its checks end yosys if anything is driven twice, or by nobody."""
    parameters = {"N": trial.units, "NX": trial.features, "CONTEXTS": trial.contexts}
    chosen = " ".join(f"-chparam {name} {value}" for name, value in parameters.items())
    command = " ".join([trial.chip.family.synthesis, *trial.synthesis_flags])
    lines = [
        f"read_verilog -sv {' '.join(names)}",
        f"hierarchy -check -top {TOP} {chosen}",
        "proc",
        "check -assert",
        *trial.preparation,
        f"{command} -top {TOP} -json {NETLIST}",
        "check -assert",
        f"tee -q -o {STATISTICS} stat -json",
    ]
    return "\n".join(lines) + "\n"
