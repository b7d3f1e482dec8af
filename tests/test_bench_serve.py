"""``vau bench serve`` as a user has it."""

import json
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from tests.audio import recording
from tests.commands import PATIENCE_S, children, is_running, started, vau
from tests.lively import LIVELY, write_lively_bundle
from tests.serving import Served, Talk, eventually, muntaniala, serving
from vau.commands.bench_plan import Bench, BenchPlan, Engine
from vau.commands.bench_report import report
from vau.commands.bench_text import text
from vau.errors import ConfigInvalid
from vau.load.figures import CpuSeconds, Run
from vau.load.page import MetricsPage

SHORT: Final = ("--duration", 1, "--chunk-ms", 20)
"""Two runs of half a second, with as many chunks as there have to be."""


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
    assert (figures["streams"], figures["half_of"], figures["chunk_ms"]) == (2, None, 20)
    assert (figures["backend"], figures["model"]) == ("muntaniala:1x1", "tiny")
    assert_rising(latency)
    assert_rising(latency["final"])
    assert latency["frames"] == 2 * 2 * 49  # runs, streams, and frames of 0.5 s
    assert latency["is_carried"]
    assert latency["client_cpu_s"] > 0.0
    assert latency["server_cpu_s"] is None
    boundaries = {each["boundary"]: each for each in latency["energy_per_frame"]}
    assert boundaries["accelerator"]["origin"] == "estimated"
    assert 0.0 < boundaries["accelerator"]["uj"] < boundaries["system"]["uj"]
    assert [run["streams"] for run in figures["runs"]] == [2, 2]
    assert figures["origin"] == "measured"
    assert {"vau", "python", "grpcio", "numpy"} <= figures["versions"].keys()


def test_unless_it_is_told_it_takes_half_of_what_is_sustained(
    served: Served, clip: Path
) -> None:
    longer = ("--chunk-ms", 100, "--duration", 2)
    figures = bench("--server", served.address, "--file", clip, *longer)
    capacity = figures["capacity"]
    assert figures["half_of"] == capacity["streams"]
    assert figures["streams"] == max(1, capacity["streams"] // 2)
    assert capacity["trials"][0]["streams"] == 2  # more than 2 the server does not take
    assert capacity["is_a_bound"] is (capacity["streams"] == 2)


def test_streams_without_room_are_counted(served: Served, clip: Path) -> None:
    command = ("bench", "serve", "--server", served.address, "--file", clip, *SHORT)
    done = vau(*command, "--streams", 3)
    assert done.returncode == 0
    assert "1 streams were refused, the others are measured" in done.stdout


def test_shadows_are_compared_with_a_server_that_has_none(model: Path, clip: Path) -> None:
    figures = bench(
        *("--model", model, "--file", clip, "--streams", 2, "--shadow", "float"),
        VAU_SHADOW="rpu",  # which is for servers that are not ours
    )
    assert [run["side"] for run in figures["runs"]] == ["off", "on", "on", "off"]
    for side in ("off", "on"):
        assert_rising(figures[side])
        assert figures[side]["server_cpu_s"] > 0.0
        assert figures[side]["others_cpu_s"] >= 0.0
    low, high = figures["p99_ratio_range"]
    assert low <= figures["p99_ratio"] <= high
    assert 0 <= figures["quiet_pairs"] <= 2
    assert figures["within_10_percent"] is (figures["p99_ratio"] <= 1.1)
    shadow = figures["shadow"]
    assert [each["id"] for each in shadow["backends"]] == ["float"]
    assert shadow["frames"] + shadow["shed_frames"] > 0


def test_a_target_that_was_missed_is_said_so_and_is_no_failure() -> None:
    side: dict[str, Any] = {
        **dict.fromkeys(("p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms"), 1.0),
        "final": {},
        "energy_per_frame": [],
        "is_carried": True,
        "refused_streams": 0,
        "held_back_chunks": 0,
        "deadline_misses": 0,
        "frames": 1,
        "send_lateness_p99_ms": 30.0,
        "client_cpu_s": 1.0,
        "server_cpu_s": None,
        "server_helpers_cpu_s": None,
        "others_cpu_s": None,
    }
    figures = {
        "model": "m",
        "backend": "b",
        "tier": "",
        "streams": 1,
        "capacity": None,
        "chunk_ms": 100,
        "runs_per_side": 2,
        "run_s": 8.0,
        "off": side,
        "on": side | {"is_carried": False},
        "p99_ratio": 1.2,
        "p99_ratio_range": [1.1, 1.3],
        "quiet_pairs": 1,
        "p99_ratio_of_quiet_pairs": 1.15,
        "within_10_percent": False,
        "shadow": {"backends": []},
    }
    shown = text(figures)
    assert "MISSED" in shown
    assert "NOT CARRIED" in shown
    assert "TOO LATE: much of each time is this side's own delay" in shown
    assert "MISSED" not in text({**figures, "within_10_percent": True})


@pytest.mark.parametrize(
    ("arguments", "status", "part"),
    [
        (["--file", "{clip}.absent"], 4, "No such file"),
        (["--file", "{clip}", "--model", "nobody"], 3, "'nobody'"),
        (["--file", "{clip}", "--backend", "gpu"], 3, "no kind 'gpu' is installed"),
        (["--file", "{clip}", "--shadow", "gpu"], 3, "no kind 'gpu' is installed"),
        (["--file", "{clip}", "float"], 2, "say --shadow before it"),
        (["--file", "{clip}", "--streams", "many"], 2, "'many' is neither"),
        (["--file", "{clip}", "--chunk-ms", "2000"], 2, "fewer than 10 chunks of 2000 ms"),
        (["--file", "{clip}", "--server", "127.0.0.1:1"], 5, "127.0.0.1:1 does not answer"),
        (["--file", "{clip}", "--server", "a:1", "--shadow"], 2, "leave out one of the two"),
    ],
    ids=lambda value: " ".join(value[2:]) if isinstance(value, list) else "",
)
def test_what_goes_wrong_is_one_line(
    model: Path, clip: Path, arguments: list[str], status: int, part: str
) -> None:
    filled = [argument.format(clip=clip) for argument in arguments]
    short = () if "--chunk-ms" in filled else SHORT
    done = vau("bench", "serve", *short, *filled, VAU_MODEL=str(model))
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


def test_pairs_that_other_work_disturbed_are_told_from_quiet_ones() -> None:
    def run(p99_s: float, others_s: float) -> Run:
        return Run(
            streams=1,
            refused_streams=0,
            chunk_s=0.1,
            latencies_s=np.array([p99_s]),
            final_latencies_s=np.array([0.1]),
            lag_growth_s=0.0,
            send_lateness_s=np.array([0.0]),
            held_back_chunks=0,
            frames=100,
            deadline_misses=0,
            energies=(),
            cpu=CpuSeconds(client=0.1, server=0.1, helpers=0.0, others=others_s),
        )

    plan = BenchPlan(
        file=Path("clip"),
        server="",
        model="m",
        backend="b",
        streams=1,
        chunk_ms=100,
        duration_s=12.0,
        seed=0,
        shadows=("float",),
    )
    found = report(
        Bench(
            plan=plan,
            engine=Engine(model="m", backend="b", tier="", version="0"),
            capacity=None,
            streams=1,
            runs=(
                *(("off", run(0.010, 0.0)), ("on", run(0.012, 0.1))),
                *(("on", run(0.090, 0.0)), ("off", run(0.010, 3.0))),
                *(("off", run(0.010, 0.2)), ("on", run(0.011, 0.3))),
            ),
            shadow_page=MetricsPage(()),
        )
    )
    assert found["p99_ratio"] == 1.2
    assert found["p99_ratio_range"] == [1.1, 9.0]
    assert (found["quiet_pairs"], found["p99_ratio_of_quiet_pairs"]) == (2, 1.15)
    assert not found["within_10_percent"]


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
        )
