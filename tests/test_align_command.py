"""The verb as a user has it."""

import json
from pathlib import Path
from typing import Final

import pytest

from tests.audio import recording
from tests.commands import vau
from tests.in_process import Here
from tests.lively import LIVELY, write_lively_bundle
from tests.manifests import manifest
from tests.serving import muntaniala, serving
from vau.alignment import FORMATS, Alignment, align, phones_script
from vau.audiofile import read_recording
from vau.batch import Batch
from vau.commands.clip import default_clip
from vau.commands.flags.aligning import FORMATS as NAMED
from vau.errors import AudioError
from vau.evaluation.listening import inventory_of
from vau.model import find_model
from vau.transcripts import Transcription

SENTENCE: Final = (  # of the recording that vau demo plays, as its reader says it
    "AE N D M IH S T ER JH AA N D AE SH W UH D HH AE D DH EH N L IY ZH ER T UW K AH N S IH D "
    "ER HH AW M AH CH DH EH R M AY T B IY P R UW D AH N T L IY IH N HH IH Z P AW ER T IH D UW "
    "F AO R DH EH M"
).split()
JOHN: Final = SENTENCE.index("JH")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("aligned")
    write_lively_bundle(folder / "model")
    recording(folder / "a.flac", 0.5)
    (folder / "lexicon").write_text("Oh AA T\nbe B IY\nbe(2) B\n")
    return folder


def test_a_word_and_its_phones_are_shown(folder: Path) -> None:
    done = vau(
        "align", folder / "a.flac", "Oh, be!", "--lexicon", folder / "lexicon",
        "--model", folder / "model",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    head, *lines, total = done.stdout.splitlines()
    assert head.split() == ["start", "end", "GOP"]
    assert [line.split()[3] for line in lines][:4] == ["oh", "AA", "T", "be"]
    assert lines[1][29:].startswith("  AA")  # below its word
    assert "nats, mean over" in total


def test_a_server_and_this_machine_align_alike(folder: Path, tmp_path: Path) -> None:
    command = ("align", folder / "a.flac", "AA B AA", "--json")
    here = json.loads(vau(*command, "--model", folder / "model", "--out", tmp_path).stdout)
    with serving((LIVELY, muntaniala(LIVELY))) as served:
        there = json.loads(vau(*command, "--server", served.address).stdout)
    assert [each["symbol"] for each in here["phones"]] == ["AA", "B", "AA"]
    assert there["phones"] == here["phones"]
    assert there["output_digest"] == here["output_digest"]
    assert json.loads((tmp_path / "a.jsonl").read_text()) == here
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.TextGrid", "a.jsonl"]


def test_every_format_that_is_offered_is_written() -> None:
    assert tuple(FORMATS) == NAMED


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "FILE: name a recording and what is said in it, or a --manifest"),
        (("a.flac",), "SAID: what is said in it?"),
        (("a.flac", "AA", "--text", "oh"), "SAID and --text say twice what is said"),
        (("a.flac", "AA", "--split", "test"), "--split: is of a --manifest"),
        (("a.flac", "--manifest", "x.tsv"), "--manifest: names the recordings; leave out FILE"),
        (("--manifest", "x.tsv"), "--out: of a --manifest nothing is shown but figures"),
        (("--manifest", "x.tsv", "--text", "oh"), "--text: the --manifest says what is said"),
        (
            ("a.flac", "AA", "--format", "srt"),
            "'srt' is none of jsonl, textgrid, ctm, audacity",
        ),
        (("a.flac", "AA", "--format", "ctm"), "--format: says what --out writes, and"),
        (("a.flac", "--phones", "aa"), "does not know aa; it knows SIL AA B"),
        (("a.flac", "--text", "oh 5"), "no lexicon has 5; add a line"),
        (("a.flac", "a.flac"), "as words; a.flac is a file; give text by --text-file"),
        (("a.flac", "aa0 b Oh"), "as words; phones are written as AA0 B, in upper case"),
        (("a.flac", "--text", "b"), "and write numbers and signs as words"),
        (("a.flac", "--text-file", "none.txt"), "--text-file: none.txt: cannot be read"),
        (("a.flac", "AA " * 60), "it has more phones than the recording has frames, 49 of"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(
    here: Here,
    folder: Path,
    arguments: tuple[str, ...],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    done = here("align", *arguments, "--model", "model", "--lexicon", "lexicon")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert why in line


def test_formats_that_the_environment_names_for_transcripts_are_not_of_alignments(
    here: Here, folder: Path
) -> None:
    command = ("align", f"{folder}/a.flac", "AA", "--model", f"{folder}/model")
    assert here(*command, VAU_FORMAT="srt").returncode == 0


def test_where_nothing_can_be_written_nothing_is_heard(here: Here, folder: Path) -> None:
    done = here(
        "align", str(folder / "a.flac"), "AA", "--out", f"{folder}/a.flac",
        "--model", f"{folder}/model",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (74, "")
    assert "a.flac: cannot be written" in done.stderr


def test_no_recording_may_take_the_name_of_the_journal(
    here: Here, folder: Path, tmp_path: Path
) -> None:
    audio = recording(tmp_path / "manifest.flac", 0.1)
    command = ("align", str(audio), "AA", "--model", f"{folder}/model")
    done = here(*command, "--out", f"{tmp_path}/out")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--out: " in done.stderr
    assert "manifest.jsonl, which is the journal; rename it" in done.stderr
    assert not (tmp_path / "out").exists()
    assert here(*command).returncode == 0


def test_two_utterances_that_would_be_written_to_one_file_are_refused(
    here: Here, folder: Path, tmp_path: Path
) -> None:
    listed = manifest(folder, "a|a.flac|AA", "./a|a.flac|B", columns="utt path phones")
    command = ("align", "--manifest", str(listed), "--model", f"{folder}/model")
    done = here(*command, "--out", f"{tmp_path}/out")
    assert (done.returncode, done.stdout) == (2, "")
    assert "would both be written to a; " in done.stderr
    assert not (tmp_path / "out").exists()


def test_of_a_manifest_what_cannot_be_aligned_stops_nobody_else(
    folder: Path, tmp_path: Path
) -> None:
    listed = manifest(
        folder,
        "s/good|a.flac|oh be",
        "unknown|a.flac|oh dear me",
        "unknown too|a.flac|Dear!",
        "absent|b.flac|oh",
        "long|a.flac|" + "oh " * 60,
        columns="utt path text",
    )
    done = vau(
        "align", "--manifest", listed, "--lexicon", folder / "lexicon", "--out", tmp_path,
        "--format", "ctm", "--model", folder / "model", "--jobs", 1,
    )  # fmt: skip
    assert done.returncode == 1
    assert (tmp_path / "s/good.ctm").read_text().startswith("good 1 ")
    assert [path.name for path in tmp_path.rglob("*.ctm")] == ["good.ctm"]
    for why in ("no lexicon has dear, me; add", "b.flac: ", "it has more phones than"):
        assert why in done.stderr
    counts, missing = done.stdout.splitlines()
    assert counts.startswith("1 utterances aligned, 4 failed; ")
    assert missing == "no lexicon has dear, me"


# --- real speech -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def spoken() -> Transcription:
    try:
        file = default_clip()
    except AudioError as absent:
        pytest.skip(str(absent))
    model = find_model("munt-1x192")
    ((_, done),) = Batch(model, muntaniala(model)).transcribe([file])
    assert isinstance(done, Transcription)
    return done


def aligned(spoken: Transcription, phones: list[str]) -> Alignment:
    return align(
        phones_script(" ".join(phones), inventory_of(find_model("munt-1x192"))), spoken
    )


def test_speech_is_found_where_it_is_and_scores_well(spoken: Transcription) -> None:
    found = aligned(spoken, SENTENCE)
    assert found.gop_nats > 1.0
    assert sum(each.gop_nats > 0 for each in found.phones) > 0.7 * len(SENTENCE)
    power = read_recording(default_clip()).samples.astype(float) ** 2
    first, last = found.phones[0].phone.start_sample, found.phones[-1].phone.end_sample
    within, before, behind = (
        part.mean() for part in (power[first:last], power[: first // 2], power[last:])
    )
    assert within > 10 * before
    assert within > 10 * behind


@pytest.mark.parametrize(
    ("at", "wrong"), [(JOHN, "K"), (JOHN + 2, "S"), (SENTENCE.index("ZH"), "AW")]
)
def test_a_wrong_phone_scores_low_and_the_others_as_before(
    spoken: Transcription, at: int, wrong: str
) -> None:
    right = aligned(spoken, SENTENCE).phones
    said = [*SENTENCE[:at], wrong, *SENTENCE[at + 1 :]]
    found = aligned(spoken, said).phones
    assert found[at].gop_nats < min(-1.0, right[at].gop_nats - 2.0)
    far = [place for place in range(len(said)) if abs(place - at) > 2]
    assert [found[place] for place in far] == [right[place] for place in far]
    lowest = min(found, key=lambda each: each.gop_nats - right[found.index(each)].gop_nats)
    assert lowest == found[at]
