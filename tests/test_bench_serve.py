"""``vau bench serve`` as a user has it."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

from tests.audio import recording
from tests.commands import PATIENCE_S, VAU, children, environment, is_running, started, vau
from tests.lively import LIVELY, write_lively_bundle
from tests.serving import Served, Talk, eventually, muntaniala, serving
from vau.commands.bench.plan import BenchPlan
from vau.errors import ConfigInvalid

SHORT: Final = ("--duration", 1, "--chunk-ms", 20)
"""One run, or two of half a second with shadows; more chunks than there have to be."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    write_lively_bundle(folder)
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recording(tmp_path_factory.mktemp("recordings") / "clip.flac", 1.0)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving((LIVELY, muntaniala(LIVELY, slot_count=2))) as running:
        yield running


def bench(*arguments: object, **variables: str) -> dict[str, Any]:
    done = vau("bench", "serve", *SHORT, *arguments, "--json", **variables)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    figures: dict[str, Any] = json.loads(line)
    return figures


def assert_rising(percentiles: dict[str, float]) -> None:
    values = [percentiles[name] for name in ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms")]
    assert values[0] > 0.0
    assert all(lower <= higher for lower, higher in pairwise(values))


def test_a_server_that_runs_is_measured(served: Served, clip: Path) -> None:
    figures = bench("--server", served.address, "--file", clip, "--streams", 2)
    latency = figures["latency"]
    assert (figures["streams"], figures["chunk_ms"], figures["capacity"]) == (2, 20, None)
    assert (figures["backend"], figures["model"]) == ("muntaniala:1x1", "tiny")
    assert_rising(latency)
    assert figures["p50_ms"] <= figures["p99_ms"] <= figures["p999_ms"]
    assert (figures["p50_ms"], figures["p99_ms"]) == (latency["p50_ms"], latency["p99_ms"])
    assert latency["frames"] == 2 * 99  # streams, and frames of 1 s
    assert latency["is_carried"]
    assert latency["client_cpu_s"] > 0.0
    assert latency["server_cpu_s"] is None
    assert (figures["frames_lost"], figures["frames_repeated"]) == (0, 0)
    assert figures["turnover"]["streams"] > 2  # some followed others
    assert figures["turnover"]["refused_streams"] == 0
    assert figures["final_after_end_p99_ms"] > 0.0
    assert figures["first_result_p50_ms"] > 0.0
    boundaries = {each["boundary"]: each for each in latency["energy_per_frame"]}
    assert boundaries["accelerator"]["origin"] == "estimated"
    assert 0.0 < boundaries["accelerator"]["uj"] < boundaries["system"]["uj"]
    assert [run["streams"] for run in figures["runs"]] == [2]
    assert figures["origin"] == "measured"
    assert {"vau", "python", "grpcio", "numpy"} <= figures["versions"].keys()
    not_ours = ("at_16_streams", "refusal_p99_ms", "rss_mb", "rss_kb_per_stream", "pinned")
    assert [figures[name] for name in not_ours] == [None] * len(not_ours)


def test_a_server_of_its_own_is_measured_whole(model: Path, clip: Path) -> None:
    figures = bench("--model", model, "--file", clip, "--streams", 16)
    few = figures["at_16_streams"]
    assert 0.0 < few["p50_ms"] <= few["p99_ms"]
    assert figures["latency"]["server_cpu_s"] > 0.0
    assert figures["rss_mb"] > 10.0
    assert figures["memory"]["streams"] == 16
    assert figures["memory"]["rss_mb_at_streams"] >= figures["rss_mb"]
    refusals = figures["refusals"]
    assert refusals["tried"] == refusals["refused"] > 0
    assert figures["refusal_p99_ms"] == refusals["p99_ms"] > 0.0
    assert figures["pinned"].keys() >= {"server", "generator"}
    assert {goal["figure"] for goal in figures["goals"]} >= {"streams", "refusal_p99_ms"}


def test_unless_it_is_told_it_takes_the_most_that_are_sustained(
    served: Served, clip: Path
) -> None:
    longer = ("--chunk-ms", 100, "--duration", 2)
    figures = bench("--server", served.address, "--file", clip, *longer)
    capacity = figures["capacity"]
    assert figures["streams"] <= capacity["streams"] <= 2
    assert figures["runs"][0]["streams"] == capacity["streams"]
    assert capacity["trials"][0]["streams"] == 2  # more than 2 the server does not take
    assert capacity["is_a_bound"] is (capacity["streams"] == 2)


@pytest.mark.slow  # two searches
def test_a_peer_is_measured_in_the_same_way(model: Path, clip: Path) -> None:
    free = "--listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0"
    peer = f"{sys.executable} -m vau.cli serve --model '{model}' --max-streams 1 {free}"
    command = ("bench", "serve", "--model", model, "--file", clip, "--duration", 1, "--json")
    done = subprocess.run(
        (*VAU, *map(str, command), "--peer-command", peer),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    figures = json.loads(done.stdout)
    peer = figures["peer"]
    assert peer["name"] == "peer"
    refused = {each["streams"]: each["refused_streams"] for each in peer["capacity"]["trials"]}
    refused.pop(1, None)  # whether it keeps the limits with one is for this machine to say
    assert refused
    assert all(lost == streams - 1 for streams, lost in refused.items())
    assert peer["streams"] == peer["capacity"]["streams"] <= 1 or not peer["keeps_to_limits"]
    if figures["vs_peer"] is not None:
        assert figures["vs_peer"] == figures["streams"] > 1


def test_streams_without_room_are_counted(served: Served, clip: Path) -> None:
    command = ("bench", "serve", "--server", served.address, "--file", clip, *SHORT)
    done = vau(*command, "--streams", 3)
    assert done.returncode == 0
    assert "1 streams were refused, the others are measured" in done.stdout


def test_shadows_are_compared_with_a_server_that_has_none(model: Path, clip: Path) -> None:
    figures = bench(
        *("--model", model, "--file", clip, "--streams", 2, "--shadow", "float"),
        VAU_SHADOW="rpu",  # which are for servers that are not ours
        VAU_SHADOW_SHARE="0",
    )
    assert [run["side"] for run in figures["runs"]] == ["off", "on", "on", "off"]
    for side in ("off", "on"):
        assert_rising(figures[side])
        assert figures[side]["server_cpu_s"] > 0.0
        assert figures[side]["others_cpu_s"] >= 0.0
    low, high = figures["p99_ratio_range"]
    assert low <= figures["p99_ratio"] <= high
    assert 0 <= figures["quiet_pairs"] <= 2
    assert figures["verdict"] == "undecided"  # two pairs never decide
    assert figures["within_10_percent"] is None
    shadow = figures["shadow"]
    assert [each["id"] for each in shadow["backends"]] == ["float"]
    assert shadow["frames"] + shadow["shed_frames"] > 0


@pytest.mark.parametrize(
    ("arguments", "status", "part"),
    [
        (["--file", "{clip}.absent"], 4, "No such file"),
        (["--file", "{clip}", "--model", "nobody"], 3, "'nobody'"),
        (["--file", "{clip}", "--backend", "gpu"], 3, "no kind 'gpu' is installed"),
        (["--file", "{clip}", "--shadow", "gpu"], 3, "no kind 'gpu' is installed"),
        (["--file", "{clip}", "float"], 2, "say --shadow before it"),
        (["--file", "{clip}", "--streams", "many"], 2, "'many' is neither"),
        (["--file", "{clip}", "--chunk-ms", "101"], 2, "fewer than 10 chunks of 101 ms"),
        (["--file", "{clip}", "--server", "127.0.0.1:1"], 5, "127.0.0.1:1 does not answer"),
        (["--file", "{clip}", "--server", "a:1", "--shadow"], 2, "leave out one of the two"),
        (["--file", "{clip}", "--peer-command", "x", "--streams", "2"], 2, "--streams cannot"),
    ],
    ids=lambda value: " ".join(value[2:]) if isinstance(value, list) else "",
)
def test_what_goes_wrong_is_one_line(
    model: Path, clip: Path, arguments: list[str], status: int, part: str
) -> None:
    filled = [argument.format(clip=clip) for argument in arguments]
    here = {} if "--server" in filled else {"VAU_MODEL": str(model)}
    done = vau("bench", "serve", *SHORT, *filled, **here)
    assert (done.returncode, done.stdout) == (status, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("vau: error: ")
    assert part in line


def test_a_server_without_room_is_a_refusal(clip: Path) -> None:
    with serving((LIVELY, muntaniala(LIVELY, slot_count=1))) as full:
        talk = Talk(full.client)
        command = ("bench", "serve", "--server", full.address, "--file", clip, "--streams", 1)
        done = vau(*command, *SHORT)
        talk.vanish()
    assert done.returncode == 6
    assert "are taken" in done.stderr


def test_an_interrupted_bench_leaves_no_server(model: Path, clip: Path) -> None:
    command = ("bench", "serve", "--model", model, "--file", clip, "--shadow", "float")
    with started(*command, "--streams", 2, "--duration", 60) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("measuring 127.0.0.1:")
        servers = children(process.pid)
        helpers = [each for server in servers for each in children(server)]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert len(servers) == 2
    eventually(lambda: not any(map(is_running, [*servers, *helpers])))


def test_a_run_too_short_for_its_chunks_is_refused(clip: Path) -> None:
    with pytest.raises(ConfigInvalid, match="2 runs of 1 s, which hold fewer than 10 chunks"):
        BenchPlan(
            file=clip,
            server="",
            model="m",
            backend="b",
            streams=1,
            chunk_ms=101,
            duration_s=2.0,
            seed=0,
            shadows=("float",),
        )
    with pytest.raises(ConfigInvalid, match="duration: 1 s are 1 s, which hold fewer than 10"):
        BenchPlan(
            file=clip,
            server="",
            model="m",
            backend="b",
            streams=1,
            chunk_ms=101,
            duration_s=1.0,
            seed=0,
        )
