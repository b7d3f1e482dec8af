"""The soak: what its checks notice, and two of them over a real server."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.commands import ROOT, environment
from tests.soak.__main__ import CHECKS, main
from tests.soak.check import Check, Figures, NotSo, Site, carry_out, require
from tests.soak.crowd import Ended, judged
from tests.soak.known import Known, chunk, small_bundle
from tests.soak.sessions import slope
from tests.soak.sustained import (
    ATTEMPTS,
    MOST_GROWTH_BYTES,
    Drifts,
    Lap,
    Pair,
    TooBusy,
    settled,
)
from tests.soak.sustained import judged as judged_laps

PATIENCE_S = 120.0
LAP = Lap(
    streams=10,
    refused=0,
    p50_ms=5.0,
    p99_ms=20.0,
    final_p99_ms=10.0,
    lag_growth_ms=0.0,
    is_sustained=True,
    lost=0,
    repeated=0,
)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    return Known(small_bundle(tmp_path_factory.mktemp("bundle")))


def good(known: Known, seed: int = 3) -> Ended:
    return Ended(
        seed, chunks=2, digest=known.digest_of_chunks(seed, 2).hex(), latencies_s=[0.01]
    )


def test_two_checks_hold_on_a_real_server() -> None:
    names = ("--only", "client-killed", "--only", "network-reset")
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak", "--json", *names],
        cwd=ROOT,
        env=environment(OPENBLAS_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    said = json.loads(done.stdout)
    assert [check["why_not"] for check in said["checks"]] == ["", ""]
    assert [check["name"] for check in said["checks"]] == ["client-killed", "network-reset"]
    assert said["ok"]
    assert done.returncode == 0


def test_a_check_that_does_not_hold_is_told_with_what_was_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_site: Site) -> Figures:
        require(False, "it is not so", {"seen": 7})
        return {}

    fails = Check("fails", "it must be so", run)
    outcome = carry_out(fails, Site(tmp_path / "here", "short"))
    assert (outcome.ok, outcome.why_not, outcome.seen) == (False, "it is not so", {"seen": 7})
    monkeypatch.setattr("tests.soak.__main__.CHECKS", (fails,))
    assert main(["--json"]) == 1
    assert json.loads(capsys.readouterr().out)["checks"][0]["must"] == "it must be so"


def test_a_check_that_breaks_is_no_check_that_holds(tmp_path: Path) -> None:
    def run(_site: Site) -> Figures:
        raise KeyError("a defect of the check")

    outcome = carry_out(Check("breaks", "", run), Site(tmp_path / "here", "short"))
    assert not outcome.ok
    assert "a defect of the check" in outcome.why_not


def test_every_check_has_a_name_of_its_own_and_says_what_must_be() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    assert all(check.must for check in CHECKS)


def test_streams_with_their_bits_are_well(known: Known) -> None:
    figures = judged([good(known), good(known, seed=4)], known)
    assert (figures["others"], figures["others_failed"]) == (2, 0)


def test_one_wrong_bit_is_noticed(known: Known) -> None:
    wrong = replace(good(known), digest=good(known, seed=4).digest)
    with pytest.raises(NotSo, match="wrong bits"):
        judged([good(known), wrong], known)


def test_a_stream_that_failed_is_noticed(known: Known) -> None:
    with pytest.raises(NotSo, match="others failed"):
        judged([replace(good(known), digest="", error="Unreachable: gone")], known)


def test_a_stream_that_just_ended_is_noticed(known: Known) -> None:
    with pytest.raises(NotSo, match="without a word"):
        judged([replace(good(known), digest="")], known)


def test_chunks_are_unlike_each_other() -> None:
    assert len({chunk(seed, number) for seed in range(3) for number in range(3)}) == 9


def test_a_slope_is_that_of_a_line_with_noise() -> None:
    points = [(n, 10_000_000 + 512 * n + (-1) ** n * 4096) for n in range(0, 2000, 50)]
    assert slope(points) == pytest.approx(512, abs=10)


STEADY = [100_000_000] * 4
PAIR = Pair(LAP, LAP)


@pytest.mark.parametrize(
    ("aged", "grown", "says"),
    [
        (replace(LAP, p50_ms=18.0), 0, "p50 drifts"),
        (replace(LAP, p99_ms=61.0), 0, "p99 drifts"),
        (replace(LAP, lag_growth_ms=26.0), 0, "lag grows"),
        (replace(LAP, refused=1), 0, "refused"),
        (replace(LAP, lost=1), 0, "frames were lost"),
        (replace(LAP, repeated=1), 0, "frames came twice"),
        (LAP, MOST_GROWTH_BYTES, "memory grows"),
    ],
)
def test_a_drift_is_noticed(aged: Lap, grown: int, says: str) -> None:
    resident = [*STEADY[:-1], STEADY[-1] + grown]
    with pytest.raises(NotSo, match=says) as noticed:
        judged_laps(12, [LAP] * 3, [Pair(aged, LAP)] * 2, resident)
    assert isinstance(noticed.value, Drifts) == (
        says in ("p50 drifts", "p99 drifts", "lag grows")
    )


def test_a_frame_that_is_lost_in_the_first_lap_is_noticed() -> None:
    with pytest.raises(NotSo, match="frames were lost"):
        judged_laps(12, [replace(LAP, lost=1), LAP], [PAIR], STEADY)


def test_what_is_as_bad_with_a_fresh_server_is_no_drift() -> None:
    slow = replace(LAP, p50_ms=30.0, p99_ms=80.0)
    judged_laps(12, [LAP] * 3, [Pair(slow, slow)] * 2, STEADY)


def test_a_lap_that_was_disturbed_is_no_drift() -> None:
    disturbed = replace(LAP, p99_ms=900.0, lag_growth_ms=300.0, is_sustained=False)
    judged_laps(12, [LAP, disturbed], [Pair(disturbed, LAP), PAIR], STEADY)


def test_a_machine_on_which_a_fresh_server_does_not_keep_up_tells_nothing() -> None:
    behind = replace(LAP, is_sustained=False)
    with pytest.raises(TooBusy, match="too busy to tell"):
        judged_laps(12, [LAP] * 3, [Pair(behind, behind)] * 2, STEADY)


def test_a_steady_load_is_well() -> None:
    figures = judged_laps(12, [LAP] * 3, [PAIR] * 2, STEADY)
    assert (figures["carried_streams"], figures["grown_mb"]) == (12, 0.0)


class Comparisons:
    """What each comparison raises, if anything, and of how many streams it was."""

    def __init__(self, *raised: NotSo | None) -> None:
        self.raised = list(raised)
        self.streams: list[int] = []

    def __call__(self, streams: int) -> Figures:
        self.streams.append(streams)
        if error := self.raised.pop(0):
            raise error
        return {"streams": streams}


def test_what_drifts_once_was_the_machine() -> None:
    compare = Comparisons(*[Drifts("p99 drifts")] * (ATTEMPTS - 1), None)
    assert settled(compare, 10) == {"streams": 10}


def test_what_drifts_each_time_is_a_drift() -> None:
    compare = Comparisons(*[Drifts("p99 drifts")] * ATTEMPTS, None)
    with pytest.raises(NotSo, match="p99 drifts"):
        settled(compare, 10)


def test_on_a_busy_machine_fewer_streams_are_compared() -> None:
    compare = Comparisons(TooBusy("too busy"), TooBusy("too busy"), None)
    assert settled(compare, 10) == {"streams": 6}
    assert compare.streams == [10, 8, 6]


def test_a_frame_that_is_lost_is_lost_whatever_comes_after() -> None:
    compare = Comparisons(NotSo("frames were lost"), None)
    with pytest.raises(NotSo, match="frames were lost"):
        settled(compare, 10)
