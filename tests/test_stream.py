import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest

from tests.lively import LIVELY
from tests.serving import FREE, Served, muntaniala, serving
from tests.test_live_audio import Card
from vau.audio import SAMPLE_RATE_HZ
from vau.commands.stream import StreamOptions, stream
from vau.errors import ConfigInvalid
from vau.transcript import Output

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
