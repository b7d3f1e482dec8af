"""A LibriSpeech tree: its splits, its text, and labels by forced alignment."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.signal import lfilter

from training.corpora.alignment import Aligner, NotAligned
from training.corpora.forms import prepare
from training.corpora.librispeech import (
    Chapter,
    align_chapter,
    label,
    read_lexicon,
    set_aside,
    splits,
    stand_ins,
)
from training.corpus import PHONEMES, BadCorpus, read_corpus
from vau.audio import SAMPLE_RATE_HZ

MANY = [f"{number}" for number in range(100, 300)]
LEXICON = "QWYJIBO  S IY1\nQWYJIBO  M UW0\nTHE  DH AH0\n"


def spoken_see() -> NDArray[np.int16]:
    """Say "see": silence, hiss, three formants over a buzz, silence."""
    rng = np.random.default_rng(0)
    hiss = np.diff(rng.normal(0, 1500, 3001))
    vowel = np.zeros(5000)
    vowel[:: SAMPLE_RATE_HZ // 120] = 1
    for formant_hz in (280, 2250, 2900):
        radius = np.exp(-np.pi * 80 / SAMPLE_RATE_HZ)
        turn = np.cos(2 * np.pi * formant_hz / SAMPLE_RATE_HZ)
        vowel = lfilter([1 - radius], [1, -2 * radius * turn, radius**2], vowel)
    vowel *= 8000 / np.abs(vowel).max()
    silence = rng.normal(0, 20, (2, 4000))
    return np.concatenate([silence[0], hiss, vowel, silence[1]]).astype(np.int16)


SEE = spoken_see()


def write_chapter(tree: Path, subset: str, speaker: int, *texts: str) -> Chapter:
    """Write one recording of "see" for each text, whatever it is."""
    folder = tree / subset / f"{speaker}" / "5"
    folder.mkdir(parents=True)
    name = f"{speaker}-5"
    lines = [f"{name}-{number:04d} {text}\n" for number, text in enumerate(texts)]
    for number in range(len(texts)):
        soundfile.write(folder / f"{name}-{number:04d}.flac", SEE, SAMPLE_RATE_HZ)
    transcript = folder / f"{name}.trans.txt"
    transcript.write_text("".join(lines))
    return Chapter(transcript)


def test_a_subset_becomes_the_split_that_its_name_says(tmp_path: Path) -> None:
    subsets = ["train-clean-5", "train-other-500", "dev-clean-2", "test-clean", "test-other"]
    chapters = [write_chapter(tmp_path, name, at) for at, name in enumerate(subsets)]
    found = list(splits(chapters, {}).values())
    assert found == ["train", "train", "dev", "test", "test-other"]


def test_speakers_of_train_stand_in_for_missing_splits(tmp_path: Path) -> None:
    chapters = [write_chapter(tmp_path, "train-clean-5", speaker) for speaker in range(40)]
    aside = stand_ins(chapters)
    split_of = splits(chapters, aside)
    found = list(split_of.values())
    assert (found.count("train"), found.count("dev"), found.count("test")) == (32, 4, 4)
    dev = {chapter.speaker for chapter, split in split_of.items() if split == "dev"}
    assert dev == {speaker for speaker, split in aside.items() if split == "dev"}


def test_nobody_stands_in_where_all_splits_are_there(tmp_path: Path) -> None:
    subsets = ["train-clean-5", "dev-clean", "test-clean"]
    chapters = [write_chapter(tmp_path, name, at) for at, name in enumerate(subsets)]
    assert stand_ins(chapters) == {}


def test_the_same_speakers_are_set_aside_whatever_their_order() -> None:
    aside = set_aside(MANY, ["dev", "test"])
    assert set_aside(MANY[::-1], ["dev", "test"]) == aside
    assert sorted(aside.values()) == ["dev"] * 20 + ["test"] * 20
    assert sorted(aside) != MANY[:40]


def test_too_few_speakers_to_set_any_aside_are_refused() -> None:
    with pytest.raises(BadCorpus, match=r"2 speakers.*dev, test"):
        set_aside(["1", "2"], ["dev", "test"])


def test_a_lexicon_gives_the_words_asked_for_without_stress(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.txt"
    path.write_text(LEXICON)
    assert read_lexicon(path, {"QWYJIBO"}) == {"qwyjibo": ["S IY", "M UW"]}
    assert read_lexicon(tmp_path / "absent.txt", {"QWYJIBO"}) == {}


@pytest.fixture(scope="module")
def aligner() -> Aligner:
    pytest.importorskip("pocketsphinx", reason="pocketsphinx is not installed; of extra train")
    return Aligner({"qwyjibo": ["M UW", "S IY"]})


def test_an_alignment_has_the_phones_of_the_text_over_all_of_the_audio(
    aligner: Aligner,
) -> None:
    runs = aligner.align(SEE, "SEE")
    assert [phone for phone, _ in runs if phone != "SIL"] == ["S", "IY"]
    spread = [phone for phone, frames in runs for _ in range(frames)]
    assert len(spread) == pytest.approx(len(SEE) // 160, abs=2)
    assert spread.index("S") == pytest.approx(4000 // 160, abs=3)
    assert spread.index("IY") == pytest.approx(7000 // 160, abs=3)


def test_the_pronunciation_that_fits_the_audio_is_taken(aligner: Aligner) -> None:
    assert aligner.align(SEE, "QWYJIBO") == aligner.align(SEE, "SEE")


def test_an_alignment_does_not_depend_on_what_was_aligned_before(aligner: Aligner) -> None:
    first = aligner.align(SEE, "SEE")
    louder = np.tile(SEE * 3, 3)
    assert "IY" in dict(aligner.align(louder, "SEE SEE SEE"))
    assert aligner.align(SEE, "SEE") == first


def test_words_without_a_pronunciation_are_named(aligner: Aligner) -> None:
    with pytest.raises(NotAligned, match="outside the dictionary: blorx zzyx"):
        aligner.align(SEE, "ZZYX SEE BLORX")


def test_a_text_that_nobody_says_is_not_aligned(aligner: Aligner) -> None:
    with pytest.raises(NotAligned, match="does not fit"):
        aligner.align(SEE, "EVERYBODY SAW ELEPHANTS")


def test_a_lexicon_of_other_phones_is_refused(aligner: Aligner) -> None:
    with pytest.raises(BadCorpus, match="'qwyjibo' is spelled 'k w'"):
        Aligner({"qwyjibo": ["k w"]})


def test_a_tree_becomes_a_labelled_corpus(
    aligner: Aligner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = tmp_path / "LibriSpeech"
    for subset, speaker in (("train-clean-5", 14), ("dev-clean", 15), ("test-clean", 16)):
        write_chapter(tree, subset, speaker, "SEE", "BLORX")
    (tree / "SPEAKERS.TXT").write_text("; SEX of each\n14   | F | train-clean-5 | 25 | Ann\n")
    out = prepare(tree, tmp_path / "cache", jobs=1)
    (spoken,) = read_corpus(out, ["train"])
    assert (spoken.utt, spoken.phones) == ("14-5-0000", ("S", "IY"))
    assert spoken.path == tree / "train-clean-5/14/5/14-5-0000.flac"
    assert {PHONEMES[label] for label in spoken.labels} <= {"SIL", "S", "IY"}
    with (out / "manifest.tsv").open(newline="") as manifest:
        genders = {
            row["utt"]: row["gender"] for row in csv.DictReader(manifest, delimiter="\t")
        }
    assert genders == {"14-5-0000": "F", "15-5-0000": "", "16-5-0000": ""}
    assert "3 left out: words outside the dictionary" in capsys.readouterr().out
    assert "14-5-0001\twords outside" in (out / "left_out.tsv").read_text()


@pytest.mark.parametrize("has_lexicon", [False, True])
def test_a_lexicon_is_recommended_only_where_there_is_none(
    has_lexicon: bool, aligner: Aligner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = tmp_path / "LibriSpeech"
    for speaker in (14, 15, 16):
        write_chapter(tree, "train-clean-5", speaker, "SEE", "BLORX")
    if has_lexicon:
        (tree / "librispeech-lexicon.txt").write_text(LEXICON)
    label(tree, tmp_path / "out", jobs=1)
    told = capsys.readouterr().out
    assert "no dev-clean: speakers 1" in told
    assert ("OpenSLR 11" in told) != has_lexicon


def test_a_recording_that_has_changed_is_aligned_again(
    aligner: Aligner, tmp_path: Path
) -> None:
    chapter = write_chapter(tmp_path, "train-clean-5", 14, "SEE")
    lexicon, parts = tmp_path / "lexicon.txt", tmp_path / "parts"
    parts.mkdir()
    first = align_chapter(chapter, lexicon, parts)
    later = np.concatenate([SEE[:2000], SEE])
    soundfile.write(chapter.audio("14-5-0000"), later, SAMPLE_RATE_HZ)
    assert align_chapter(chapter, lexicon, parts) != first


def test_a_chapter_is_aligned_once_until_its_text_or_the_lexicon_changes(
    aligner: Aligner, tmp_path: Path
) -> None:
    chapter = write_chapter(tmp_path, "train-clean-5", 14, "SEE", "QWYJIBO")
    lexicon, parts = tmp_path / "lexicon.txt", tmp_path / "parts"
    parts.mkdir()
    first = align_chapter(chapter, lexicon, parts)
    assert first[1].why_not == "words outside the dictionary: qwyjibo"
    (part,) = parts.iterdir()
    part.write_text(part.read_text().replace("S:", "SH:"))
    assert "SH:" in align_chapter(chapter, lexicon, parts)[0].written
    lexicon.write_text(LEXICON)
    again = align_chapter(chapter, lexicon, parts)
    assert again[0] == first[0]
    assert again[1].written == first[0].written


def test_an_utterance_without_audio_is_refused(aligner: Aligner, tmp_path: Path) -> None:
    chapter = write_chapter(tmp_path, "train-clean-5", 14, "SEE")
    chapter.audio("14-5-0000").unlink()
    with pytest.raises(BadCorpus, match=r"14-5-0000\.flac"):
        align_chapter(chapter, tmp_path / "lexicon.txt", tmp_path)
