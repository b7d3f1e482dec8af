"""What stands in the sources of the RTL is what the model says, without any tool."""

import re
from pathlib import Path
from typing import Final

import pytest

import vau_hardware
from vau.errors import ConfigInvalid
from vau_backends.board.virtual.parameters import Parameters
from vau_hardware import tables

HOST: Final = (vau_hardware.RTL / "host.sv").read_text("utf-8")


def test_the_rom_is_written_from_the_tables_of_the_model() -> None:
    rom = (vau_hardware.RTL / "activation_rom.sv").read_text("utf-8")
    assert rom == tables.module(tables.rows())


def test_the_host_tells_the_checksum_of_these_tables() -> None:
    (told,) = re.findall(r"TABLES_CRC = 32'h([0-9A-F]{8});", HOST)
    assert int(told, 16) == tables.checksum()


def test_every_file_is_of_a_board_or_of_its_serial_port() -> None:
    named = {*vau_hardware.BOARD, "uart_phy"}
    assert {file.stem for file in vau_hardware.RTL.glob("*.sv")} == named


@pytest.mark.parametrize("name", [*vau_hardware.BOARD, "uart_phy"])
def test_a_file_has_the_name_of_what_it_holds(name: str) -> None:
    text = Path(vau_hardware.RTL / f"{name}.sv").read_text("utf-8")
    assert re.findall(r"^(?:module|package) (\w+)", text, re.MULTILINE) == [name]


def test_a_die_of_one_unit_is_refused() -> None:
    """Its row of h would not hold a word of c: lint says so of the RTL."""
    assert Parameters(units=2).units == 2
    with pytest.raises(ConfigInvalid, match=r"units=1 is outside 2\.\.128"):
        Parameters(units=1)


@pytest.mark.parametrize("cycles", [1, 3, 8])
def test_beats_of_other_than_two_cycles_are_refused(cycles: int) -> None:
    with pytest.raises(ConfigInvalid, match="the RTL works with 2 cycles per beat only"):
        Parameters(cycles_per_beat=cycles)
