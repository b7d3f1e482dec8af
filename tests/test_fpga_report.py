"""What yosys and nextpnr write is read right, and told in plain words."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from vau_hardware.fpga.chips import ECP5, ICE40, TRIALS, Family, Resource
from vau_hardware.fpga.report import (
    HONESTLY,
    Placement,
    Report,
    as_json,
    as_text,
    of_netlist,
    of_placement,
)

SIXTEEN: Final = TRIALS[16]
EIGHT: Final = TRIALS[8]

# Of yosys 0.70 and nextpnr 0.11.1, for a die of 16 units.
STATISTICS: Final[Mapping[str, Any]] = {
    "creator": "Yosys 0.70 (git sha1 28ba3cb92, Release, Clang 22.1.0)",
    "design": {
        "num_cells": 3742,
        "num_cells_by_type": {
            "$scopeinfo": 17,
            "CCU2C": 422,
            "DP16KD": 10,
            "L6MUX21": 6,
            "LUT4": 1880,
            "MULT18X18D": 19,
            "PFUMX": 144,
            "TRELLIS_DPR16X4": 41,
            "TRELLIS_FF": 1203,
        },
    },
}
PLACED: Final[Mapping[str, Any]] = {
    "critical_paths": [],
    "fmax": {"$glbnet$clk$TRELLIS_IO_IN": {"achieved": 29.85520362854004, "constraint": 12}},
    "utilization": {
        "DP16KD": {"available": 56, "used": 10},
        "EHXPLLL": {"available": 2, "used": 0},
        "MULT18X18D": {"available": 28, "used": 19},
        "TRELLIS_COMB": {"available": 24288, "used": 3300},
        "TRELLIS_FF": {"available": 24288, "used": 1203},
    },
}
# nextpnr's own count of that netlist, in its log: "Total LUT4s: 2970/24288".
LOGIC_CELLS_OF_NEXTPNR: Final = 2970


REPORT: Final = Report(
    trial=SIXTEEN,
    yosys="0.70",
    nextpnr="0.11.1",
    synthesized=of_netlist(STATISTICS, SIXTEEN.chip),
    placement=of_placement(PLACED, SIXTEEN.chip),
    refusal=None,
)


def test_logic_cells_are_counted_as_nextpnr_counts_them() -> None:
    found = of_netlist(STATISTICS, SIXTEEN.chip)
    assert found[Resource.LOGIC_CELLS] == LOGIC_CELLS_OF_NEXTPNR


def test_each_resource_of_a_netlist_is_counted() -> None:
    found = of_netlist(STATISTICS, SIXTEEN.chip)
    assert found[Resource.FLIP_FLOPS] == 1203
    assert found[Resource.BLOCK_RAMS] == 10
    assert found[Resource.MULTIPLIERS] == 19


def test_every_kind_of_flip_flop_counts_as_one() -> None:
    cells = {"SB_DFF": 1, "SB_DFFE": 20, "SB_DFFESR": 300, "SB_DFFSR": 4000, "SB_LUT4": 7}
    found = of_netlist({"design": {"num_cells_by_type": cells}}, EIGHT.chip)
    assert found[Resource.FLIP_FLOPS] == 4321
    assert found[Resource.LOGIC_CELLS] == 7


def test_a_placement_has_what_is_used_and_the_clock_in_hertz() -> None:
    found = of_placement(PLACED, SIXTEEN.chip)
    assert found.used == {
        Resource.LOGIC_CELLS: 3300,
        Resource.FLIP_FLOPS: 1203,
        Resource.BLOCK_RAMS: 10,
        Resource.MULTIPLIERS: 19,
    }
    assert found.fastest_hz == pytest.approx(29.855e6, rel=1e-4)


def test_a_second_clock_is_not_passed_over() -> None:
    clocks = {name: {"achieved": 1.0, "constraint": 1.0} for name in ("clk", "other")}
    with pytest.raises(ValueError, match=r"one clock was expected, not \['clk', 'other'\]"):
        of_placement({**PLACED, "fmax": clocks}, SIXTEEN.chip)


def test_figures_of_another_chip_are_refused() -> None:
    larger = TRIALS[96].chip
    with pytest.raises(ValueError, match=r"LFE5U-85F.* has 83640 logic cells, but .* 24288"):
        of_placement(PLACED, larger)


def test_what_was_placed_counts_for_more_than_the_netlist() -> None:
    assert REPORT.used[Resource.LOGIC_CELLS] == 3300
    assert replace(REPORT, placement=None).used[Resource.LOGIC_CELLS] == LOGIC_CELLS_OF_NEXTPNR


@pytest.mark.parametrize(("multipliers", "fits"), [(28, True), (29, False)])
def test_a_netlist_fits_up_to_the_last_multiplier(multipliers: int, fits: bool) -> None:
    asked = {**REPORT.synthesized, Resource.MULTIPLIERS: multipliers}
    assert replace(REPORT, synthesized=asked, placement=None).fits is fits


def test_a_refusal_of_nextpnr_stands_whatever_the_netlist_says() -> None:
    refused = replace(REPORT, placement=None, refusal="no BELs remaining")
    assert not refused.fits
    assert "fits     no: no BELs remaining" in as_text(refused)


@pytest.mark.parametrize(("hz", "enough"), [(10e6, True), (9.999e6, False)])
def test_the_nominal_clock_is_fast_enough_and_less_is_not(hz: float, enough: bool) -> None:
    placement = Placement(used=REPORT.used, fastest_hz=hz)
    assert replace(REPORT, placement=placement).is_fast_enough is enough


def test_nothing_is_claimed_of_the_speed_of_a_netlist() -> None:
    unplaced = replace(REPORT, placement=None, nextpnr=None)
    assert unplaced.is_fast_enough is None
    assert as_json(unplaced)["fastest_hz"] is None
    assert "synthesis only" in as_text(unplaced)
    assert "MHz" not in as_text(unplaced)


def test_the_report_says_how_full_how_fast_and_that_no_board_was_run() -> None:
    assert as_text(REPORT).splitlines() == [
        "a board of a die of 16 units on LFE5U-25F-6BG256C (ECP5)",
        "112 features and 16 h per gate (516 rows of weights), 4 contexts",
        "host and serial port: 921,600 baud",
        f"RTL      {SIXTEEN.rtl_hash}",
        "",
        "                 synthesis    placed        of",
        "logic cells           2970      3300     24288     14%",
        "flip-flops            1203      1203     24288      5%",
        "block RAMs              10        10        56     18%",
        "multipliers             19        19        28     68%",
        "",
        "Fmax     29.9 MHz; aimed at 25 MHz, and the nominal clock is 10 MHz",
        "fits     yes: fullest are the multipliers, 68% of the chip",
        "yosys    0.70",
        "nextpnr  0.11.1",
        HONESTLY,
    ]


def test_a_die_alone_has_no_baud_rate() -> None:
    first, second, third, *_ = as_text(
        replace(REPORT, trial=replace(SIXTEEN, is_board=False))
    ).splitlines()
    assert first == "a die of 16 units on LFE5U-25F-6BG256C (ECP5)"
    assert "4 contexts" in second
    assert third == ""


def test_a_machine_gets_all_that_a_person_gets() -> None:
    told = json.loads(json.dumps(as_json(REPORT)))
    assert (told["design"], told["size"]) == ("board", 16)
    assert (told["baud"], told["rtl_hash"]) == (921_600, SIXTEEN.rtl_hash)
    assert told["tools"] == {"yosys": "0.70", "nextpnr": "0.11.1"}
    assert told["synthesis"]["logic_cells"] == LOGIC_CELLS_OF_NEXTPNR
    assert told["place_and_route"] == {
        "logic_cells": 3300,
        "flip_flops": 1203,
        "block_rams": 10,
        "multipliers": 19,
    }
    assert told["fastest_hz"] == 29_855_204
    assert told["fits"] is True
    assert told["note"] == "synthesis and place-and-route results; no board has been run"


@pytest.mark.parametrize("family", [ICE40, ECP5], ids=lambda family: family.name)
def test_no_cell_is_counted_twice(family: Family) -> None:
    """A cell is counted under each name that it begins with: none may begin with another."""
    names = list(family.cells)
    assert [a for a in names for b in names if a != b and a.startswith(b)] == []
