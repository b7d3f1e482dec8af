import errno
import json
import os
from dataclasses import replace
from fcntl import flock
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from tests.audio import recording
from tests.lively import LIVELY
from tests.serving import floating, muntaniala
from vau.backend import Energy
from vau.batch import Batch, BatchOptions
from vau.transcripts import (
    Output,
    Rows,
    Transcription,
    energy_object,
    header,
    to_json,
    write,
)
from vau.transcripts.npz import write_npz
from vau.wholefile import Unwritable, clear_left_over, write_whole


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Transcription:
    return transcribed(tmp_path_factory.mktemp("recordings") / "é one.flac")


def transcribed(file: Path, *, logits: bool = False) -> Transcription:
    options = BatchOptions(logits=logits)
    ((_, outcome),) = Batch(LIVELY, muntaniala(LIVELY), options).transcribe(
        [recording(file, 1.0)]
    )
    assert isinstance(outcome, Transcription)
    return outcome


def test_a_transcript_is_header_segments_and_summary(
    done: Transcription, tmp_path: Path
) -> None:
    write(done, tmp_path / "a" / "b.c", ["jsonl"])
    text = (tmp_path / "a" / "b.c.jsonl").read_bytes()
    assert b"\r" not in text
    header, *segments, summary = map(json.loads, text.decode().splitlines())
    assert header == {
        "type": "header",
        "schema": "vau.transcript/1",
        "file": done.file,
        "sha256": done.sha256,
        "samples": 16_000,
        "sample_rate_hertz": 16_000,
        "model": {"name": "tiny", "digest": LIVELY.digest},
        "backend": done.engine.backend,
        "arithmetic_id": done.engine.arithmetic_id,
        "decoder": "viterbi",
        "frame_shift_samples": 160,
    }
    (segment,) = segments
    assert list(segment) == [
        "type",
        "utterance_index",
        "segment_index",
        "start_sample",
        "end_sample",
        "end_reason",
        "phones",
    ]
    assert (segment["end_sample"], segment["end_reason"]) == (16_000, "half-close")
    phone = done.segments[0].phones[0]
    assert segment["phones"][0] == {
        "symbol": phone.symbol,
        "class_id": phone.class_id,
        "start_sample": phone.start_sample,
        "end_sample": phone.end_sample,
        "confidence": pytest.approx(phone.confidence, abs=1e-6),
    }
    assert list(summary) == [
        "type",
        "frames",
        "audio_s",
        "energy",
        "input_digest",
        "output_digest",
    ]
    assert (summary["frames"], summary["audio_s"]) == (99, 1.0)
    assert summary["output_digest"] == done.output_digest.hex()
    assert list(summary["energy"][0]) == ["joules", "origin", "boundary", "method"]


def test_energy_does_not_tell_in_which_order_it_was_added_up() -> None:
    sums = ((0.1 + 0.2) + 0.3, 0.1 + (0.2 + 0.3))
    assert sums[0] != sums[1]
    first, second = (
        energy_object(Energy(joules=each, origin="estimated", boundary="system", method="x"))
        for each in sums
    )
    assert first == second


def test_posteriors_come_back_from_npz(done: Transcription, tmp_path: Path) -> None:
    write(done, tmp_path / "x", ["npz"])
    with np.load(tmp_path / "x.npz", allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["log_posterior"], done.posteriors)
        assert stored["log_posterior"].dtype == np.float32
        assert stored["frame_start_sample"].tolist() == list(range(0, 99 * 160, 160))
        assert stored["frame_start_sample"].dtype == np.int64
        assert tuple(stored["classes"]) == LIVELY.phonemes
        assert json.loads(str(stored["meta"]))["file"] == done.file
        assert "logits" not in stored


def test_logits_come_back_from_npz_with_their_scale(tmp_path: Path) -> None:
    done = transcribed(tmp_path / "x.flac", logits=True)
    write_npz(done, tmp_path / "x")
    with np.load(tmp_path / "x.npz", allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["logits"], done.posteriors)
        assert stored["logits"].dtype == np.int32
        assert stored["fraction_bits"] == muntaniala(LIVELY).info.logit_fraction_bits
        assert "log_posterior" not in stored


def test_npz_is_the_same_bytes_each_time(done: Transcription, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(done, tmp_path / name, ["npz"])
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_posteriors_that_were_not_kept_cannot_be_written(
    done: Transcription, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="not kept"):
        write_npz(replace(done, posteriors=None), tmp_path / "x")


def test_a_transcript_without_integers_has_empty_digests(tmp_path: Path) -> None:
    file = recording(tmp_path / "x.flac")
    ((_, done),) = Batch(LIVELY, floating(LIVELY)).transcribe([file])
    assert isinstance(done, Transcription)
    write(done, tmp_path / "x", ["jsonl"])
    summary = json.loads((tmp_path / "x.jsonl").read_text().splitlines()[-1])
    assert (summary["output_digest"], summary["energy"]) == ("", [])


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("before")

    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        write_whole(tmp_path / "x", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "before"


def test_a_name_that_is_no_utf_8_comes_back_out_of_json(
    done: Transcription, tmp_path: Path
) -> None:
    write(replace(done, file="\udcff.wav"), tmp_path / "x", ["jsonl"])
    header = (tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()[0]
    assert json.loads(header)["file"] == "\udcff.wav"


def test_json_is_utf_8_whatever_a_path_is(done: Transcription) -> None:
    line = to_json(header(replace(done, file="\u00e4\udcff.wav")))
    assert "\u00e4\\udcff.wav" in line
    assert json.loads(line.encode())["file"] == "\u00e4\udcff.wav"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_in_words_and_leaves_nothing_behind(
    tmp_path: Path, number: int
) -> None:
    def fill(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError(number, os.strerror(number))

    with pytest.raises(Unwritable, match=f"{os.strerror(number)}; make room there, or"):
        write_whole(tmp_path / "x", fill)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_while_posteriors_wait_is_said_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: object) -> BinaryIO:
        return Path("/dev/full").open("wb")

    monkeypatch.setattr("vau.transcripts.rows.IN_MEMORY_BYTES", 0)
    monkeypatch.setattr("tempfile.TemporaryFile", full)
    rows = Rows(tmp_path)
    with pytest.raises(Unwritable, match="No space left on device; make room there"):
        rows.add(np.zeros((10, 10), np.float32))
    rows.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unwritable, match=r"written: Not a directory: .*/file; choose another"):
        write_whole(tmp_path / "file" / "x" / "y.jsonl", lambda file: file.write(b""))
    with pytest.raises(
        Unwritable, match=r"^/proc/x/y: .* nothing can be made in /proc; choose"
    ):
        Output(Path("/proc/x/y"), ("jsonl",)).prepare()


@pytest.mark.parametrize("moment", ["vau.wholefile.flock", "pathlib.Path.replace"])
def test_what_is_written_is_left_alone_by_who_clears_away_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    _, _, name = moment.rpartition(".")
    real = {"flock": flock, "replace": Path.replace}[name]

    def clear_first(*arguments: object) -> object:
        monkeypatch.setattr(moment, real)
        clear_left_over([tmp_path / "x"])
        return real(*arguments)  # type: ignore[operator]

    monkeypatch.setattr(moment, clear_first)
    write_whole(tmp_path / "x.ctm", lambda file: file.write(b"whole"))
    assert [path.name for path in tmp_path.iterdir()] == ["x.ctm"]
    assert (tmp_path / "x.ctm").read_bytes() == b"whole"


def test_who_clears_away_leaves_alone_what_has_come_under_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / ".x.ctm.123.tmp"
    temporary.touch()

    def rename_first(file: BinaryIO, how: int) -> None:
        temporary.replace(tmp_path / "x.ctm")
        temporary.write_text("another")
        flock(file, how)

    monkeypatch.setattr("vau.wholefile.flock", rename_first)
    clear_left_over([tmp_path / "x"])
    assert temporary.read_text() == "another"
