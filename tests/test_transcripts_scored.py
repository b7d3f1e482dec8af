"""The scorers of NIST read what we write for them, and find in it what is there."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tests.serving import PATIENCE_S
from tests.transcriptions import transcribed
from vau.transcripts import OutputFormat, Transcription, write

TOOLS: Final = Path(__file__).resolve().parent.parent / ".cache/tools"
SAMPLES: Final = 32_000

CTM: Final = """\
said 1 0.1 0.1 AA
said 1 0.2 0.1 B
said 1 0.5 0.1 AA
said 1 0.6 0.4 B
"""
RTTM: Final = """\
SPEAKER said 1 0.1 0.2 <NA> <NA> someone <NA> <NA>
SPEAKER said 1 0.5 0.5 <NA> <NA> someone <NA> <NA>
"""
TOLD: Final = transcribed(
    [
        [(0, 0, 1600), (1, 1600, 3200), (2, 3200, 4800)],
        [(0, 4800, 8000), (1, 8000, 9600), (2, 9600, 16_000), (0, 16_000, SAMPLES)],
    ],
    samples=SAMPLES,
)

pytestmark = pytest.mark.tools


def scored(*arguments: object) -> str:
    done = subprocess.run(
        [str(argument) for argument in arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, "a scorer that meets what it cannot read says so, and exits with 0"
    return done.stdout


def written(done: Transcription, folder: Path, kind: OutputFormat) -> Path:
    return write(done, folder / "said", (kind,))[0]


def without_last_phone(done: Transcription) -> Transcription:
    """Return it with the last phone that is none of silence left out."""
    first, second = done.segments
    return replace(done, segments=(first, replace(second, phones=second.phones[:-2])))


def test_sclite_reads_ctm_and_counts_the_phone_that_lacks(tmp_path: Path) -> None:
    truth = tmp_path / "truth.ctm"
    truth.write_text(CTM)
    heard = written(TOLD, tmp_path, "ctm")
    assert sums_of(truth, heard) == {"words": 4, "correct": 4, "deleted": 0}
    heard = written(without_last_phone(TOLD), tmp_path, "ctm")
    assert sums_of(truth, heard) == {"words": 4, "correct": 3, "deleted": 1}


def sums_of(truth: Path, heard: Path) -> dict[str, int]:
    table = scored(
        TOOLS / "sclite", "-r", truth, "ctm", "-h", heard, "ctm", "-o", "rsum", "stdout"
    )
    found = re.search(r"\| Sum +\|(.*)", table)
    assert found, table
    _sentences, words, correct, _substituted, deleted = map(
        int, re.findall(r"[0-9]+", found[1])[:5]
    )
    return {"words": words, "correct": correct, "deleted": deleted}


def test_md_eval_reads_rttm_and_measures_the_speech_that_lacks(tmp_path: Path) -> None:
    truth = tmp_path / "truth.rttm"
    truth.write_text(RTTM)
    heard = written(TOLD, tmp_path, "rttm")
    assert seconds_of(truth, heard) == {"SCORED SPEECH": 0.7, "MISSED SPEECH": 0.0}
    heard = written(without_last_phone(TOLD), tmp_path, "rttm")
    assert seconds_of(truth, heard) == {"SCORED SPEECH": 0.7, "MISSED SPEECH": 0.4}


def seconds_of(truth: Path, heard: Path) -> dict[str, float]:
    text = scored("perl", TOOLS / "md-eval.pl", "-r", truth, "-s", heard)
    found = dict(re.findall(r"(\w+ SPEECH) = +([0-9.]+) secs", text))
    return {name: float(found[name]) for name in ("SCORED SPEECH", "MISSED SPEECH")}
