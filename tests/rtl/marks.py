"""What needs Verilator is marked with it: ``./run e2e-board`` has it, and fails without."""

import os
from pathlib import Path
from typing import Final

import pytest

import vau_hardware

SOURCES: Final = "VAU_RTL_UNDER_TEST"
rtl_under_test: Final = Path(os.environ.get(SOURCES, vau_hardware.RTL))
"""The sources that tests build: ``./run rtl-mutants`` lets some try what it has changed."""

REQUIRED: Final = "VAU_REQUIRE_VERILATOR"

simulated: Final = pytest.mark.skipif(
    REQUIRED not in os.environ,
    reason="./run e2e-board and ./run test-slow bring Verilator, and run what needs it",
)
