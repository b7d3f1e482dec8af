"""The dies and their board in SystemVerilog, and what simulates them: see hardware/README.md.

This folder is also the package ``vau_hardware`` (a link in backends/ says so), for its files
travel in the wheel: whoever has that and Verilator has a board.
"""

from pathlib import Path
from typing import Final

RTL: Final = Path(__file__).resolve().parent / "rtl"
SIMULATION: Final = Path(__file__).resolve().parent / "sim"
"""The C++ that clocks what Verilator made of the RTL."""

BOARD_UART: Final = Path(__file__).resolve().parent / "fpga" / "board_uart.sv"
"""The top of a bitstream: the board and a serial port."""

DIE: Final = (  # packages before those who use them
    "phases bus beat_receiver sequencer slice_counter word_memory weight_memory lanes "
    "row_chain activation_rom cell_path bus_decoder bus_sender bus_reader die_status die"
).split()
HOST: Final = (
    "phases bus words checksum byte_memory receive_buffer deframer framer replies info "
    "telemetry judge contexts beat_receiver sequencer dies_port state_walk executor "
    "command_unit host"
).split()
BOARD: Final = [*DIE, *(name for name in HOST if name not in DIE), "board"]


def sources(names: list[str]) -> list[Path]:
    """Return the files of these modules, in the order in which tools want them."""
    return [RTL / f"{name}.sv" for name in names]
