"""The RTL is lint-clean under Verilator and yosys, for dies and boards of many shapes.

Needs both; ``./run e2e-board`` installs them, and fails without.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

import vau_hardware
from tests.rtl.marks import simulated
from tests.rtl.netlist import read, run_yosys
from vau_backends.board.virtual.build import UNROLL
from vau_backends.board.virtual.parameters import Parameters
from vau_backends.board.virtual.toolchain import find

FULL: Final = Parameters()
SHAPES: Final = {
    "2x2 of 96": FULL,
    "1x1 of 96": replace(FULL, rows=1, columns=1),
    "1x3 of 4": replace(FULL, rows=1, columns=3, units=4, inputs=60, most_payload=256),
    "3x1 of 24": replace(FULL, rows=3, columns=1, units=24, inputs=104, contexts=8),
    "1x1 of 2": replace(FULL, rows=1, columns=1, units=2, inputs=1, contexts=2, window=2),
    "no parity": replace(FULL, units=16, is_parity_checked=False, most_payload=4096),
}
SMALL: Final = {name: shape for name, shape in SHAPES.items() if shape.units < FULL.units}


WHOLE: Final = [
    *vau_hardware.sources([*vau_hardware.BOARD, "uart_phy"]),
    vau_hardware.BOARD_UART,
]


def lint(top: str, files: Sequence[Path], parameters: Parameters, *flags: str) -> str:
    """Return all that Verilator has to say."""
    values = parameters.of_die if top == "die" else parameters.of_host
    done = subprocess.run(
        [
            *(*find().verilator, "--lint-only", "-Wall", *UNROLL, *flags, "--top-module", top),
            *(f"-G{name}={value}" for name, value in values.items()),
            *(str(file) for file in (vau_hardware.RTL / "lint.vlt", *files)),
        ],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    said = (done.stdout + done.stderr).splitlines()
    return "\n".join(line for line in said if not line.startswith("- "))  # newer ones report


@simulated
@pytest.mark.parametrize("shape", SHAPES)
def test_verilator_warns_of_nothing(shape: str) -> None:
    assert lint("board_uart", WHOLE, SHAPES[shape]) == ""


@simulated
@pytest.mark.parametrize(
    ("top", "names"), [("die", vau_hardware.DIE), ("host", vau_hardware.HOST)]
)
def test_verilator_warns_of_nothing_where_faults_may_be_put_in(
    top: str, names: list[str]
) -> None:
    # Of the constants of a package, the other half uses some.
    half = ("+define+FAULT_INJECT", "-Wno-UNUSEDPARAM")
    assert lint(top, vau_hardware.sources(names), FULL, *half) == ""


@simulated
@pytest.mark.parametrize("shape", SMALL)
def test_yosys_finds_nothing_driven_twice_or_by_nobody(shape: str) -> None:
    said = run_yosys(*read("board_uart", SMALL[shape].of_host))
    assert "Found and reported 0 problems." in said
