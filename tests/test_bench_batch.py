"""What the bench of archives rests on: archives, runs, and what makes it refuse to compare."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.audio import recording
from tests.bench import _runs
from tests.bench._agreement import NotTheSame
from tests.bench._archive import (
    Heard,
    of_manifest,
    read_readings,
    seconds_of,
    write_archive,
    write_short,
)
from tests.bench._batch_check import Sayings
from tests.bench._runs import Failed, Growth, run
from tests.lively import LIVELY
from tests.transcriptions import transcribed
from vau.audiofile import read_pcm
from vau.errors import ConfigInvalid
from vau.transcripts import write

HOURS = 0.02


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    for seed, seconds in enumerate((0.7, 1.9)):
        recording(tmp_path / f"speech/{seed}.flac", seconds, seed)
    return tmp_path / "speech"


def test_an_archive_is_the_same_each_time_and_as_long_as_was_asked(
    speech: Path, tmp_path: Path
) -> None:
    readings = read_readings(speech)
    first, second = (write_archive(readings, HOURS, tmp_path / name) for name in "ab")
    assert seconds_of(first) == pytest.approx(HOURS * 3600, abs=2.0)
    for one, other in zip(first, second, strict=True):
        assert one.file.read_bytes() == other.file.read_bytes()
    assert len({one.file.stat().st_size for one in first}) == len(first)


def test_short_files_have_the_length_that_was_asked(speech: Path, tmp_path: Path) -> None:
    write_short(read_readings(speech), 3, 0.25, tmp_path / "short")
    files = sorted((tmp_path / "short").iterdir())
    assert [len(read_pcm(file).samples) for file in files] == [4000] * 3


def test_a_split_of_a_manifest_is_an_archive(tmp_path: Path) -> None:
    manifest = tmp_path / "m.tsv"
    manifest.write_text("utt\tpath\tsplit\tphones\na\tx.flac\ttest\tAH B\nb\ty.flac\tdev\t\n")
    assert of_manifest(manifest, "test") == [Heard(tmp_path / "x.flac", ("AH", "B"))]
    assert len(of_manifest(manifest, "")) == 2
    with pytest.raises(ConfigInvalid, match="no split 'tset'; it has dev, test"):
        of_manifest(manifest, "tset")
    with pytest.raises(ConfigInvalid, match=r"missing: .*x\.flac"):
        seconds_of(of_manifest(manifest, "test"))


def test_a_run_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    listed = tmp_path / "list"
    listed.write_text("a\nb\n")
    script = "import sys; sys.exit('not ' + sys.stdin.readline())"
    with pytest.raises(Failed, match="ended with 1: not a"):
        run((sys.executable, "-c", script), listed)
    seen: list[int] = []
    ran = run((sys.executable, "-c", "sum(range(10**6))"), listed, seen.append)
    assert len(set(seen)) == 1
    assert ran.cpu_s > 0.0


def test_growth_is_the_slope_behind_the_first_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "manifest.jsonl"
    growth = Growth(journal, 100)

    def resident(_pid: int) -> int:
        done = len(journal.read_text().splitlines())
        return 10**9 if done < 20 else 7 * done

    monkeypatch.setattr(_runs, "resident_bytes", resident)
    for _ in range(20):
        growth.look(1)
        with journal.open("a") as lines:
            lines.write("{}\n" * 5)
    assert growth.bytes_per_file() == pytest.approx(7.0)
    with pytest.raises(Failed, match="too few"):
        Growth(journal, 0).bytes_per_file()


def test_what_hears_other_files_or_something_else_is_not_compared(tmp_path: Path) -> None:
    file = tmp_path / "a.flac"
    done = replace(
        transcribed([[(1, 0, 16_000)]], 16_000, frames=99), file=str(file), sha256="x"
    )
    assert done.posteriors is not None
    best = done.posteriors.argmax(axis=-1).tolist()
    write(done, tmp_path / "a", ("jsonl", "npz"))
    said = {"best": best, "phones": ["AA"]}

    def sayings(**other: object) -> Sayings:
        return Sayings(tmp_path, {"peer": {str(file): {**said, **other}}})

    model = replace(LIVELY, phonemes=("SIL", "AA", "B"), silence_ids=(0,))
    assert sayings().frames_agreeing("peer") == 1.0
    assert sayings().error_rates([Heard(file)], model) == {"vau": 0.0, "peer": 0.0}
    labelled = Heard(file, ("AA", "B"))
    assert sayings().error_rates([labelled], model)["peer"] == 0.5
    with pytest.raises(NotTheSame, match=r"heard 98 frames of .*, and we 99"):
        sayings(best=best[1:]).frames_agreeing("peer")
    with pytest.raises(NotTheSame, match=r"ours in 0\.0% of the frames"):
        sayings(best=[each + 1 for each in best]).frames_agreeing("peer")
    with pytest.raises(NotTheSame, match="100% of the phones are wrong"):
        sayings(phones=["B"]).error_rates([Heard(file)], model)
    with pytest.raises(NotTheSame, match="heard other files"):
        Sayings(tmp_path, {"peer": {}}).error_rates([Heard(file)], model)
