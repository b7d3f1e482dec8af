"""Times in every format: of any phones, not of those that a decoder happens to find."""

import re
from datetime import timedelta
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TypeAlias

import pytest
import srt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.transcriptions import PHONEMES, transcribed
from vau.transcripts import OutputFormat, Transcription, write

Span: TypeAlias = tuple[Fraction, Fraction]
RATE_HZ = 16_000
TEXTGRID_TIMES = re.compile(r"^ {12}xmin = (\S+) \n {12}xmax = (\S+) $", re.MULTILINE)
any_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def transcriptions(draw: st.DrawFn) -> Transcription:
    """Draw phones that follow each other, some after a gap, some within one ms of the last."""
    steps = st.one_of(st.integers(0, 20), st.integers(0, 40_000))
    said = []
    at = 0
    for class_id in draw(st.lists(st.integers(0, len(PHONEMES) - 1), max_size=12)):
        start = at + draw(st.one_of(st.just(0), steps))
        at = start + draw(steps)
        said.append((class_id, start, at))
    cut = draw(st.integers(0, len(said)))
    segments = [part for part in (said[:cut], said[cut:]) if part] or [[]]
    return transcribed(segments, samples=max(0, at - draw(st.integers(-500, 300))))


def text_of(done: Transcription, folder: Path, kind: OutputFormat, suffix: str) -> str:
    write(done, folder / "x", [kind])
    return (folder / f"x{suffix}").read_text(encoding="utf-8")


def spans(kind: OutputFormat, text: str) -> list[Span]:
    """Return start and end in seconds of each line."""
    cells = [line.split("\t" if kind == "audacity" else " ") for line in text.splitlines()]
    if kind == "audacity":
        return [(Fraction(start), Fraction(end)) for start, end, _ in cells]
    first = 2 if kind == "ctm" else 3
    starts = [(Fraction(row[first]), Fraction(row[first + 1])) for row in cells]
    return [(start, start + lasts) for start, lasts in starts]


def assert_apart(found: list[Span]) -> None:
    assert all(start < end for start, end in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))


@any_folder
@given(done=transcriptions())
@pytest.mark.parametrize(
    ("kind", "suffix", "unit_s"),
    [("ctm", ".ctm", Fraction(1, 1000)), ("audacity", ".labels.txt", Fraction(1, 10**6))],
)
def test_phones_are_where_they_were_heard_and_never_overlap(
    tmp_path: Path, done: Transcription, kind: OutputFormat, suffix: str, unit_s: Fraction
) -> None:
    found = spans(kind, text_of(done, tmp_path, kind, suffix))
    assert_apart(found)
    there = [
        (Fraction(phone.start_sample, RATE_HZ), Fraction(end, RATE_HZ))
        for phone in done.phones()
        if (end := min(phone.end_sample, done.samples)) - phone.start_sample > RATE_HZ * unit_s
    ]
    for begun, ended in there:
        near = [
            start
            for start, end in found
            if abs(start - begun) <= unit_s / 2 and abs(end - ended) <= unit_s / 2
        ]
        assert len(near) == 1
    assert len(found) <= len(done.phones())


@any_folder
@given(done=transcriptions())
def test_a_textgrid_is_tiled_to_the_sample(tmp_path: Path, done: Transcription) -> None:
    text = text_of(done, tmp_path, "textgrid", ".TextGrid")
    for tier in text.split("    item [")[1:]:
        found = [
            (Fraction(start) * RATE_HZ, Fraction(end) * RATE_HZ)
            for start, end in TEXTGRID_TIMES.findall(tier)
        ]
        assert all(start < end for start, end in found)
        assert all(before[1] == after[0] for before, after in pairwise(found))
        if done.samples:
            assert found[0][0] == 0
            assert found[-1][1] == done.samples
        bounds = {bound for span in found for bound in span}
        if '"phones"' in tier:
            assert bounds >= {
                bound
                for phone in done.phones()
                if phone.start_sample < (end := min(phone.end_sample, done.samples))
                for bound in (phone.start_sample, end)
            }


@any_folder
@given(done=transcriptions())
def test_speech_is_what_the_phones_cover(tmp_path: Path, done: Transcription) -> None:
    phones = spans("ctm", text_of(done, tmp_path, "ctm", ".ctm"))
    speech = spans("rttm", text_of(done, tmp_path, "rttm", ".rttm"))
    assert_apart(speech)
    assert all(before[1] < after[0] for before, after in pairwise(speech))
    assert sum(end - start for start, end in speech) == sum(
        end - start for start, end in phones
    )
    for start, end in phones:
        assert any(begun <= start and end <= ended for begun, ended in speech)


@any_folder
@given(done=transcriptions())
def test_subtitles_hold_every_phone_in_turn(tmp_path: Path, done: Transcription) -> None:
    cues = list(srt.parse(text_of(done, tmp_path, "srt", ".srt")))
    assert [cue.index for cue in cues] == list(range(1, len(cues) + 1))
    assert all(cue.start < cue.end for cue in cues)
    assert all(before.end <= after.start for before, after in pairwise(cues))
    symbols = [symbol for cue in cues for symbol in cue.content.split(" ")]
    lines = text_of(done, tmp_path, "ctm", ".ctm").splitlines()
    assert symbols == [line.split(" ")[4] for line in lines]
    counts = [0, *accumulate(len(cue.content.split(" ")) for cue in cues)]
    for cue, (first, behind) in zip(cues, pairwise(counts), strict=True):
        assert behind - first == 1 or cue.end - cue.start <= timedelta(seconds=3)
