"""Which forms of corpus training knows, and TIMIT among them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tests.timit import sound, sphere, write_timit
from training.corpora.forms import prepare
from training.corpora.timit import CORE_TEST, DEV, FOLDED, PHONEMES, on_frames, read_segments
from training.corpus import (
    BadCorpus,
    Entry,
    read_audio,
    read_corpus,
    read_phonemes,
    write_corpus,
)
from vau.audio import frame_count

ENTRY = Entry(
    utt="one",
    path=Path("/audio/one.flac"),
    split="train",
    speaker="7",
    gender="F",
    phones=("l", "l"),
    stretches=(("sil", 2), ("l", 3), ("l", 4)),
)


@pytest.fixture(scope="module")
def timit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_timit(tmp_path_factory.mktemp("timit"))


@pytest.fixture(scope="module")
def labelled(timit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(timit, tmp_path_factory.mktemp("cache"), jobs=1)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.tsv").open(newline="") as manifest:
        return list(csv.DictReader(manifest, delimiter="\t"))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write_corpus(tmp_path, ("sil", "l"), [ENTRY], {"name": "two sounds"})
    (one,) = read_corpus(tmp_path, ["train"])
    assert (one.utt, one.path, one.phones) == ("one", Path("/audio/one.flac"), ("l", "l"))
    np.testing.assert_array_equal(one.labels, [0, 0, 1, 1, 1, 1, 1, 1, 1])
    assert read_phonemes(tmp_path) == ("sil", "l")
    assert json.loads((tmp_path / "card.json").read_text())["name"] == "two sounds"


@pytest.mark.parametrize("inventory", ["", "sil\nl\nsil\n"])
def test_an_inventory_has_each_phoneme_once(tmp_path: Path, inventory: str) -> None:
    write_corpus(tmp_path, ("sil", "l"), [ENTRY], {})
    (tmp_path / "phonemes.txt").write_text(inventory)
    with pytest.raises(BadCorpus, match=r"phonemes\.txt"):
        read_corpus(tmp_path, ["train"])


def test_a_split_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    write_corpus(tmp_path, ("sil", "l"), [ENTRY], {})
    with pytest.raises(BadCorpus, match="nothing in dev; it has train"):
        read_corpus(tmp_path, ["dev"])


def test_an_utterance_without_labels_is_named(tmp_path: Path) -> None:
    write_corpus(tmp_path, ("sil", "l"), [ENTRY], {})
    (tmp_path / "phones_10ms.tsv").write_text("two\tsil:2\n")
    with pytest.raises(BadCorpus, match="no line for one"):
        read_corpus(tmp_path, ["train"])


def test_a_labelled_corpus_is_taken_as_it_is(labelled: Path, tmp_path: Path) -> None:
    assert prepare(labelled, tmp_path, jobs=1) == labelled


def test_a_folder_of_no_known_form_is_told_what_each_form_has(tmp_path: Path) -> None:
    (tmp_path / "manifest.tsv").touch()  # alone, without labels
    with pytest.raises(BadCorpus, match=r"phones_10ms\.tsv.*trans\.txt.*PHN"):
        prepare(tmp_path, tmp_path / "cache", jobs=1)


def test_timits_speakers_are_split_by_its_core_and_the_usual_dev_set(labelled: Path) -> None:
    split_of = {row["speaker"]: row["split"] for row in rows(labelled)}
    assert split_of == {
        "fcjf0": "train",
        "mdac0": "train",
        "mgrl0": "train",
        "faks0": "dev",
        "mdab0": "test",
    }
    assert {row["gender"] for row in rows(labelled) if row["speaker"] == "fcjf0"} == {"F"}


def test_the_sentences_that_all_speakers_of_timit_read_are_left_out(labelled: Path) -> None:
    said = {row["utt"].partition("-")[2] for row in rows(labelled)}
    assert said == {"si648", "sx37"}


def test_timits_test_speakers_are_two_men_and_a_woman_of_each_dialect() -> None:
    assert len(CORE_TEST) == 24
    assert sum(name.startswith("f") for name in CORE_TEST) == 8
    assert len(DEV) == 50
    assert not CORE_TEST & DEV


def test_timits_61_phones_become_the_39_classes() -> None:
    assert len(FOLDED) == 60  # and the glottal stop, which is none
    assert len(PHONEMES) == len(set(PHONEMES)) == 39
    assert set(FOLDED.values()) == set(PHONEMES)
    folded = [FOLDED[phone] for phone in ("ao", "ax-h", "zh", "dcl", "dx", "nx", "ux", "h#")]
    assert folded == ["aa", "ah", "sh", "sil", "dx", "n", "uw", "sil"]


def test_timits_labels_lie_under_its_sounds(labelled: Path) -> None:
    pitches_hz = {"sil": 0, "aa": 300, "ih": 1200, "s": 5000}
    phonemes = read_phonemes(labelled)
    for spoken in read_corpus(labelled, ["train", "dev", "test"]):
        samples = read_audio(spoken.path)
        assert len(spoken.labels) == frame_count(len(samples))
        for frame in range(2, len(spoken.labels) - 2):
            label, *around = spoken.labels[[frame, frame - 2, frame + 2]]
            heard = samples[frame * 160 : frame * 160 + 400]
            if all(label == other for other in around) and np.abs(heard).max() > 0.1:
                crossings = np.count_nonzero(np.diff(np.signbit(heard)))
                assert crossings / 2 / 0.025 == pytest.approx(
                    pitches_hz[phonemes[label]], rel=0.1
                )


def test_timits_audio_is_copied_bit_for_bit(timit: Path, labelled: Path) -> None:
    (copied,) = [s for s in read_corpus(labelled, ["train"]) if s.utt == "mgrl0-sx37"]
    original = read_audio(timit / "TRAIN/DR1/MGRL0/SX37.WAV")
    np.testing.assert_array_equal(read_audio(copied.path), original)


def test_another_recording_gets_another_copy(tmp_path: Path) -> None:
    tree = write_timit(tmp_path / "timit")
    before = read_corpus(prepare(tree, tmp_path, jobs=1), ["train"])[0]
    assert read_corpus(prepare(tree, tmp_path, jobs=1), ["train"])[0].path == before.path
    sentence = tree / "TRAIN/DR1/FCJF0/SI648.WAV"
    louder = (read_audio(before.path) * 2**15 * 1.5).astype(np.int16)
    sentence.write_bytes(sphere(louder))
    after = read_corpus(prepare(tree, tmp_path, jobs=1), ["train"])[0]
    assert after.utt == before.utt == "fcjf0-si648"
    np.testing.assert_array_equal(read_audio(after.path) * 2**15, louder)


def test_a_frame_belongs_to_the_segment_under_its_centre() -> None:
    segments = [("sil", 521), ("b", 700), ("aa", 2000), ("sil", 2001)]
    # Centres lie at 200, 360, 520 | 680 | 840 ... 2120; audio may go on after the last end.
    assert on_frames(segments, 2320) == (("sil", 3), ("b", 1), ("aa", 8), ("sil", 1))


def test_a_segment_between_two_centres_gets_no_frame() -> None:
    assert on_frames([("sil", 521), ("b", 679), ("aa", 2000)], 880) == (("sil", 3), ("aa", 1))


def test_the_time_of_a_glottal_stop_goes_to_the_phone_after_it(tmp_path: Path) -> None:
    path = tmp_path / "si1.phn"
    path.write_text("0 800 h#\n800 900 q\n900 2000 ae\n2000 2100 q\n")
    assert read_segments(path) == [("sil", 800), ("ae", 2000)]
    assert on_frames(read_segments(path), 2400) == (("sil", 4), ("ae", 10))


@pytest.mark.parametrize("line", ["0 800", "0 800 xx", "0 x h#", "0 400 h#"])
def test_a_line_that_is_no_segment_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "si1.phn"
    path.write_text(f"0 500 h#\n{line}\n")
    with pytest.raises(BadCorpus, match=r"si1\.phn:2: .* 500 or later"):
        read_segments(path)


def test_timit_in_small_letters_is_the_same_corpus(labelled: Path, tmp_path: Path) -> None:
    small = prepare(write_timit(tmp_path / "timit", capitals=False), tmp_path, jobs=1)
    labels = [(folder / "phones_10ms.tsv").read_text() for folder in (small, labelled)]
    assert labels[0] == labels[1]


def test_packed_audio_is_refused_with_the_remedy(tmp_path: Path) -> None:
    tree = write_timit(tmp_path / "timit")
    packed = sphere(sound(["s"], [4000]), coding="pcm,embedded-shorten-v2.00")
    (tree / "TRAIN/DR1/FCJF0/SX37.WAV").write_bytes(packed)
    with pytest.raises(BadCorpus, match=r"SX37\.WAV.*sph2pipe"):
        prepare(tree, tmp_path, jobs=1)


def test_audio_of_another_rate_is_refused(tmp_path: Path) -> None:
    tree = write_timit(tmp_path / "timit")
    (tree / "TRAIN/DR1/FCJF0/SX37.WAV").write_bytes(sphere(sound(["s"], [9]), rate_hz=8000))
    with pytest.raises(BadCorpus, match=r"SX37\.WAV: 8000 Hz"):
        prepare(tree, tmp_path, jobs=1)


def test_a_segmentation_without_audio_is_refused(tmp_path: Path) -> None:
    tree = write_timit(tmp_path / "timit")
    (tree / "TRAIN/DR1/FCJF0/SX37.WAV").unlink()
    with pytest.raises(BadCorpus, match=r"SX37\.PHN: has no sx37\.wav"):
        prepare(tree, tmp_path, jobs=1)
