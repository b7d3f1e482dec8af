"""What a synthesis makes of the RTL, as Verilog: cells of iCE40 and the wires between them.

Of the chips in hardware/fpga, iCE40 is the one all of whose cells yosys has models of.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from vau_hardware.fpga.script import sources

CELLS: Final = "share/yosys/ice40/cells_sim.v"  # beside the bin/ of yosys


def yosys() -> Path:
    """Return the file of yosys: YOSYS, or that on the PATH."""
    found = shutil.which(os.environ.get("YOSYS", "yosys"))
    assert found is not None, "there is no yosys; ./run e2e-board installs it"
    return Path(found).resolve()


def run_yosys(*commands: str) -> str:
    """Run a script and return what yosys said; its checks and errors fail the test."""
    done = subprocess.run(
        [yosys(), "-p", "; ".join(commands)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return done.stdout


def read(top: str, values: Mapping[str, object]) -> list[str]:
    """Return the commands that read a top module, with parameters, and check its drivers."""
    chosen = " ".join(f"-chparam {name} {value}" for name, value in values.items())
    return [
        f"read_verilog -sv {' '.join(map(str, sources('board_uart')))}",
        f"hierarchy -check -top {top} {chosen}",
        "proc",
        "check -assert",
    ]


def netlist(top: str, values: Mapping[str, object], folder: Path) -> tuple[Path, ...]:
    """Synthesize a module; return the netlist, and the models of the cells in it."""
    made = folder / f"{top}.v"
    said = run_yosys(
        *read(top, values),
        f"synth_ice40 -dsp -top {top}",
        "check -assert",
        f"write_verilog -noattr {made}",
        "stat",
    )
    assert "SB_LUT4" in said
    assert "$_" not in said.rpartition("Number of cells")[2], "a cell that no chip has"
    return (made, yosys().parent.parent / CELLS)
