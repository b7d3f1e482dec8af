"""What needs Verilator is marked with it: ``./run e2e-board`` has it, and fails without."""

import os
from typing import Final

import pytest

REQUIRED: Final = "VAU_REQUIRE_VERILATOR"

simulated: Final = pytest.mark.skipif(
    REQUIRED not in os.environ,
    reason="./run e2e-board brings Verilator, and runs what needs it",
)
