"""How far alignments are from labels, and what a manifest adds up to."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.audio import recording
from tests.in_process import Here
from tests.lively import write_lively_bundle
from tests.manifests import manifest
from tests.transcriptions import phone, transcribed
from vau.alignment.accuracy import even, figures, offsets
from vau.alignment.scoring import Alignment, Scored
from vau.alignment.script import Said, Script
from vau.audio import HOP_SAMPLES

SILENCES = frozenset({"SIL"})
LABELS = (("SIL", 2), ("AA", 3), ("B", 4), ("AA", 1))


def found_at(*starts: int, heard: tuple[tuple[int, int, int], ...] = ()) -> Alignment:
    """Return an alignment of AA B AA that begins at these frames, the last one for one."""
    ends = [*starts[1:], starts[-1] + 1]
    phones = [
        Scored(phone(class_id, start * HOP_SAMPLES, end * HOP_SAMPLES), 1.0, "B", at)
        for at, (class_id, start, end) in enumerate(zip((1, 2, 1), starts, ends, strict=True))
    ]
    script = Script(tuple(Said(((1,),)) for _ in phones))
    said = [(one, HOP_SAMPLES * start, HOP_SAMPLES * end) for one, start, end in heard]
    return Alignment(transcribed([said], 10 * HOP_SAMPLES), script, tuple(phones))


def test_an_offset_is_how_far_behind_its_label_a_phone_begins() -> None:
    heard = ((1, 3, 6), (0, 6, 8), (1, 8, 10))  # AA and AA, of three phones
    found = offsets(found_at(1, 5, 11, heard=heard), LABELS, SILENCES)
    assert found.aligned == (-10.0, 0.0, 20.0)
    assert found.heard == (10.0, -10.0)
    assert found.where_heard == (-10.0, 20.0)
    assert found.even == (-10.0, -3.3125, -6.6875)


def test_silence_that_was_asked_for_has_no_boundary() -> None:
    found = found_at(2, 5, 9)
    silent = Scored(phone(0, 0, 2 * HOP_SAMPLES), 1.0, "B", 0)
    with_silence = replace(found, phones=(silent, *found.phones))
    expected = offsets(found, LABELS, SILENCES)
    assert expected.aligned == (0.0, 0.0, 0.0)
    assert offsets(with_silence, LABELS, SILENCES) == expected


def test_phones_spread_evenly_share_the_time_of_all() -> None:
    spread = even([phone(1, 100, 130), phone(2, 130, 131), phone(1, 131, 190)])
    assert [(each.start_sample, each.end_sample) for each in spread] == [
        (100, 130),
        (130, 160),
        (160, 190),
    ]


def test_of_silence_alone_there_is_nothing_to_measure() -> None:
    found = found_at(2, 5, 9)
    silent = Scored(phone(0, 0, 2 * HOP_SAMPLES), 1.0, "B", 0)
    measured = offsets(replace(found, phones=(silent,)), LABELS, SILENCES)
    assert (measured.aligned, measured.even) == ((), ())


def test_figures_are_those_of_distances_and_the_bias_of_what_has_a_sign() -> None:
    assert figures([-10.0, 20.0, 0.0, 60.0]) == {
        "boundaries": 4,
        "median_ms": 10.0,
        "p90_ms": 60.0,
        "mean_ms": 22.5,
        "bias_ms": 17.5,
        "within_10ms": 0.5,
        "within_20ms": 0.75,
        "within_50ms": 0.75,
    }
    assert figures([]) == {"boundaries": 0}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    write_lively_bundle(folder / "model")
    for name in ("a", "b"):
        recording(folder / f"{name}.flac", 0.3, ord(name))
    listed = manifest(
        folder,
        "a|a.flac|AA B|test|oh be",
        "b|b.flac|B|test|be",
        "c|b.flac|B|dev|be",
        columns="utt path phones split text",
    )
    (folder / "labels.tsv").write_text("a\tSIL:5 AA:10 B:15\nb\tSIL:10 B:20\n")
    (folder / "lexicon").write_text("oh AA\nbe B\nbe(2) B IY\n")
    assert listed == folder / "manifest.tsv"
    return folder


def test_a_manifest_is_measured_against_labels(
    here: Here, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus)
    command = ("align", "--manifest", "manifest.tsv", "--split", "test", "--model", "model")
    measure = (*command, "--labels", "labels.tsv", "--jobs", "1")
    done = here(*measure, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["utterances"], found["failed"], found["phones"]) == (2, 0, 3)
    assert (found["boundaries"], found["even"]["boundaries"]) == (3, 3)
    assert found["where_heard"]["boundaries"] == found["heard"]["boundaries"]
    head, _, columns, *rows = here(*measure).stdout.splitlines()
    assert head.startswith("2 utterances aligned, 0 failed; 3 phones, GOP ")
    assert columns.split() == "starts of phones aligned where heard heard even".split()
    assert rows[0].split()[:2] == ["boundaries", "3"]
    assert here(*measure, "--limit", "1", "--json").stdout.startswith('{"utterances": 1,')
    by_text = here(*measure, "--column", "text", "--lexicon", "lexicon", "--json")
    assert json.loads(by_text.stdout)["utterances"] == 2
    without = json.loads(here(*command, "--jobs", "1", "--json").stdout)
    assert "boundaries" not in without


def test_an_utterance_without_labels_fails_alone(
    here: Here, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus)
    done = here(
        "align", "--manifest", "manifest.tsv", "--labels", "labels.tsv", "--out", str(tmp_path),
        "--format", "ctm", "--model", "model", "--jobs", "1", "--json",
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "b.flac: --labels: labels.tsv: utterance c has no labels; add its line" in line
    found = json.loads(done.stdout)
    assert (found["utterances"], found["failed"], found["boundaries"]) == (2, 1, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ctm", "b.ctm"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--split", "dev", "--labels", "labels.tsv"), "utterance c has no labels; add its"),
        (("--labels", "none.tsv"), "--labels: none.tsv: no such file"),
        (("--split", "x", "--json"), "no split 'x'; it has dev, test"),
        (("--column", "text", "--json"), "pip install 'vau[align]'"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_heard(
    here: Here,
    corpus: Path,
    arguments: tuple[str, ...],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(corpus)
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    done = here("align", "--manifest", "manifest.tsv", "--model", "model", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr


def test_a_manifest_that_says_nothing_is_refused(
    here: Here, corpus: Path, tmp_path: Path
) -> None:
    listed = manifest(tmp_path, f"a|{corpus}/a.flac", columns="utt path")
    done = here("align", "--manifest", str(listed), "--model", f"{corpus}/model", "--json")
    assert done.returncode == 2
    assert "no column phones, nor text" in done.stderr
