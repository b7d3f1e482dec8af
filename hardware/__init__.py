"""The dies and their board in SystemVerilog, and what simulates them: see hardware/README.md.

This folder is also the package ``vau_hardware`` (a link in backends/ says so), for its files
travel in the wheel: whoever has that and Verilator has a board.
"""

from pathlib import Path
from typing import Final

RTL: Final = Path(__file__).parent / "rtl"
SIMULATION: Final = Path(__file__).parent / "sim"
"""The C++ that clocks what Verilator made of the RTL."""
