"""What yosys is told: the sources in their order, and what to make of them."""

from collections.abc import Iterable
from pathlib import Path

from vau_hardware import RTL
from vau_hardware.fpga.chips import Trial

NETLIST, STATISTICS = "netlist.json", "statistics.json"


def sources(top: str) -> list[Path]:
    """Return every file of a design: the RTL, and the top module beside this file."""
    return in_reading_order([*RTL.glob("*.sv"), Path(__file__).parent / f"{top}.sv"])


def in_reading_order(files: Iterable[Path]) -> list[Path]:
    """Sort by name, packages first: yosys has to have read what is referred to."""
    return sorted(files, key=lambda file: (not is_package(file), file.name))


def is_package(file: Path) -> bool:
    """Tell whether a source is a package, and no module."""
    return any(line.startswith("package ") for line in file.read_text("utf-8").splitlines())


def synthesis(trial: Trial, names: Iterable[str]) -> str:
    """Return the script. Its checks end yosys if anything is driven twice, or by nobody."""
    chosen = " ".join(f"-chparam {name} {value}" for name, value in trial.values.items())
    command = " ".join([trial.chip.family.synthesis, *trial.synthesis_flags])
    lines = [
        f"read_verilog -sv {' '.join(names)}",
        f"hierarchy -check -top {trial.top} {chosen}",
        "proc",
        "check -assert",
        *trial.preparation,
        f"{command} -top {trial.top} -json {NETLIST}",
        "check -assert",
        f"tee -q -o {STATISTICS} stat -json",
    ]
    return "\n".join(lines) + "\n"
