import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import pytest

from tests.audio import recording
from tests.commands import PATIENCE_S, started
from tests.lively import LIVELY
from tests.serving import FREE, Served, muntaniala, serving, speech
from tests.test_live_audio import Card
from vau.audio import SAMPLE_RATE_HZ
from vau.commands.stream import StreamOptions, stream
from vau.errors import ConfigInvalid
from vau.transcripts import Output

CHUNK_MS: Final = 100


def interrupt() -> None:
    """Do what Ctrl-C does."""
    signal.raise_signal(signal.SIGINT)


def ignore(_text: str) -> None:
    """Take a notice that the test is not about."""


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving((LIVELY, muntaniala(LIVELY))) as running:
        yield running


def test_the_first_interrupt_ends_a_microphone_and_all_of_it_is_answered(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Card(SAMPLE_RATE_HZ, blocks=8)
    monkeypatch.setattr(card, "stop", SimpleNamespace(set=interrupt))
    monkeypatch.setitem(sys.modules, "sounddevice", card)
    before = signal.getsignal(signal.SIGINT)
    told: list[str] = []
    try:
        options = StreamOptions(
            server=served.address,
            mic=True,
            chunk_ms=CHUNK_MS,
            as_json=True,
            output=Output(tmp_path, ("jsonl", "npz")),
        )
        stream(options, told.append, ignore)
    finally:
        signal.signal(signal.SIGINT, before)
    *phones, summary = map(json.loads, told)
    assert phones
    assert {phone["type"] for phone in phones} == {"phone"}
    assert summary["audio_s"] == 0.8
    header = json.loads((tmp_path / "mic.jsonl").read_text().splitlines()[0])
    assert (header["file"], header["samples"]) == ("mic", 12_800)
    assert (tmp_path / "mic.npz").exists()


@pytest.mark.parametrize(("file", "mic"), [("", False), ("x.wav", True)])
def test_there_is_one_source(file: str, mic: bool) -> None:
    with pytest.raises(ConfigInvalid, match="one of a file, - for stdin, --mic"):
        StreamOptions(server=FREE, file=file, mic=mic)


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_heard(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("in the way")
    output = Output(tmp_path / "file/out", ("jsonl",))
    nobody = FREE.replace(":0", ":1")  # to connect there would be another error
    options = StreamOptions(server=nobody, file="absent.wav", output=output)
    with pytest.raises(ConfigInvalid, match="file/out: cannot be written: Not a directory"):
        stream(options, ignore, ignore)


# --- streams that end before their audio ---------------------------------------------------


def test_a_byte_behind_the_last_sample_is_what_the_server_says_it_is(served: Served) -> None:
    with started("stream", "-", "--json", "--server", served.address) as process:
        assert process.stdin is not None
        os.write(process.stdin.fileno(), speech(8_000) + b"x")
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert json.loads(stdout.splitlines()[-1])["audio_s"] == 0.5
    assert stderr.startswith("vau: notice: ")
    assert "byte" in stderr


def transcript(file: Path) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """Return header, phones and summary; of one that broke off, an empty summary."""
    header, *lines = map(json.loads, file.read_text().splitlines())
    summary = lines.pop() if lines[-1]["type"] == "summary" else {}
    return header, [phone for line in lines for phone in line["phones"]], summary


def cut_short(
    served: Served, folder: Path, end: Callable[["Any"], object], *more: str
) -> tuple[int, str, list[dict[str, Any]]]:
    """Stream a minute into ``folder``, end it when it has told three phones."""
    long = recording(folder / "long.flac", 60.0)
    out = ("--json", "--out", folder / "out", "--format", "jsonl,npz")
    with started("stream", long, "--server", served.address, *out, *more) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(3)]
        end(process)
        told += process.stdout.readlines()  # what is buffered is lost to communicate()
        _, stderr = process.communicate(timeout=PATIENCE_S)
    lines = [json.loads(line) for line in told]
    return process.returncode, stderr, lines


def test_an_interrupt_ends_the_audio_and_all_that_was_heard_is_written(
    served: Served, tmp_path: Path
) -> None:
    status, stderr, (*phones, figures) = cut_short(
        served, tmp_path, lambda process: process.send_signal(signal.SIGINT)
    )
    assert (status, stderr) == (130, "")
    assert figures["type"] == "summary"
    header, written, summary = transcript(tmp_path / "out/long.jsonl")
    assert header["incomplete"] == "interrupted"
    assert 0 < header["samples"] < 60 * SAMPLE_RATE_HZ
    assert [{"type": "phone", **phone} for phone in written] == phones
    assert summary["audio_s"] == header["samples"] / SAMPLE_RATE_HZ


@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [
        (lambda _served, process: process.terminate(), 143, "terminated"),
        (lambda served, _process: served.run(served.server.drain(0.0)), 5, "shutting down"),
    ],
    ids=["terminated", "lost"],
)
def test_what_was_heard_of_a_stream_that_breaks_off_is_written_with_the_reason(
    tmp_path: Path, end: Callable[[Served, Any], object], status: int, reason: str
) -> None:
    with serving((LIVELY, muntaniala(LIVELY))) as served:
        code, stderr, phones = cut_short(
            served, tmp_path, lambda process: end(served, process), "--no-resume"
        )
    assert code == status
    assert "out/long: has what was heard" in stderr
    header, written, summary = transcript(tmp_path / "out/long.jsonl")
    assert reason in header["incomplete"]
    assert summary == {}
    shown = [{"type": "phone", **phone} for phone in written[: len(phones)]]
    assert shown == phones  # a signal may come between noting one and showing it
    with np.load(tmp_path / "out/long.npz", allow_pickle=False) as stored:
        frames = len(stored["log_posterior"])
        assert len(stored["frame_start_sample"]) == frames > 0
