"""``vau estimate``: tables, JSON, sweeps, timelines, and what it refuses."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.commands import vau
from vau.cli import main
from vau.commands.estimate.constants import constants_table
from vau.commands.estimate.report import table
from vau.commands.estimate.sweep import sweep
from vau.estimate import (
    THREE_DIGITS,
    Ask,
    Estimate,
    Figure,
    engineering,
    find_estimator,
)
from vau.model import Network
from vau_backends.muntaniala.estimate.estimator import MuntanialaEstimator

BOARD = "--layers 1 --hidden 192 --inputs 123 --array 2x2 --clock-mhz 10".split()
STACK = "--layers 3 --hidden 384 --inputs 123".split()
ESTIMATOR = find_estimator("muntaniala")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Return what runs the verb in this process: status, standard output and error."""

    def called(*arguments: object, **variables: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["vau", "estimate", *map(str, arguments)])
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        status = main()
        return status, *capsys.readouterr()

    before = signal.getsignal(signal.SIGTERM)
    yield called
    signal.signal(signal.SIGTERM, before)


def test_the_board_in_json_has_the_published_figures_and_explains_2_97() -> None:
    done = vau("estimate", *BOARD, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    published = {
        "dies": 4,
        "cycles": 3300,
        "latency_us": 330,
        "power_mw": 8.95,
        "energy_uj": 2.95,
    }
    assert {name: found[name] for name in published} == published
    assert any("2.97 µJ" in note and "8.95 mW" in note for note in found["notes"])


def test_the_board_for_a_person_prints_9_0_mw(run: Run) -> None:
    status, text, complaint = run(*BOARD)
    assert (status, complaint) == (0, "")
    for words in ("3,300", "330 µs", " 9.0 mW  ", "2.95 µJ", "1.47 GOP/s", "ESTIMATED", "2.97"):
        assert words in text


def test_the_stack_in_json_has_dies_latency_interval_and_all_readings(run: Run) -> None:
    _, text, _ = run(*STACK, "--json")
    found = json.loads(text)
    assert (found["dies"], found["cycles"], found["interval_cycles"]) == (48, 12_340, 4_374)
    assert (found["latency_us"], found["interval_us"], found["energy_uj"]) == (
        1234,
        437.4,
        44.2,
    )
    energies = {name: each["uj"] for name, each in found["energies"].items()}
    assert energies == {
        "gated": 44.2,
        "interval": 47,
        "latency": 132.6,
        "die_floor": 1.93,
        "split": 44.3,
    }
    boundaries = {each["boundary"] for each in found["energies"].values()}
    assert boundaries == {"system", "accelerator"}


def test_every_figure_has_a_status(run: Run) -> None:
    found = json.loads(run(*STACK, "--dies", 16, "--json")[1])
    settings = {"in_time", "keeps_up", "die_bytes", "streams", "clock_mhz"}
    numbers = {name for name, value in found.items() if isinstance(value, int | float)}
    assert numbers - settings <= set(found["status"])
    assert set(found["status"].values()) <= {"derived", "calibrated", "extrapolated", "assumed"}
    assert found["origin"] == "estimated"


def test_phases_add_up_to_cycles_and_layers_to_dies(run: Run) -> None:
    found = json.loads(run(*STACK, "--json")[1])
    assert sum(found["phases"].values()) == found["cycles"]
    assert sum(layer["cycles"] for layer in found["layers"]) == found["cycles"]
    assert sum(layer["dies"] for layer in found["layers"]) == found["dies"]


def test_a_model_has_the_shape_of_its_card(run: Run) -> None:
    assert json.loads(run("--model", "munt-1x192", "--json")[1])["cycles"] == 3300
    assert json.loads(run("--json")[1])["network"]["hidden"] == 384


def test_numbers_go_before_the_model_of_the_environment(run: Run) -> None:
    found = json.loads(run(*BOARD, "--json", VAU_MODEL="munt-3x384")[1])
    assert found["network"]["layers"] == 1


def test_a_model_that_is_typed_goes_before_the_numbers_of_the_environment(run: Run) -> None:
    found = json.loads(
        run("--model", "munt-1x192", "--json", VAU_LAYERS="7", VAU_HIDDEN="7")[1]
    )
    assert found["network"]["hidden"] == 192


def test_an_array_may_stand_behind_the_backends_colon(run: Run) -> None:
    found = json.loads(run(*STACK, "--backend", "muntaniala:5x5", "--json")[1])
    assert found["dies"] == 75


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ("--inputs 5", 2, "--inputs 5: a model has inputs of its own"),
        ("--layers 1000000 --hidden 96", 2, "--layers 1000000 is more than 1,000"),
        ("--timeline x.png --frames 1000", 2, "--frames 1000: a timeline shows 100 at most"),
        ("--layers 3", 2, "--hidden"),
        ("--hidden 3", 2, "--layers"),
        ("--layers 0 --hidden 3", 2, "--layers 0"),
        ("--layers 1 --hidden 3 --inputs 0", 2, "--inputs 0"),
        ("--layers 1 --hidden 3 --model munt-3x384", 2, "leave out one"),
        ("--model nobody", 3, "'nobody'"),
        ("--array 2x2", 3, "open muntaniala:4x4, or name no array"),
        ("--array two", 2, "--array two"),
        ("--dies 0", 2, "--dies 0"),
        ("--dies 3", 2, "Take 16 dies"),
        ("--streams 0", 2, "--streams 0"),
        ("--clock-mhz 0", 2, "--clock-mhz 0"),
        ("--operating-point warp", 2, "--operating-point warp"),
        ("--backend float", 3, "there are: muntaniala"),
        ("--timeline x.gif", 2, ".png"),
        ("--sweep /nowhere/at/all.png", 2, "no folder"),
    ],
)
def test_an_impossible_ask_explains_itself_in_one_line(
    run: Run, arguments: str, status: int, words: str
) -> None:
    found, text, complaint = run(*arguments.split())
    assert (found, text) == (status, "")
    (line,) = complaint.splitlines()
    assert words in line


def test_a_clock_is_the_one_that_was_typed(run: Run) -> None:
    # 32.01 * 1e6 is a little less than 32,010,000, on which 97 streams just keep up
    found = json.loads(run(*BOARD[:-1], 32.01, "--streams", 97, "--json")[1])
    assert (found["streams_by_pace"], found["keeps_up"]) == (97, True)


@pytest.mark.parametrize("flag", ["--timeline", "--sweep"])
def test_without_matplotlib_every_picture_is_refused_in_the_same_words(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flag: str
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    status, text, complaint = run(*BOARD, flag, tmp_path / "x.png")
    assert (status, text) == (2, "")
    assert complaint.startswith("vau: error: drawing needs matplotlib")
    assert "pip install 'vau[plots]'" in complaint


def test_what_rests_on_loading_weights_or_on_changing_streams_is_assumed(run: Run) -> None:
    turns = json.loads(run(*STACK, "--dies", 16, "--json")[1])["status"]
    loaded = ("pass_ms", "frames_per_pass", "energy_uj", "power_mw", "ready_us", "duty")
    assert {turns[name] for name in loaded} == {"assumed"}
    several = json.loads(run(*BOARD, "--streams", 2, "--json")[1])["status"]
    assert several["ready_us"] == "assumed"
    assert json.loads(run(*BOARD, "--json")[1])["status"]["ready_us"] == "calibrated"


# --- tables ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        BOARD,
        STACK,
        [*STACK, "--dies", 20, "--reload", "serial", "--streams", 300],
        ["--constants"],
    ],
    ids=["board", "stack", "turns", "constants"],
)
def test_a_table_is_no_wider_than_96_columns(run: Run, arguments: list[object]) -> None:
    status, text, _ = run(*arguments)
    assert status == 0
    assert max(map(len, text.splitlines())) <= 96


def test_layers_that_are_alike_share_a_column() -> None:
    network = Network(layers=9, hidden=384, inputs=123, classes=40)
    lines = table(ESTIMATOR.estimate(Ask(network=network)))
    (heads,) = (line for line in lines if line.startswith("cycles by phase"))
    assert heads.split()[-5:] == ["1", "layer", "2", "to", "9"]


def test_constants_come_with_value_status_and_source(run: Run) -> None:
    _, text, _ = run("--constants")
    for words in (
        "223.8 pJ",
        "calibrated",
        "59.08 pJ",
        "159 MHz",
        "2202.07462",
        "another chip",
    ):
        assert words in text
    found = json.loads(run("--constants", "--json")[1])
    names = {"name", "value", "unit", "source", "status", "reasoning"}
    assert all(set(constant) == names for constant in found["constants"])
    assert {point["name"] for point in found["operating_points"]} > {
        "board",
        "fast",
        "efficient",
    }


def test_no_line_of_the_constants_is_cut_off() -> None:
    lines = constants_table(ESTIMATOR.constants(), ESTIMATOR.operating_points())
    assert max(map(len, lines)) < 96
    assert all(any(each.source in line for line in lines) for each in ESTIMATOR.constants())


@pytest.mark.parametrize(
    ("value", "kept", "written"),
    [
        (0.0, 0, "0"),
        (2.954, 2.95, "2.95"),
        (46.987, 47, "47.0"),
        (330.0, 330, "330"),
        (132.567, 132.6, "132.6"),
        (0.40642, 0.406, "0.406"),
        (9.999, 10, "10.0"),
        (99.96, 100, "100"),
        (12_340.04, 12_340, "12,340"),
    ],
)
def test_three_digits_are_kept_or_one_decimal(value: float, kept: float, written: str) -> None:
    assert THREE_DIGITS.rounded(value) == kept
    assert THREE_DIGITS.digits(value) == written


def test_constants_take_the_prefix_of_their_unit_if_it_has_one() -> None:
    assert engineering(223.8e-12, "J") == "223.8 pJ"
    assert engineering(1e-15, "J") == "0.001 pJ"
    assert engineering(3.25e12, "OP/s/W") == "3.25 TOP/s/W"
    assert engineering(84_480, "bytes") == "84,480 bytes"


@pytest.mark.parametrize("letters", [47, 48, 60])
def test_a_text_that_fills_its_column_does_not_run_into_its_status(letters: int) -> None:
    found = ESTIMATOR.estimate(Ask(network=Network(layers=1, hidden=8, inputs=8, classes=40)))
    long = Figure("long_us", 1, "derived", "a label", "x" * letters)
    words = [line.split() for line in table(replace(found, figures=(long,), point_keys=()))]
    row = ["a", "label", "x" * letters]
    assert [*row, "derived"] in words or words[words.index(row) + 1] == ["derived"]


def test_the_widest_title_is_no_wider_than_96_columns() -> None:
    network = Network(layers=1000, hidden=100_000, inputs=100_000, classes=40)
    ask = Ask(network=network, instance="streamed+schedule=serial+fx=10")
    assert max(map(len, table(find_estimator("rpu").estimate(ask)))) <= 96


def test_a_rate_that_overflows_with_its_prefix_is_refused_as_it_was_typed(run: Run) -> None:
    status, text, complaint = run(*STACK, "--dram-gbps", "1e300")
    assert (status, text) == (2, "")
    assert "1e+300" in complaint
    assert "inf" not in complaint


# --- sweeps and timelines ----------------------------------------------------------------


def test_a_front_is_what_no_point_of_its_network_and_clock_beats() -> None:
    network = Network(layers=1, hidden=192, inputs=123, classes=40)
    found = sweep([(ESTIMATOR, Ask(network=network))])
    contests: dict[tuple[int, float], list[Any]] = {}
    for point in found:
        key = point.estimate.ask.network.hidden, point.estimate.clock_hz
        contests.setdefault(key, []).append(point)
    assert len(contests) == 4 * 2
    for points in contests.values():
        prices = [
            (p.estimate.delay_s, p.estimate.joules, p.estimate.silicon.count) for p in points
        ]
        for point, price in zip(points, prices, strict=True):
            assert point.estimate.verdict.keeps_up
            beaten = any(
                other != price and all(a <= b for a, b in zip(other, price, strict=True))
                for other in prices
            )
            assert point.is_front == (not beaten)
        front = sorted(price for p, price in zip(points, prices, strict=True) if p.is_front)
        assert front
        for (_, faster_j, faster_dies), (_, slower_j, slower_dies) in pairwise(front):
            assert slower_j <= faster_j or slower_dies <= faster_dies


def test_a_sweep_is_drawn_and_every_point_is_in_the_json(run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "sweep.png"
    status, text, complaint = run(*BOARD, "--json", "--sweep", picture)
    assert (status, complaint) == (0, f"vau: written: {picture}\n")
    assert picture.read_bytes().startswith(b"\x89PNG")
    found = json.loads(text)
    network = Network(layers=1, hidden=192, inputs=123, classes=40)
    assert len(found["sweep"]) == len(sweep([(ESTIMATOR, Ask(network=network))]))
    board = [
        point
        for point in found["sweep"]
        if (point["hidden"], point["accelerator"], point["clock_mhz"])
        == (192, "muntaniala:2x2", 10)
    ]
    assert [(each["cycles"], each["energy_uj"], each["dies"]) for each in board] == [
        (3300, 2.95, 4)
    ]
    assert board[0]["in_front"]


class OneIsOutrun(MuntanialaEstimator):
    """Has two points that compete; the better one does not keep up with its streams."""

    def around(self, ask: Ask) -> list[Ask]:
        return [replace(ask, streams=1), replace(ask, streams=2)]

    def estimate(self, ask: Ask) -> Estimate:
        found = super().estimate(ask)
        if ask.streams == 1:
            return found
        outrun = replace(found.verdict, ready_s=None, is_in_time=False)
        return replace(found, delay_s=found.delay_s / 10, verdict=outrun)


def test_a_point_that_does_not_keep_up_beats_nobody() -> None:
    ask = Ask(network=Network(layers=1, hidden=192, inputs=123, classes=40))
    kept_up, outrun = sweep([(OneIsOutrun(), ask)])
    assert outrun.estimate.delay_s < kept_up.estimate.delay_s
    assert (kept_up.is_front, outrun.is_front) == (True, False)


def test_a_point_that_does_not_keep_up_is_never_in_front() -> None:
    network = Network(layers=3, hidden=384, inputs=123, classes=40)
    points = sweep([(find_estimator("rpu"), Ask(network=network, streams=400))])
    outrun = [point for point in points if not point.estimate.verdict.keeps_up]
    assert outrun
    assert not any(point.is_front for point in outrun)
    contests = {point.estimate.contest for point in points if point.estimate.verdict.keeps_up}
    assert {point.estimate.contest for point in points if point.is_front} == contests


def test_a_point_in_the_json_says_whether_it_keeps_up(run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "sweep.png"
    asked = ("--backend", "rpu", *STACK, "--streams", 400)
    found = json.loads(run(*asked, "--sweep", picture, "--json")[1])
    assert {point["keeps_up"] for point in found["sweep"]} == {True, False}
    assert not any(point["in_front"] > point["keeps_up"] for point in found["sweep"])


@pytest.mark.parametrize(
    ("name", "start"), [("t.txt", b"muntaniala"), ("t.json", b"{"), ("t.PNG", b"\x89PNG")]
)
def test_a_timeline_is_written_in_the_form_that_its_name_ends_in(
    run: Run, tmp_path: Path, name: str, start: bytes
) -> None:
    file = tmp_path / name
    status, _, complaint = run(*BOARD, "--timeline", file, "--frames", 2)
    assert (status, complaint) == (0, f"vau: written: {file}\n")
    assert file.read_bytes().startswith(start)
