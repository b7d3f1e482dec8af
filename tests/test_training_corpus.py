"""What is wrong with a labelled corpus is said with its place, and its card is its own."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from training.corpus import (
    BadCorpus,
    Entry,
    manifest_digest,
    read_audio,
    read_corpus,
    write_corpus,
)
from training.source import SHIPPED_CARD, read_source

MANIFEST = "utt\tpath\tsplit\tphones\none\ta/one.wav\ttrain\tHH AY\ntwo\ttwo.wav\tdev\tOW\n"
LABELS = "one\tSIL:2 HH:3 AY:4\ntwo\tOW:5\n"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "manifest.tsv").write_text(MANIFEST)
    (tmp_path / "phones_10ms.tsv").write_text(LABELS)
    return tmp_path


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("one\tSIL:2 AA\n", r"phones_10ms\.tsv:1: utterance one: 'AA' is not a phone, a colon"),
        ("one\tSIL:2 AA:0\n", r"phones_10ms\.tsv:1: utterance one: 'AA:0'"),
        ("one\tSIL:x\n", r"phones_10ms\.tsv:1: utterance one: 'SIL:x'"),
        ("two\tOW:5\none SIL:2\n", r"phones_10ms\.tsv:2: 'one SIL:2' .* a tab"),
        ("one\tSIL:2\n\n", r"phones_10ms\.tsv:2: '' is no line of labels"),
        ("one\t\n", r"phones_10ms\.tsv:1: utterance one: has no labels"),
        ("one\tXX:2\n", r"phones_10ms\.tsv:1: utterance one: phones XX .* phonemes\.txt"),
        ("two\tOW:5\n", r"phones_10ms\.tsv: has no line for one: label it"),
        (b"one\tSIL:2\xff\n", r"phones_10ms\.tsv: cannot be read"),
    ],
)
def test_labels_that_cannot_be_read_are_named_with_their_line(
    corpus: Path, written: str | bytes, said: str
) -> None:
    content = written if isinstance(written, bytes) else written.encode()
    (corpus / "phones_10ms.tsv").write_bytes(content)
    with pytest.raises(BadCorpus, match=said):
        read_corpus(corpus, ["train"])


@pytest.mark.parametrize(
    ("there", "instead", "said"),
    [
        ("split", "part", r"manifest\.tsv: no column split; .* has utt, path, part, phones"),
        ("\tHH AY", "", r"manifest\.tsv:2: 3 cells under 4 columns"),
        ("HH AY", "HH AI", r"manifest\.tsv: utterance one: phones AI are not"),
        (MANIFEST, "", r"manifest\.tsv: no column utt, .* has none"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_named_with_what_it_lacks(
    corpus: Path, there: str, instead: str, said: str
) -> None:
    (corpus / "manifest.tsv").write_text(MANIFEST.replace(there, instead))
    with pytest.raises(BadCorpus, match=said):
        read_corpus(corpus, ["train"])


def test_what_is_wrong_in_the_labels_of_another_split_does_not_matter(corpus: Path) -> None:
    (corpus / "phones_10ms.tsv").write_text(LABELS.replace("OW:5", "OW"))
    assert [each.utt for each in read_corpus(corpus, ["train"])] == ["one"]


def test_a_recording_that_is_none_or_of_another_rate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.wav").write_bytes(b"nothing")
    with pytest.raises(BadCorpus, match=r"none\.wav: cannot be read as audio"):
        read_audio(tmp_path / "none.wav")
    soundfile.write(tmp_path / "slow.wav", np.zeros(800), 8000)
    with pytest.raises(BadCorpus, match=r"slow\.wav: 8000 Hz"):
        read_audio(tmp_path / "slow.wav")


def test_the_digest_of_a_manifest_is_that_of_the_file(corpus: Path) -> None:
    digest = hashlib.sha256((corpus / "manifest.tsv").read_bytes()).hexdigest()
    assert manifest_digest(corpus) == digest


def test_the_digest_of_a_prepared_manifest_does_not_know_where_its_audio_lies(
    tmp_path: Path,
) -> None:
    digests = []
    for home, name in (("here", "one"), ("there", "one"), ("here", "two")):
        folder = tmp_path / f"{home}-{name}"
        audio = tmp_path / home / f"{name}.flac"
        entry = Entry(
            utt="one",
            path=audio,
            split="train",
            speaker="7",
            gender="F",
            phones=("l",),
            stretches=(("l", 3),),
        )
        write_corpus(folder, ("sil", "l"), [entry], {})
        digests.append(manifest_digest(folder))
        assert json.loads((folder / "card.json").read_text())["manifest_sha256"] == digests[-1]
    assert digests[0] == digests[1] != digests[2]


def test_a_corpus_without_a_card_is_known_by_its_folder(corpus: Path) -> None:
    facts = {"name": corpus.name, "manifest_sha256": manifest_digest(corpus)}
    assert read_source(corpus, None).facts == facts


def test_a_corpus_is_described_by_its_card_or_by_the_one_given(corpus: Path) -> None:
    card = {"name": "two words", "manifest_sha256": manifest_digest(corpus)}
    (corpus / "card.json").write_text(json.dumps(card))
    assert read_source(corpus, None).facts == card
    other = corpus / "other.json"
    other.write_text(json.dumps({**card, "name": "given"}))
    assert read_source(corpus, other).facts["name"] == "given"


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ('{"name": "x"}', r"card\.json: .* unsaid, .* --corpus-card"),
        ('{"manifest_sha256": "08cb"}', r"card\.json: .* 08cb, but that of .* --corpus-card"),
        ("[]", r"card\.json: .* unsaid"),
        ("{", r"card\.json: cannot be read as JSON"),
    ],
)
def test_a_card_of_another_corpus_is_refused(corpus: Path, card: str, said: str) -> None:
    (corpus / "card.json").write_text(card)
    with pytest.raises(BadCorpus, match=said):
        read_source(corpus, None)


def test_the_shipped_card_describes_its_own_manifest(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = corpus / "shipped.json"
    digest = {"manifest_sha256": manifest_digest(corpus)}
    card.write_text(json.dumps({**json.loads(SHIPPED_CARD.read_text()), **digest}))
    monkeypatch.setattr("training.source.SHIPPED_CARD", card)
    assert read_source(corpus, None).facts["name"].startswith("LibriSpeech")
