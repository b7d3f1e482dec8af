"""What a manifest may say, and how it is refused."""

from pathlib import Path
from typing import Final

import pytest

from tests.audio import recording
from tests.manifests import manifest
from tests.models import TINY_PHONEMES
from vau.errors import ConfigInvalid
from vau.evaluation.manifest import LABELS, Inventory, Utterance, read_manifest

INVENTORY: Final = Inventory(TINY_PHONEMES, frozenset({"SIL"}))


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for seed in range(3):
        recording(folder / f"{seed}.flac", 0.3, seed)
    return folder


@pytest.fixture
def folder(tmp_path: Path, recordings: Path) -> Path:
    (tmp_path / "audio").symlink_to(recordings)
    return tmp_path


def refuse_to_be_warned(text: str) -> None:
    pytest.fail(f"warned of: {text}")


def read(path: Path, split: str = "", limit: int | None = None) -> list[Utterance]:
    return read_manifest(path, INVENTORY, split, limit, warn=refuse_to_be_warned)


def test_only_three_columns_are_needed(folder: Path) -> None:
    path = manifest(folder, "audio/0.flac|AA|u0", columns="path phones utt")
    (utterance,) = read(path)
    assert utterance == Utterance(name="u0", path=folder / "audio/0.flac", phones=("AA",))


def test_utterance_is_another_name_of_utt(folder: Path) -> None:
    path = manifest(folder, "u0|audio/0.flac|AA", columns="utterance path phones")
    assert [each.name for each in read(path)] == ["u0"]
    path = manifest(folder, "x|u0|audio/0.flac|AA", columns="utterance utt path phones")
    assert [each.name for each in read(path)] == ["u0"]


def test_the_mark_that_spreadsheets_put_first_is_no_part_of_a_name(folder: Path) -> None:
    path = manifest(folder, "u0|audio/0.flac|AA", columns="utt path phones")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert [each.name for each in read(path)] == ["u0"]


def test_who_speaks_is_read_where_it_is_written(folder: Path) -> None:
    columns = "utt path phones speaker gender"
    path = manifest(folder, "u|audio/0.flac|AA|7|F", "v|audio/1.flac|AA||", columns=columns)
    assert [(each.speaker, each.gender) for each in read(path)] == [("7", "F"), (None, None)]


def test_stress_is_taken_off_where_the_model_knows_none(folder: Path) -> None:
    path = manifest(folder, "u|audio/0.flac|S AA1 IY0 T")
    assert read(path)[0].phones == ("S", "AA", "IY", "T")
    stressed = Inventory(("SIL", "AA1", "AA"), frozenset({"SIL"}))
    assert stressed.fold("AA1") == "AA1"
    assert stressed.fold("AA0") == "AA"
    assert stressed.fold("QQ1") == "QQ1"


def test_silence_is_left_out_of_what_is_said(folder: Path) -> None:
    assert read(manifest(folder, "u|audio/0.flac|SIL AA SIL B"))[0].phones == ("AA", "B")


def test_a_split_of_a_manifest_without_splits_is_all_of_it_and_said(folder: Path) -> None:
    lines = ("u|audio/0.flac|AA", "v|audio/1.flac|B")
    path = manifest(folder, *lines, columns="utt path phones")
    warnings: list[str] = []
    found = read_manifest(path, INVENTORY, "test", warn=warnings.append)
    assert [each.name for each in found] == ["u", "v"]
    assert len(warnings) == 1
    assert "no column split" in warnings[0]
    assert "'test'" in warnings[0]


@pytest.mark.parametrize(
    ("columns", "line", "split", "message"),
    [
        ("utt path", "u|audio/0.flac", "", "no column phones; .* it has utt, path"),
        ("name path phones", "u|audio/0.flac|AA", "", "no column utt; .* it has name, path"),
        ("utt path phones split", "u|audio/0.flac|AA|a", "x", "no split 'x'; it has a"),
        ("utt path phones split", "u|audio/0.flac|AA", "x", "no split 'x'; it has none"),
        ("utt path phones", "u|audio/0.flac|AA QQ", "", "u has phones .*: QQ; it knows SIL AA"),
        ("utt path phones", "u|audio/9.flac|AA", "", r"1 of 1 audio files missing: .*9\.flac"),
        ("utt path phones", f"u|{'x' * 300}|AA", "", "1 of 1 audio files missing: .*xxx"),
        ("utt path phones", "", "", "no utterance below its header"),
        ("utt path phones", "u|audio/0.flac| ", "", "line 2: utterance u has no phones"),
        ("utt path phones", "u|audio/0.flac", "", "line 2: utterance u has no phones"),
    ],
    ids=[
        "column",
        "name",
        "split",
        "splits",
        "phone",
        "audio",
        "name too long",
        "empty",
        "blank",
        "short",
    ],
)
def test_a_manifest_that_lacks_something_is_refused_naming_what_is_there(
    folder: Path, columns: str, line: str, split: str, message: str
) -> None:
    path = manifest(folder, *[line] * bool(line), columns=columns)
    with pytest.raises(ConfigInvalid, match=message) as caught:
        read(path, split)
    assert str(path) in str(caught.value)


def test_an_utterance_that_is_there_twice_is_named_with_both_lines(folder: Path) -> None:
    lines = ("u|audio/0.flac|AA|test", "", "v|audio/1.flac|AA|test", "u|audio/2.flac|AA|dev")
    path = manifest(folder, *lines)
    with pytest.raises(ConfigInvalid, match="line 5: utterance u is there already, in line 2"):
        read(path)
    assert len(read(path, "test")) == 2


def test_a_manifest_that_cannot_be_read_is_named(folder: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"absent\.tsv: cannot be read: No such file"):
        read(folder / "absent.tsv")


def test_what_is_missing_beyond_the_limit_is_not_demanded(folder: Path) -> None:
    path = manifest(folder, "u|audio/0.flac|AA|test", "v|audio/9.flac|QQ|test")
    (folder / LABELS).write_text("u\tSIL:10 AA:20\n")
    assert [each.name for each in read(path, limit=1)] == ["u"]


def test_labels_beside_the_manifest_are_read(folder: Path) -> None:
    path = manifest(folder, "u|audio/0.flac|AA|test")
    assert read(path)[0].alignment is None
    (folder / LABELS).write_text("v\tsomebody else's\nu\tSIL:10 AA2:15 AA:5\n")
    assert read(path)[0].alignment == (("SIL", 10), ("AA", 15), ("AA", 5))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("v\tSIL:30", "utterance u has no labels"),
        ("u", "utterance u has no labels"),
        ("u\tSIL:30 QQ:1", "utterance u has phones .*: QQ"),
        ("v\tAA:1\nu\tSIL:x", "line 2: 'SIL:x' is not a phone"),
        ("u\tSIL:0", "line 1: 'SIL:0' is not a phone"),
        ("u\tSIL", "line 1: 'SIL' is not a phone"),
        ("u\tSIL:" + "9" * 5000, "is not a phone"),
    ],
)
def test_labels_that_lack_something_are_refused(
    folder: Path, labels: str, message: str
) -> None:
    path = manifest(folder, "u|audio/0.flac|AA|test")
    (folder / LABELS).write_text(labels + "\n")
    with pytest.raises(ConfigInvalid, match=message) as caught:
        read(path)
    assert str(folder / LABELS) in str(caught.value)
