import errno
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import typer.main

from tests.audio import encoded, noise, recording
from tests.commands import (
    PATIENCE_S,
    VAU,
    children,
    environment,
    is_running,
    started,
    vau,
)
from tests.in_process import Here
from tests.lively import LIVELY, write_lively_bundle
from tests.serving import Served, Talk, eventually, floating, muntaniala, serving
from vau import errors
from vau.cli import app
from vau.commands import backends as inventory
from vau.commands.flags import variable
from vau.errors import ServerDefect, VauError
from vau.registry import PlugIn
from vau.verbs.outcome import EXIT_CODES

TYPED_ONLY: Final = {
    *product(("align",), ("--phones", "--text", "--text-file", "--format")),
    ("stream", "--model"),
    ("stream", "--backend"),
    ("transcribe", "--resume"),
    ("bench serve", "--shadow"),
    ("token", "--max-streams"),
    ("board serve", "--array"),
    ("board serve", "--listen"),
    ("board serve", "--serial"),
    ("board check", "--model"),
    *product(("board selftest", "board chaos"), ("--array", "--board", "--model")),
}
"""They name what a server or a board has, or what to do with it: the variable and the file name
what this machine has. Or they say what is said in one recording."""

VERBS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def runnable(commands: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Return commands by what is typed, with those of groups in place of the groups."""
    found = {}
    for name, command in commands.items():
        inner = getattr(command, "commands", None)
        found.update(runnable(inner, f"{name} ") if inner else {before + name: command})
    return found


COMMANDS: Final = runnable(VERBS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_lively_bundle(folder / "model")
    recording(folder / "audio/a.flac", 0.5, 0)
    recording(folder / "audio/b.flac", 0.3, 1)
    (folder / "bad.wav").write_bytes(encoded(noise())[:5_000])
    return folder


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving((LIVELY, muntaniala(LIVELY)), (LIVELY, floating(LIVELY))) as running:
        yield running


def assert_one_line(stderr: str, *parts: str) -> None:
    """Check that a command complained in one line that names what it should."""
    (line,) = stderr.splitlines()
    assert line.startswith("vau: error: ")
    for part in parts:
        assert part in line


def all_errors(root: type[VauError] = VauError) -> Iterator[type[VauError]]:
    yield root
    for kind in root.__subclasses__():
        yield from all_errors(kind)


# --- help, flags and their other forms ---------------------------------------------------


def test_help_lists_verbs_and_exit_statuses() -> None:
    done = vau("--help")
    assert (done.returncode, done.stderr) == (0, "")
    unwrapped = " ".join(done.stdout.split())
    for word in (*VERBS, "Exit status", "130 interrupted", "VAU_CHUNK_MS"):
        assert word in unwrapped
    assert max(map(len, done.stdout.splitlines())) <= 96


@pytest.mark.parametrize("group", [(), ("board",), ("bench",)])
def test_no_verb_shows_help_and_is_a_usage_error(here: Here, group: tuple[str, ...]) -> None:
    done, help_text = here(*group), here(*group, "--help").stdout
    assert (done.returncode, done.stdout, done.stderr) == (2, "", help_text)


def test_the_version_is_told() -> None:
    assert vau("--version").stdout.startswith("vau ")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_flag_has_its_environment_variable_and_a_help_text(name: str) -> None:
    options = [each for each in COMMANDS[name].params if each.param_type_name == "option"]
    assert options
    for option in options:
        assert option.help
        if (name, option.opts[0]) not in TYPED_ONLY and option.opts[0] != "--help":
            assert option.envvar == variable(option.opts[0])


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_ray_is_offered_where_an_engine_can_be_chosen(name: str) -> None:
    options = {each.opts[0]: each.help for each in COMMANDS[name].params if each.opts}
    speaks = [flag for flag, text in options.items() if "Ray" in (text or "")]
    assert not speaks or "--engine" in options


def test_a_flag_means_the_same_variable_in_every_command() -> None:
    assert variable("--max-streams") == "VAU_MAX_STREAMS"
    variables = [
        (option.opts[0], option.envvar)
        for command in COMMANDS.values()
        for option in command.params
        if option.param_type_name == "option" and option.envvar
    ]
    assert len({name for name, _ in variables}) == len(set(variables))


@pytest.mark.parametrize("given", ["flag", "variable", "file"])
def test_a_setting_can_be_flag_variable_or_file(
    folder: Path, tmp_path: Path, given: str
) -> None:
    model = str(folder / "model")
    config = tmp_path / "vau.toml"
    config.write_text(f"model = {model!r}\nmax-streams = 3\n")
    flags = ["--model", model] if given == "flag" else []
    if given == "file":
        flags = ["--config", str(config)]
    variables = {"VAU_MODEL": model} if given == "variable" else {}
    done = vau("transcribe", folder / "audio/a.flac", *flags, **variables)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_flag_goes_before_the_variable_and_that_before_the_file(
    folder: Path, tmp_path: Path
) -> None:
    config = tmp_path / "vau.toml"
    config.write_text('model = "from-file"\n')
    command = ("transcribe", folder / "audio/a.flac", "--config", config)
    assert "'from-file'" in vau(*command).stderr
    assert "'from-variable'" in vau(*command, VAU_MODEL="from-variable").stderr
    assert "'flag'" in vau(*command, "--model", "flag", VAU_MODEL="from-variable").stderr


@pytest.mark.parametrize("verb", ["stream", "transcribe", "evaluate"])
def test_what_this_machine_takes_by_default_is_not_asked_of_a_server(
    served: Served, folder: Path, tmp_path: Path, verb: str
) -> None:
    config = tmp_path / "vau.toml"
    config.write_text('backend = "muntaniala:2x1"\n')
    (tmp_path / "a.tsv").write_text(f"utt\tpath\tphones\nu\t{folder}/audio/a.flac\tAA\n")
    what = {"evaluate": ("--manifest", tmp_path / "a.tsv"), "stream": ("--no-pace",)}
    file = () if verb == "evaluate" else (folder / "audio/a.flac",)
    command = (verb, *file, *what.get(verb, ()), "--server", served.address, "--config", config)
    done = vau(*command, VAU_MODEL=f"{folder}/model")
    assert done.returncode == 0
    about = "is about this machine: the server takes its first"
    backend = f'backend = "muntaniala:2x1" in {config}'
    assert done.stderr.splitlines() == [  # or whoever set them would think they were heard
        f"vau: notice: VAU_MODEL={folder}/model {about} model, unless --model is typed",
        f"vau: notice: {backend} {about} backend, unless --backend is typed",
    ]
    typed = ("--model", "huge", "--backend", "float")
    done = vau(*command, *typed, VAU_MODEL=f"{folder}/model")
    assert done.returncode == 3
    assert_one_line(done.stderr, "'huge'", "there are: tiny")


@pytest.mark.parametrize("given", ["flag", "variable", "file"])
def test_a_fallback_can_be_flag_variable_or_file(
    served: Served, folder: Path, tmp_path: Path, here: Here, given: str
) -> None:
    config = tmp_path / "vau.toml"
    config.write_text('fallback-backend = ["same-kind", "nobody"]\n')
    flags = {
        "flag": ("--fallback-backend", "same-kind", "--fallback-backend", "nobody"),
        "file": ("--config", str(config)),
    }.get(given, ())
    variables = {"VAU_FALLBACK_BACKEND": "same-kind nobody"} if given == "variable" else {}
    audio = str(folder / "audio/a.flac")
    done = here("stream", audio, "--server", served.address, *flags, **variables)
    assert done.returncode == 3
    named = {
        "flag": "--fallback-backend",
        "variable": "VAU_FALLBACK_BACKEND",
        "file": f"fallback-backend in {config}",
    }[given]
    assert_one_line(done.stderr, f"{named}: 'nobody' is not served here")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("modle = 1", "no flag is called modle; did you mean model?"),
        ("model = ", "vau.toml: "),
        ("chunk-ms = 'long'", 'chunk-ms = "long" in '),
    ],
)
def test_a_file_of_settings_that_cannot_be_meant_is_refused(
    tmp_path: Path, text: str, expected: str
) -> None:
    config = tmp_path / "vau.toml"
    config.write_text(text)
    done = vau("demo", "x.wav", "--config", config)
    assert done.returncode == 2
    assert_one_line(done.stderr, expected)


# --- exit statuses and messages ----------------------------------------------------------


@pytest.mark.parametrize("kind", list(all_errors()))
def test_every_error_has_an_exit_status(kind: type[VauError]) -> None:
    status = next(EXIT_CODES[each] for each in kind.__mro__ if each in EXIT_CODES)
    assert status in {2, 3, 4, 5, 6, 74} or kind in (VauError, ServerDefect)


def test_refusals_are_told_from_what_is_unusable() -> None:
    assert EXIT_CODES[errors.BackendBusy] != EXIT_CODES[errors.BackendError]


@pytest.mark.parametrize(
    ("arguments", "status", "part"),
    [
        (["transcrib"], 2, "transcribe"),
        (["transcribe"], 2, "PATHS"),
        (["transcribe", "{folder}/absent"], 2, "no such file or folder"),
        (["transcribe", "{folder}/audio", "--limit", "1"], 2, "--limit: is of a --manifest"),
        (["transcribe", "{folder}/audio", "--channel", "left"], 2, "'left' is neither"),
        (["transcribe", "{folder}/audio", "--format", "xml"], 2, "'xml' is none of jsonl"),
        (["transcribe", "{folder}/audio", "--decoder", "best"], 2, "'best' is not one of"),
        (["transcribe", "{folder}/audio", "--model", "nobody"], 3, "'nobody'"),
        (["transcribe", "{folder}/audio/a.flac", "--backend", "gpu"], 3, "muntaniala"),
        (["transcribe", "{folder}/bad.wav"], 4, "is cut short"),
        (["transcribe", "{folder}/audio/a.flac", "--channel", "2"], 4, "has 1 channel"),
        (["transcribe", "{folder}/audio", "--server", "127.0.0.1:1"], 5, "127.0.0.1:1"),
        (["stream"], 2, "--mic"),
        (["stream", "{folder}/bad.wav"], 4, "is cut short"),
        (["stream", "{folder}/audio/a.flac", "--server", "127.0.0.1:1"], 5, "127.0.0.1:1"),
        (["features", "{folder}/bad.wav", "--out", "{folder}/x.npz"], 4, "is cut short"),
        (["evaluate", "--manifest", "{folder}/absent.tsv"], 2, "absent.tsv"),
        (["transcribe", "{folder}/audio", "--logits"], 2, "--logits: says what --out writes"),
        (["transcribe", "{folder}/audio", "--format", "npz"], 2, "--format: says what --out"),
        (["stream", "{folder}/audio/a.flac", "--format", "npz"], 2, "there is no --out"),
        (
            ["stream", "{folder}/audio/a.flac", "--logits", "--out", "{folder}/none"],
            2,
            "--logits: go into npz, and --format is jsonl; add --format jsonl,npz",
        ),
        (
            ["transcribe", "{folder}/audio", "--logits", "--out", "x", "--format", "npz,kaldi"],
            2,
            "--logits: takes the place of the log posteriors that --format kaldi needs",
        ),
        (["serve", "--metrics-listen", "no"], 2, "or off for none"),
        (["serve", "--listen", "everywhere"], 2, "everywhere is not host:port"),
        (["serve", "--listen", "0.0.0.0:0"], 2, "insecure"),
        (["serve", "--idle-timeout", "0"], 2, "--idle-timeout 0 must be"),
        (["serve", "--max-stream-duration", "-1"], 2, "--max-stream-duration -1 must be"),
        (["serve", "--write-timeout", "0"], 2, "--write-timeout 0 must be"),
        (["serve", "--keepalive", "0"], 2, "--keepalive 0 must be"),
        (["serve", "--keepalive-timeout", "0"], 2, "--keepalive-timeout 0 must be"),
        (["serve", "--max-connection-age", "-1"], 2, "--max-connection-age -1 must be"),
        (
            ["serve", "--max-connection-age-grace", "-1"],
            2,
            "--max-connection-age-grace -1 must be",
        ),
        (["serve", "--model", "nobody"], 3, "'nobody'"),
        (["backends", "--server", "127.0.0.1:1"], 5, "127.0.0.1:1"),
        (["verify", "{folder}/audio/a.flac"], 2, "or --digest alone"),
        (["verify", "{folder}/audio/a.flac", "{folder}/absent.jsonl"], 2, "absent.jsonl"),
        (["verify", "{folder}/audio/a.flac", "--digest", "12"], 2, "64 hexadecimal digits"),
        (["verify", "{folder}/bad.wav", "--digest", "0" * 64], 4, "is cut short"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_goes_wrong_has_one_line_and_its_exit_status(
    here: Here, folder: Path, arguments: list[str], status: int, part: str
) -> None:
    filled = [argument.format(folder=folder) for argument in arguments]
    is_elsewhere = bool({"--model", "--server", "stream"} & {*filled})
    done = here(*filled, **({} if is_elsewhere else {"VAU_MODEL": f"{folder}/model"}))
    assert (done.returncode, done.stdout) == (status, "")
    assert_one_line(done.stderr, part)


def test_the_exit_status_is_that_of_the_process() -> None:
    done = vau("transcribe", "absent")
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_line(done.stderr, "no such file or folder")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_kernel_that_is_not_to_be_had_is_a_usage_error_in_however_many_processes(
    folder: Path, jobs: int
) -> None:
    command = ("transcribe", folder / "audio", "--model", folder / "model", "--jobs", jobs)
    done = vau(*command, VAU_KERNEL="abacus")
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_line(
        done.stderr, "VAU_KERNEL=abacus: there is no such tier of muntaniala; take one of "
    )


def test_a_full_server_is_a_refusal(folder: Path) -> None:
    with serving((LIVELY, muntaniala(LIVELY, slot_count=1))) as served:
        talk = Talk(served.client)
        done = vau("stream", folder / "audio/a.flac", "--server", served.address, "--no-resume")
        talk.vanish()
    assert done.returncode == 6
    assert_one_line(done.stderr, "try again in 1 s")


def test_a_stream_waits_for_room_and_says_so(folder: Path) -> None:
    with serving((LIVELY, muntaniala(LIVELY, slot_count=1))) as served:
        talk = Talk(served.client)
        command = ("stream", folder / "audio/a.flac", "--server", served.address)
        with started(*command, "--no-pace", "--json") as process:
            assert process.stderr is not None
            said = process.stderr.readline()
            talk.vanish()
            process.communicate(timeout=PATIENCE_S)
    assert said.startswith("vau: notice: no room yet, trying again for 60 s: all streams of ")
    assert process.returncode == 0


def test_a_strict_run_ends_at_the_first_bad_file_with_its_status(
    here: Here, folder: Path
) -> None:
    paths = [f"{folder}/audio/a.flac", f"{folder}/bad.wav", f"{folder}/audio/b.flac"]
    done = here("transcribe", *paths, "--model", f"{folder}/model", "--jobs", "1", "--strict")
    assert done.returncode == 4
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == paths[:1]


def test_progress_is_a_line_of_json_for_each_file(
    here: Here, folder: Path, tmp_path: Path
) -> None:
    paths = [f"{folder}/audio/a.flac", f"{folder}/bad.wav", f"{folder}/audio/b.flac"]
    more = ("--model", f"{folder}/model", "--jobs", "1", "--out", str(tmp_path))
    done = here("transcribe", *paths, *more, "--progress", "jsonl")
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [(line["file"], line["outcome"], line["files"]) for line in lines] == [
        (paths[0], "heard", 1),
        (paths[1], "failed", 2),
        (paths[2], "heard", 3),
    ]
    assert "is cut short" in lines[1]["error"]
    assert {line["of"] for line in lines} == {3}
    assert lines[-1]["audio_s"] == pytest.approx(0.8)
    assert lines[-1]["times_real_time"] > 0
    done = here("transcribe", *paths, *more, "--progress", "jsonl", "--resume")
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [line["outcome"] for line in lines] == ["kept", "failed", "kept"]
    done = here("transcribe", *paths, *more, "--progress", "none")
    assert "{" not in done.stderr


def test_some_bad_files_are_reported_and_the_others_go_on(folder: Path, tmp_path: Path) -> None:
    command = ("transcribe", folder / "audio", folder / "bad.wav", "--model", folder / "model")
    done = vau(*command)
    assert done.returncode == 1
    assert_one_line(done.stderr, f"{folder}/bad.wav: is cut short")
    files = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert files == [f"{folder}/audio/a.flac", f"{folder}/audio/b.flac"]
    written = vau(*command, "--out", tmp_path, "--format", "npz,jsonl")
    assert (written.returncode, written.stdout) == (1, "")
    _, files_line, audio_line, *energy_lines = written.stderr.splitlines()
    assert files_line == "vau: files    2 heard, 0 left as they were, 1 failed"
    assert audio_line.startswith("vau: audio    0.0002 h in ")
    assert audio_line.endswith(" x real time")
    assert energy_lines
    for line in energy_lines:
        assert line.startswith("vau: energy   ")
        assert " in total, ESTIMATED by muntaniala" in line
    again = vau(*command, "--out", tmp_path, "--format", "npz,jsonl", "--resume")
    assert again.stderr.splitlines()[1:] == [
        "vau: files    0 heard, 2 left as they were, 1 failed"
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.jsonl",
        "a.npz",
        "b.jsonl",
        "b.npz",
        "manifest.jsonl",
    ]


def test_an_interrupt_ends_a_stream_without_a_word(served: Served, tmp_path: Path) -> None:
    long = recording(tmp_path / "long.flac", 60.0)
    with started("stream", long, "--server", served.address, "--json") as process:
        assert process.stdout is not None
        assert process.stdout.readline()  # it streams
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, stderr) == (130, "")


def test_what_a_server_finds_worth_a_notice_is_told_in_words(tmp_path: Path) -> None:
    long = recording(tmp_path / "long.flac", 60.0)
    with (
        serving((LIVELY, muntaniala(LIVELY))) as served,
        started("stream", long, "--server", served.address, "--json", "--no-resume") as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline()  # it streams
        served.run(served.server.drain(0.2))
        _, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 5
    assert "vau: notice: The server shuts down: end within 0.2 s." in stderr


def test_sigterm_ends_a_stream_with_143(served: Served, tmp_path: Path) -> None:
    long = recording(tmp_path / "long.flac", 60.0)
    with started("stream", long, "--server", served.address, "--json") as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.terminate()
        _, stderr = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, stderr) == (143, "")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_ends_all_processes_of_a_batch(
    folder: Path, tmp_path: Path, number: int, status: int
) -> None:
    for seed in range(4):
        recording(tmp_path / f"{seed}.flac", 300.0, seed)
    command = ("transcribe", tmp_path, "--model", folder / "model", "--jobs", 2)
    with started(*command) as process:
        eventually(lambda: len(children(process.pid)) >= 2)
        workers = children(process.pid)
        process.send_signal(number)
        if number == signal.SIGINT:
            assert process.stderr is not None
            assert "again to stop at once" in process.stderr.readline()
            process.send_signal(number)
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, stdout, stderr) == (status, "", "")
    eventually(lambda: not any(map(is_running, workers)))


def test_a_reader_that_has_read_enough_ends_us_quietly(folder: Path) -> None:
    with started("transcribe", folder / "audio", "--model", folder / "model") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        stderr = process.stderr.read()
        process.wait(PATIENCE_S)
    assert (process.returncode, stderr) == (1, "")


def test_a_standard_stream_that_is_closed_is_no_defect(served: Served, folder: Path) -> None:
    verbs = ("--version", f"backends --server {served.address}", "token alice")
    audio = folder / "audio/a.flac"
    for verb in (*verbs, f"stream {audio} --no-pace --server {served.address}"):
        command = f"exec {sys.executable} -m vau.cli {verb} <&- >&-"
        done = subprocess.run(
            ["sh", "-c", command],
            env=environment(),
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr


def test_a_path_that_is_no_utf_8_is_printed_with_its_bytes(
    folder: Path, tmp_path: Path
) -> None:
    file = recording(tmp_path / os.fsdecode(b"\xe9.flac"), 0.1)
    done = subprocess.run(
        (*VAU, "transcribe", file, "--model", folder / "model"),
        env=environment(PYTHONIOENCODING="utf-8:strict"),  # as of any locale but C
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.partition(b"\t")[0] == os.fsencode(file)


@pytest.mark.parametrize("verb", ["--version", "stream"])
def test_an_output_that_is_full_is_told_in_a_line(
    served: Served, folder: Path, verb: str
) -> None:
    arguments = [verb]
    if verb == "stream":
        arguments += [str(folder / "audio/a.flac"), "--no-pace", "--server", served.address]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            (*VAU, *arguments),
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert done.returncode == 74
    assert_one_line(done.stderr, "the output cannot be written: no space is left")


def test_a_file_that_cannot_be_written_ends_a_verb_as_an_output_that_is_full_does(
    folder: Path, here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(_from: Path, _to: Path) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    audio = f"{folder}/audio/a.flac"
    heard = ("transcribe", audio, "--model", f"{folder}/model", "--progress", "jsonl")
    for verb in (("features", audio), heard):
        done = here(*verb, "--out", f"{tmp_path}/x")
        assert done.returncode == 74
        assert_one_line(done.stderr, "No space left on device; make room there")


# --- the verbs ---------------------------------------------------------------------------


def test_a_list_on_stdin_is_transcribed_and_a_manifest_of_the_environment_left_alone(
    folder: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = io.TextIOWrapper(io.BytesIO(f"{folder}/audio/a.flac\n".encode()))
    monkeypatch.setattr("sys.stdin", listed)
    done = here("transcribe", "-", VAU_MODEL=f"{folder}/model", VAU_MANIFEST="absent.tsv")
    assert (done.returncode, done.stdout.partition("\t")[0]) == (0, f"{folder}/audio/a.flac")
    done = here("transcribe", VAU_MANIFEST="absent.tsv")
    assert_one_line(done.stderr, "absent.tsv: cannot be read")


def test_a_file_streamed_transcribed_and_served_is_the_same(
    served: Served, folder: Path, tmp_path: Path
) -> None:
    output = ("--format", "jsonl,npz", "--out")
    server = ("--server", served.address)
    file = folder / "audio/a.flac"
    commands = {
        "here": ("transcribe", file, "--model", folder / "model"),
        "there": ("transcribe", file, *server),
        "streamed": ("stream", file, "--no-pace", "--chunk-ms", 20, *server),
    }
    seen = []
    for name, command in commands.items():
        assert vau(*command, *output, tmp_path / name).returncode == 0
        *lines, summary = (tmp_path / name / "a.jsonl").read_text().splitlines()
        with np.load(tmp_path / name / "a.npz", allow_pickle=False) as stored:
            posteriors = stored["log_posterior"].tolist()
        digests = [json.loads(summary)[key] for key in ("input_digest", "output_digest")]
        seen.append((lines, digests, posteriors))
    assert seen[0] == seen[1] == seen[2]


def test_a_stream_prints_phonemes_and_a_summary(served: Served, folder: Path) -> None:
    file = folder / "audio/a.flac"
    done = vau("stream", file, "--server", served.address)
    assert (done.returncode, done.stderr) == (0, "")
    phones, _, figures = done.stdout.partition("\n\n")
    for line in phones.splitlines():
        start, end, symbol = line.split()
        assert float(start) < float(end)
        assert symbol in (*LIVELY.phonemes, "·")
    assert [line.split()[0] for line in figures.splitlines()] == [
        "engine",
        "audio",
        "speed",
        "latency",
        "late",
        "energy",
    ]


def test_a_pipe_streams_like_its_file_and_ends_with_a_digest(
    served: Served, folder: Path
) -> None:
    file, server = folder / "audio/a.flac", ("--server", served.address)
    from_file = vau("stream", file, "--no-pace", "--json", *server).stdout.splitlines()
    with started("stream", "-", "--json", *server) as process:
        assert process.stdin is not None
        os.write(process.stdin.fileno(), noise(8_000).tobytes())
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, stderr) == (0, "")
    *phones, summary = stdout.splitlines()
    assert phones == from_file[:-1]
    digests = [json.loads(line)["output_digest"] for line in (summary, from_file[-1])]
    assert len(digests[0]) == 64
    assert digests[0] == digests[1]


def test_evaluate_gives_both_error_rates(folder: Path) -> None:
    manifest = folder / "manifest.tsv"
    manifest.write_text("utt\tpath\tphones\nu\taudio/a.flac\tAA B\nv\taudio/b.flac\tS\n")
    command = ("evaluate", "--manifest", manifest, "--model", folder / "model")
    figures = json.loads(vau(*command, "--json").stdout)
    assert (figures["utterances"], figures["phone_count"]) == (2, 3)
    assert figures["per"] == sum(figures["counts"].values()) / 3
    assert figures["per_float"] == sum(figures["counts_float"].values()) / 3
    table = vau(*command, "--jobs", 1).stdout.splitlines()
    assert table[0] == f"tiny: 2 utterances, 3 phones, {figures['frames']} frames"
    assert table[2].split()[:2] == ["muntaniala:1x1", f"{figures['per']:.2%}"]


def test_features_are_written(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.npz"
    done = vau("features", folder / "audio/a.flac", "--kind", "mfcc", "--out", target)
    assert done.stdout == f"{target}: 49 frames of 39 features\n"
    with np.load(target, allow_pickle=False) as stored:
        assert stored["features"].shape == (49, 39)


def test_backends_are_listed_here_and_on_a_server(served: Served, folder: Path) -> None:
    here = json.loads(vau("backends", "--model", folder / "model", "--json").stdout)
    assert {"float", "muntaniala"} <= {each["kind"] for each in here["backends"]}
    talk = Talk(served.client)
    *there, room = vau("backends", "--server", served.address).stdout.splitlines()
    facts = json.loads(vau("backends", "--server", served.address, "--json").stdout)
    talk.vanish()
    assert [line.split()[:2] for line in there] == [
        ["muntaniala:1x1", "ready"],
        ["float", "ready"],
    ]
    assert room == "streams of the server: 1 of 16"
    assert facts["streams"] == {"in_use": 1, "limit": 16}
    assert "streams" not in here


def test_a_server_that_states_no_limit_is_said_none() -> None:
    assert inventory.Room(in_use=2, limit=0).line() == "streams of the server: 2"


def test_without_a_model_backends_says_so_and_lists_what_is_installed() -> None:
    done = vau("backends", "--model", "nobody")
    assert done.returncode == 0
    assert "'nobody' is neither" in done.stdout


def test_a_plug_in_that_breaks_while_it_looks_around_is_listed_with_its_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def discover(self, _model: object) -> list[str]:
            raise OSError("the bus\nis gone")

    plug_in = PlugIn("board", "board 1.0", Broken())  # type: ignore[arg-type]
    monkeypatch.setattr(inventory, "plug_ins", lambda: [plug_in])
    (found,) = inventory.here(str(folder / "model"))
    assert (found.state, found.text) == ("unusable", "OSError: the bus is gone")


def test_serve_says_where_it_listens_and_stops_when_told(folder: Path) -> None:
    arguments = ("--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0")
    with started("serve", "--model", folder / "model", *arguments) as process:
        assert process.stderr is not None
        first = json.loads(process.stderr.readline())
        assert {"grpc", "metrics"} <= first.keys()
        assert vau("backends", "--server", first["grpc"]).returncode == 0
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


def test_help_does_not_wait_for_what_it_does_not_need() -> None:
    done = vau("--help", PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in imported
    assert not imported & {"numpy", "grpc", "soundfile", "prometheus_client"}
