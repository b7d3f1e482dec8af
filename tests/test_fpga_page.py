"""What docs/building-a-board.md says of the tools and the chips is what is here."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from vau_hardware import RTL
from vau_hardware.fpga.chips import TRIALS, Resource, Trial
from vau_hardware.fpga.report import HONESTLY

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = (ROOT / "docs/building-a-board.md").read_text("utf-8")
PINS: Final = (ROOT / "requirements/fpga.txt").read_text("utf-8")


def row_of(trial: Trial) -> list[str]:
    design = "board" if trial.is_board else "die"
    (row,) = re.findall(rf"^\| {trial.units} \| {design} \| (.+) \|$", PAGE, re.MULTILINE)
    return [cell.strip() for cell in row.split("|")]


def test_the_page_says_at_once_that_no_board_was_run() -> None:
    assert "**No board has been run.**" in PAGE.partition("\n## ")[0]
    assert HONESTLY in " ".join(PAGE.split())


@pytest.mark.parametrize("tool", ["yosys", "nextpnr"])
def test_the_figures_are_those_of_the_tools_that_are_installed(tool: str) -> None:
    pinned = set(re.findall(rf"yowasp-{tool}[\w-]*==(\S+)", PINS))
    (told,) = re.findall(rf"\b{tool} (\d+(?:\.\d+)+)", PAGE)
    assert pinned
    assert [version for version in pinned if not version.startswith(f"{told}.")] == []


@pytest.mark.parametrize("is_board", [True, False], ids=["board", "die"])
@pytest.mark.parametrize("size", TRIALS)
def test_each_size_has_its_row_with_its_chip_and_what_that_holds(
    size: int, is_board: bool
) -> None:
    trial = replace(TRIALS[size], is_board=is_board)
    chip, features, *cells, fastest = row_of(trial)
    assert chip == trial.chip.name.partition("-6")[0].removesuffix("-SG48")
    assert features == str(trial.features)
    resources = [Resource.LOGIC_CELLS, Resource.BLOCK_RAMS, Resource.MULTIPLIERS]
    fits = True
    for cell, resource in zip(cells, resources, strict=True):
        used, of = (int(number.strip("*").replace(",", "")) for number in cell.split(" of "))
        assert of == trial.chip.capacity[resource]
        assert cell.startswith("**") == (used > of)
        fits = fits and used <= of
    assert fits == (fastest != "does not fit")
    assert re.fullmatch(r"\d+\.\d MHz|does not fit|not placed", fastest)


def test_the_page_has_every_parameter_and_signal_of_a_board() -> None:
    board = (RTL / "board.sv").read_text("utf-8").partition(");\n")[0]
    named = re.findall(r"parameter .*?(\w+) =", board) + re.findall(
        r"put +logic(?: *\[.*?\])? +(\w+)", board
    )
    assert len(named) == 14 + 12
    section = PAGE.partition("## A top of your own")[2].partition("\n## ")[0]
    assert [name for name in named if f"`{name}`" not in section] == []


def test_the_line_of_the_page_prints_the_hash_of_a_board(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (line,) = re.findall(r"python -c '(.*?)'", PAGE, re.DOTALL)
    exec(line, {})
    assert capsys.readouterr().out.strip() == TRIALS[16].rtl_hash
