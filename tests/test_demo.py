import json
import os
import pty
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

import pytest
import typer.main

from tests.audio import noise, recording
from tests.commands import (
    PATIENCE_S,
    ROOT,
    VAU,
    children,
    environment,
    is_running,
    started,
    vau,
)
from tests.lively import LIVELY, write_lively_bundle
from tests.serving import eventually, muntaniala
from vau.batch import Batch
from vau.cli import app
from vau.commands.clip import default_clip
from vau.commands.demo import network_for, shown_metrics
from vau.errors import AudioError
from vau.transcripts import Transcription
from vau_backends.muntaniala.kernel import choose


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    write_lively_bundle(folder)
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recording(tmp_path_factory.mktemp("recordings") / "clip.flac", 1.0)


def test_the_demonstration_ends_with_one_line_of_figures(model: Path, clip: Path) -> None:
    done = vau("demo", clip, "--model", model, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    figures = json.loads(line)
    assert list(figures) == [
        "audio_s",
        "frames",
        "phones",
        "frame_latency_ms",
        "energy_uj_per_frame",
        "energy_origin",
        "energy_j_total",
        "realtime_factor",
        "backend",
        "tier",
        "model",
    ]
    ((_, here),) = Batch(LIVELY, muntaniala(LIVELY)).transcribe([clip])
    assert isinstance(here, Transcription)
    assert figures["phones"] == here.symbols()
    assert (figures["audio_s"], figures["frames"]) == (1.0, 99)
    assert 0.0 < figures["frame_latency_ms"]["p50"] <= figures["frame_latency_ms"]["p99"]
    assert figures["energy_origin"] == "estimated"
    total_j = here.energies[0].joules  # of the system; boundaries do not add up
    assert figures["energy_j_total"] == pytest.approx(total_j)
    assert figures["energy_uj_per_frame"] == pytest.approx(total_j / 99 * 1e6)
    assert figures["realtime_factor"] > 0.0
    assert (figures["backend"], figures["model"]) == ("muntaniala:1x1", "tiny")
    assert figures["tier"] == choose()


def test_elsewhere_than_on_a_terminal_it_prints_lines_and_stops_its_server(
    model: Path, clip: Path
) -> None:
    done = vau("demo", clip, "--model", model, "--no-pace")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert "ESTIMATED by" in done.stdout
    assert "\nvau_energy_joules_total{" in done.stdout
    assert 'vau_frames_total{backend="muntaniala:1x1"} 99.0' in done.stdout
    (url,) = (line.split()[0] for line in done.stdout.splitlines() if line.startswith("http"))
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(url, timeout=PATIENCE_S)


def test_a_backend_without_energy_says_null_and_not_zero(model: Path, clip: Path) -> None:
    done = vau("demo", clip, "--model", model, "--backend", "float", "--no-pace", "--json")
    figures = json.loads(done.stdout)
    assert figures["backend"] == "float"
    assert figures["energy_j_total"] is figures["energy_origin"] is None


def test_on_a_terminal_it_draws(model: Path, clip: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        command = [*VAU, "demo", str(clip), "--model", str(model)]
        os.execvpe(command[0], command, environment(TERM="xterm-256color", COLUMNS="90"))
    drawn = b""
    try:
        while piece := os.read(terminal, 65_536):
            drawn += piece
    except OSError:  # how Linux says that the other side is gone
        pass
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    picture = drawn.decode()
    for part in ("clip.flac", "latency", "p99", "░", "of 1.0 s", "vau_energy_joules_total"):
        assert part in picture


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_demonstration_leaves_no_server(
    model: Path, tmp_path: Path, number: int, status: int
) -> None:
    long = recording(tmp_path / "long.flac", 60.0)
    with started("demo", long, "--model", model) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the first phoneme: everything runs
        (server,) = children(process.pid)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, stderr) == (status, "")
    eventually(lambda: not is_running(server))


def test_interrupted_while_the_server_starts_it_leaves_none(model: Path, clip: Path) -> None:
    with started("demo", clip, "--model", model) as process:
        eventually(lambda: bool(children(process.pid)))
        (server,) = children(process.pid)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    eventually(lambda: not is_running(server))


@pytest.mark.parametrize(
    ("arguments", "status", "part"),
    [
        (
            ["{clip}", "--model", "nobody"],
            3,
            "model: 'nobody'",
        ),
        (["{clip}", "--backend", "gpu"], 3, "no kind 'gpu' is installed"),
        (["{clip}.absent"], 4, "No such file"),
        (["{clip}", "--chunk-ms", "0"], 2, "--chunk-ms"),
    ],
    ids=["model", "backend", "file", "chunk"],
)
def test_what_goes_wrong_is_one_line(
    model: Path, clip: Path, arguments: list[str], status: int, part: str
) -> None:
    filled = [argument.format(clip=clip) for argument in arguments]
    done = vau("demo", *filled, VAU_MODEL=str(model))
    assert (done.returncode, done.stdout) == (status, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("vau: error: ")
    assert part in line


def test_a_file_that_cannot_be_read_starts_no_server(model: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(noise().tobytes())
    done = vau("demo", bad, "--model", model)
    assert done.returncode == 4
    assert "bad.wav: is not WAV" in done.stderr


def test_without_a_recording_it_says_where_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("vau.commands.clip.INSTALLED", tmp_path)
    monkeypatch.setattr("vau.commands.clip.FETCHED", tmp_path / "fetched" / "clip.wav")
    with pytest.raises(AudioError, match="apt install pocketsphinx-testdata"):
        default_clip()
    (tmp_path / "fetched").mkdir()
    fetched = recording(tmp_path / "fetched" / "clip.wav")
    monkeypatch.setattr("vau.commands.clip.INSTALLED", tmp_path / "nowhere")
    assert default_clip() == fetched


def test_of_several_recordings_it_takes_the_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("vau.commands.clip.INSTALLED", tmp_path)
    second, first = recording(tmp_path / "b.wav"), recording(tmp_path / "a.wav")
    assert default_clip() == first != second


def test_of_many_buckets_the_one_at_the_budget_is_shown() -> None:
    name = "vau_frame_latency_seconds"
    page = [
        f"# HELP {name} Per frame.",
        f'{name}_bucket{{le="0.005",stage="total"}} 1.0',
        f'{name}_bucket{{le="0.01",stage="total"}} 2.0',
        f'{name}_bucket{{le="0.01",stage="queue"}} 2.0',
        f'{name}_count{{stage="total"}} 2.0',
        "vau_frames_total 2.0",
        "vau_batch_size_count 2.0",
    ]
    assert shown_metrics(page) == [page[2], page[4], page[5]]


OPTIONS: Final = {
    name: option
    for option in typer.main.get_command(app).commands["demo"].params  # type: ignore[attr-defined]
    if option.param_type_name == "option"
    for name in (*option.opts, *option.secondary_opts)
}


def names_file(*arguments: str) -> bool:
    """Ask the script that starts the demonstration whether these name a FILE."""
    script = (ROOT / "run").read_text()
    function = script[script.index("names_file() {") :].partition("\n}\n")[0] + "\n}\n"
    command = ["sh", "-eu", "-c", f'{function}if names_file "$@"; then echo yes; fi', "sh"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)
    return done.stdout == "yes\n"


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_the_value_of_an_option_is_not_taken_for_the_file(name: str) -> None:
    if OPTIONS[name].is_flag:
        assert names_file(name) is (name in ("-h", "--help"))
        assert names_file(name, "x.wav")
    else:
        assert not names_file(name, "vau.toml")
        assert not names_file(f"{name}=vau.toml", "--json")
        assert names_file(name, "vau.toml", "x.wav")


def test_a_file_may_stand_anywhere() -> None:
    assert names_file("x.wav", "--json")
    assert names_file("--json", "--", "-x.wav")
    assert not names_file()
    assert not names_file("--json", "--config")


@pytest.mark.parametrize(
    ("backend", "network"),
    [("board", "munt-1x192"), ("board:virtual:2x2", "munt-1x192"), ("muntaniala", "")],
)
def test_a_board_is_shown_with_a_network_that_fits_it(backend: str, network: str) -> None:
    assert network_for(backend) == network
