"""Each format to the byte, and read back by somebody else's reader."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final, get_args

import kaldiio
import numpy as np
import pytest
import srt
from praatio import textgrid

from tests.transcriptions import PHONEMES, transcribed
from vau.commands.flags.files import FORMATS
from vau.transcripts import OutputFormat, Transcription, write
from vau.transcripts.output import HOLD_POSTERIORS, WRITERS

LAST: Final = 16_080
"""Samples of the recording: its last phone is cut short by its end."""

DONE: Final = transcribed(
    [
        [(0, 0, 1600), (1, 1600, 3200), (2, 3200, 4800)],
        [(0, 4800, 8000), (3, 8000, 8160), (4, 8160, LAST + 80)],
    ],
    samples=LAST,
)
NOTHING: Final = transcribed([[(0, 0, LAST)]], samples=LAST)

CTM: Final = """\
x_y 1 0.100 0.100 AA 0.938
x_y 1 0.200 0.100 B 0.938
x_y 1 0.500 0.010 q"t 0.938
x_y 1 0.510 0.495 a_b 0.938
"""
LABELS: Final = """\
0.100000\t0.200000\tAA
0.200000\t0.300000\tB
0.500000\t0.510000\tq"t
0.510000\t1.005000\ta_b
"""
SRT: Final = """\
1
00:00:00,100 --> 00:00:00,300
AA B

2
00:00:00,500 --> 00:00:01,005
q"t a_b

"""
RTTM: Final = """\
SPEAKER x_y 1 0.100 0.200 <NA> <NA> speech <NA> <NA>
SPEAKER x_y 1 0.500 0.505 <NA> <NA> speech <NA> <NA>
"""
TEXTGRID: Final = """\
File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0 |
xmax = 1.005 |
tiers? <exists> |
size = 2 |
item []: |
    item [1]:
        class = "IntervalTier" |
        name = "phones" |
        xmin = 0 |
        xmax = 1.005 |
        intervals: size = 6 |
        intervals [1]:
            xmin = 0 |
            xmax = 0.1 |
            text = "" |
        intervals [2]:
            xmin = 0.1 |
            xmax = 0.2 |
            text = "AA" |
        intervals [3]:
            xmin = 0.2 |
            xmax = 0.3 |
            text = "B" |
        intervals [4]:
            xmin = 0.3 |
            xmax = 0.5 |
            text = "" |
        intervals [5]:
            xmin = 0.5 |
            xmax = 0.51 |
            text = "q""t" |
        intervals [6]:
            xmin = 0.51 |
            xmax = 1.005 |
            text = "a_b" |
    item [2]:
        class = "IntervalTier" |
        name = "segments" |
        xmin = 0 |
        xmax = 1.005 |
        intervals: size = 2 |
        intervals [1]:
            xmin = 0 |
            xmax = 0.3 |
            text = "AA B" |
        intervals [2]:
            xmin = 0.3 |
            xmax = 1.005 |
            text = "q""t a_b" |
""".replace("|\n", "\n")  # the blanks before it are Praat's own

GOLDEN: Final[dict[OutputFormat, tuple[str, str]]] = {
    "ctm": (".ctm", CTM),
    "textgrid": (".TextGrid", TEXTGRID),
    "audacity": (".labels.txt", LABELS),
    "srt": (".srt", SRT),
    "rttm": (".rttm", RTTM),
}


def file_of(done: Transcription, folder: Path, kind: OutputFormat, suffix: str) -> Path:
    write(done, folder / "x y", [kind])
    return folder / f"x y{suffix}"


@pytest.mark.parametrize("kind", GOLDEN)
def test_a_format_is_as_its_page_says_to_the_byte(kind: OutputFormat, tmp_path: Path) -> None:
    suffix, text = GOLDEN[kind]
    assert file_of(DONE, tmp_path, kind, suffix).read_bytes() == text.encode()


@pytest.mark.parametrize("kind", ["ctm", "audacity", "srt", "rttm"])
def test_of_silence_there_is_an_empty_file(kind: OutputFormat, tmp_path: Path) -> None:
    assert file_of(NOTHING, tmp_path, kind, GOLDEN[kind][0]).read_bytes() == b""


def test_every_format_is_offered_written_and_told_apart() -> None:
    assert tuple(FORMATS) == get_args(OutputFormat)
    assert set(WRITERS) == set(FORMATS)
    assert set(FORMATS) > HOLD_POSTERIORS


def test_praatio_opens_a_textgrid(tmp_path: Path) -> None:
    file = file_of(DONE, tmp_path, "textgrid", ".TextGrid")
    grid = textgrid.openTextgrid(str(file), includeEmptyIntervals=True, reportingMode="error")
    assert grid.tierNames == ("phones", "segments")
    assert (grid.minTimestamp, grid.maxTimestamp) == (0, LAST / 16_000)
    phones = [tuple(entry) for entry in grid.getTier("phones").entries]
    assert phones == [
        (0, 0.1, ""),
        (0.1, 0.2, "AA"),
        (0.2, 0.3, "B"),
        (0.3, 0.5, ""),
        (0.5, 0.51, 'q"t'),
        (0.51, 1.005, "a_b"),
    ]
    assert [entry.label for entry in grid.getTier("segments").entries] == ["AA B", 'q"t a_b']


@pytest.mark.parametrize("samples", [0, 1, LAST])
def test_a_textgrid_without_phones_is_one_empty_interval(samples: int, tmp_path: Path) -> None:
    file = file_of(transcribed([[]], samples), tmp_path, "textgrid", ".TextGrid")
    grid = textgrid.openTextgrid(str(file), includeEmptyIntervals=True, reportingMode="error")
    assert grid.maxTimestamp == samples / 16_000
    empty = [(0, samples / 16_000, "")] if samples else []
    for name in ("phones", "segments"):
        assert [tuple(entry) for entry in grid.getTier(name).entries] == empty


def test_srt_is_read_by_its_library(tmp_path: Path) -> None:
    text = file_of(DONE, tmp_path, "srt", ".srt").read_text()
    assert [(cue.start, cue.end, cue.content) for cue in srt.parse(text)] == [
        (timedelta(seconds=0.1), timedelta(seconds=0.3), "AA B"),
        (timedelta(seconds=0.5), timedelta(seconds=1.005), 'q"t a_b'),
    ]


def test_a_subtitle_is_cut_between_phones_before_it_lasts_three_seconds(tmp_path: Path) -> None:
    hour = 3600 * 16_000
    said = [(1 + at % 2, hour + at * 16_000, hour + (at + 1) * 16_000) for at in range(4)]
    long = (1, said[-1][2], said[-1][2] + 80_000)
    done = transcribed([[*said, long]], 2 * hour)
    cues = list(srt.parse(file_of(done, tmp_path, "srt", ".srt").read_text()))
    assert [cue.content for cue in cues] == ["AA B AA", "B", "AA"]
    assert cues[0].start == timedelta(hours=1)
    assert cues[2].end - cues[2].start == timedelta(seconds=5)


def test_ctm_and_rttm_are_lines_of_their_grammars(tmp_path: Path) -> None:
    place = r"\S+ 1 \d+\.\d{3} \d+\.\d{3}"
    grammars: dict[OutputFormat, str] = {
        "ctm": rf"{place} \S+ [01]\.\d{{3}}\n",
        "rttm": rf"SPEAKER {place} <NA> <NA> speech <NA> <NA>\n",
    }
    for kind, grammar in grammars.items():
        lines = file_of(DONE, tmp_path, kind, f".{kind}").read_text().splitlines(keepends=True)
        assert lines
        assert all(re.fullmatch(grammar, line) for line in lines)


def test_a_name_that_would_be_a_comment_is_none(tmp_path: Path) -> None:
    write(DONE, tmp_path / ";; x", ["ctm"])
    assert (tmp_path / ";; x.ctm").read_text().startswith("_;_x 1 ")


def test_kaldiio_reads_the_posteriors_to_the_bit(tmp_path: Path) -> None:
    assert DONE.posteriors is not None
    scp = file_of(DONE, tmp_path / "a folder", "kaldi", ".scp")
    ark = tmp_path / "a folder/x y.ark"
    assert scp.read_text() == f"x_y {ark}:4\n"
    (matrix,) = dict(kaldiio.load_scp(str(scp))).values()
    np.testing.assert_array_equal(matrix, DONE.posteriors)
    assert matrix.dtype == np.float32
    ((utterance, again),) = kaldiio.load_ark(str(ark))
    assert utterance == "x_y"
    np.testing.assert_array_equal(again, DONE.posteriors)
    sizes = b"\4\2\0\0\0\4\5\0\0\0"
    assert ark.read_bytes() == b"x_y \0BFM " + sizes + DONE.posteriors.tobytes()


def test_arks_may_be_put_together_and_so_may_their_indices(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(transcribed([[]], LAST, frames=len(name) + 3), tmp_path / name, ["kaldi"])
    (tmp_path / "all").write_bytes(
        b"".join((tmp_path / f"{name}.scp").read_bytes() for name in ("one", "two"))
    )
    assert {
        name: matrix.shape for name, matrix in kaldiio.load_scp(str(tmp_path / "all")).items()
    } == {"one": (6, len(PHONEMES)), "two": (6, len(PHONEMES))}


def test_kaldi_has_no_logits(tmp_path: Path) -> None:
    done = replace(DONE, posteriors=np.zeros((2, 5), np.int32))
    with pytest.raises(ValueError, match="log posteriors were not kept"):
        write(done, tmp_path / "x", ["kaldi"])
