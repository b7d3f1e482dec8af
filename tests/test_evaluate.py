from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audio import recording
from tests.lively import LIVELY, write_lively_bundle
from tests.models import TINY_PHONEMES
from tests.serving import floating, muntaniala, serving
from vau.audio import frame_count
from vau.backend import Backend
from vau.batch import Batch
from vau.commands.evaluate import (
    Edits,
    EvaluatePlan,
    Score,
    edit_distance,
    evaluate,
    read_manifest,
    report,
    table,
)
from vau.errors import AudioCorrupt, BackendNotFound, ConfigInvalid, ModelNotFound
from vau.model import Model
from vau.transcript import Transcription

PHONES = st.lists(st.sampled_from("abc"), max_size=7)


@pytest.mark.parametrize(
    ("said", "heard", "substitutions", "insertions", "deletions"),
    [
        ("", "", 0, 0, 0),
        ("abc", "abc", 0, 0, 0),
        ("abc", "", 0, 0, 3),
        ("", "abc", 0, 3, 0),
        ("abc", "axc", 1, 0, 0),
        ("abc", "abxc", 0, 1, 0),
        ("abc", "ac", 0, 0, 1),
        ("kitten", "sitting", 2, 1, 0),
        ("ab", "ba", 2, 0, 0),  # not an insertion and a deletion, which cost as much
        ("aab", "b", 0, 0, 2),
    ],
    ids=str,
)
def test_known_edits_are_counted(
    said: str, heard: str, substitutions: int, insertions: int, deletions: int
) -> None:
    expected = Edits(substitutions, insertions, deletions)
    assert edit_distance(list(said), list(heard)) == expected


@given(PHONES, PHONES)
def test_the_edits_are_the_fewest_that_explain_the_lengths(
    said: list[str], heard: list[str]
) -> None:
    edits = edit_distance(said, heard)
    assert edits.errors == fewest("".join(said), "".join(heard))
    assert len(said) - edits.deletions + edits.insertions == len(heard)


@cache
def fewest(said: str, heard: str) -> int:
    """Return the edit distance as it is defined, slowly."""
    if not said or not heard:
        return len(said) + len(heard)
    return min(
        fewest(said[:-1], heard[:-1]) + (said[-1] != heard[-1]),
        fewest(said[:-1], heard) + 1,
        fewest(said, heard[:-1]) + 1,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model and four recordings."""
    folder = tmp_path_factory.mktemp("corpus")
    write_lively_bundle(folder / "model")
    for seed in range(4):
        recording(folder / f"audio/{seed}.flac", 0.3 + 0.4 * seed, seed)
    return folder


def manifest(folder: Path, *lines: str, columns: str = "utt path phones split") -> Path:
    """Write a manifest whose cells are separated by | and return its path."""
    text = "\n".join(["\t".join(columns.split()), *(line.replace("|", "\t") for line in lines)])
    number = len(list(folder.glob("*.tsv")))
    path = folder / f"manifest{number}.tsv"
    path.write_text(text + "\n")
    return path


def what_is_heard(folder: Path, seed: int) -> str:
    """Return what the model makes of a recording, so that a manifest can be right."""
    ((_, done),) = Batch(LIVELY, muntaniala(LIVELY)).transcribe([folder / f"audio/{seed}.flac"])
    assert isinstance(done, Transcription)
    return " ".join(done.symbols())


def scored(folder: Path, path: Path, **options: int | str) -> list[Score]:
    plan = EvaluatePlan(
        manifest=path,
        model=str(folder / "model"),
        backend="muntaniala",
        **options,  # type: ignore[arg-type]
    )
    return evaluate(plan, lambda _done, _total: None)


def test_what_was_heard_rightly_scores_zero(folder: Path) -> None:
    lines = (f"u{n}|audio/{n}.flac|SIL {what_is_heard(folder, n)} SIL|test" for n in range(4))
    quantised, _ = scored(folder, manifest(folder, *lines))
    assert quantised.backend == "muntaniala:1x1"
    assert quantised.edits == Edits()
    assert quantised.per == 0.0
    assert quantised.utterances == 4
    assert quantised.frames == sum(map(frame_count, (4_800, 11_200, 17_600, 24_000)))


@pytest.fixture(scope="module")
def wrong(folder: Path) -> Path:
    lines = (f"u{n}|audio/{n}.flac|AA B AA S T IY|{'test' if n else 'dev'}" for n in range(4))
    return manifest(folder, *lines)


def test_the_score_is_that_of_the_edits(folder: Path, wrong: Path) -> None:
    for score in scored(folder, wrong):
        assert score.phones == 24
        assert score.per == score.edits.errors / 24 > 0.0


def test_a_split_and_a_limit_choose_utterances(folder: Path, wrong: Path) -> None:
    assert scored(folder, wrong, split="test")[0].utterances == 3
    assert scored(folder, wrong, split="dev")[0].utterances == 1
    assert scored(folder, wrong, split="test", limit=2)[0].utterances == 2


def test_the_number_of_processes_changes_nothing(folder: Path, wrong: Path) -> None:
    assert scored(folder, wrong, jobs=2) == scored(folder, wrong, jobs=1)


def test_a_server_gives_the_same_scores(folder: Path, wrong: Path) -> None:
    with serving((LIVELY, muntaniala(LIVELY)), (LIVELY, floating(LIVELY))) as served:
        plan = EvaluatePlan(manifest=wrong, model="", backend="", server=served.address, jobs=3)
        assert evaluate(plan, lambda _done, _total: None) == scored(folder, wrong)


def test_a_server_without_float_gives_one_score(folder: Path, wrong: Path) -> None:
    with serving((LIVELY, muntaniala(LIVELY))) as served:
        plan = EvaluatePlan(manifest=wrong, model="tiny", backend="", server=served.address)
        (score,) = evaluate(plan, lambda _done, _total: None)
        assert score == scored(folder, wrong)[0]
        assert report([score])["per_float"] is None
        with pytest.raises(ModelNotFound, match="'huge'; there are: tiny"):
            evaluate(
                EvaluatePlan(manifest=wrong, model="huge", backend="", server=served.address),
                lambda _done, _total: None,
            )


def test_progress_counts_utterances_and_not_how_many_backends_hear_them(
    folder: Path, wrong: Path
) -> None:
    seen: list[tuple[int, int]] = []
    plan = EvaluatePlan(manifest=wrong, model=str(folder / "model"), backend="muntaniala")
    evaluate(plan, lambda done, total: seen.append((done, total)))
    assert seen == [(heard // 2, 4) for heard in range(1, 9)]


def test_the_report_holds_both_rates_and_their_counts(folder: Path, wrong: Path) -> None:
    quantised, floating_score = scored(folder, wrong)
    figures = report([quantised, floating_score])
    assert figures["per"] == quantised.per
    assert figures["per_float"] == floating_score.per
    assert sum(figures["counts"].values()) == quantised.edits.errors
    assert figures["reference_phones"] == 24
    assert len(table([quantised, floating_score])) == 4


def test_only_three_columns_are_needed(folder: Path) -> None:
    path = manifest(folder, "audio/0.flac|AA|u0", columns="path phones utt")
    (utterance,) = read_manifest(path, TINY_PHONEMES)
    assert utterance.path == folder / "audio/0.flac"


@pytest.mark.parametrize(
    ("columns", "line", "split", "message"),
    [
        ("utt path", "u|audio/0.flac", "", "no column phones; .* it has utt, path"),
        ("utt path phones", "u|audio/0.flac|AA", "x", "no split 'x'; it has none"),
        ("utt path phones split", "u|audio/0.flac|AA|a", "x", "no split 'x'; it has a"),
        ("utt path phones", "u|audio/0.flac|AA QQ", "", "u has phones .*: QQ; it knows SIL AA"),
        ("utt path phones", "u|audio/9.flac|AA", "", r"1 of 1 audio files missing: .*9\.flac"),
        ("utt path phones", "", "", "no utterance below its header"),
        ("utt path phones", "u|audio/0.flac| ", "", "line 2: utterance u has no phones"),
        ("utt path phones", "u|audio/0.flac", "", "line 2: utterance u has no phones"),
    ],
    ids=["column", "splits", "split", "phone", "audio", "empty", "blank", "short"],
)
def test_a_manifest_that_lacks_something_is_refused_naming_what_is_there(
    folder: Path, columns: str, line: str, split: str, message: str
) -> None:
    path = manifest(folder, *[line] * bool(line), columns=columns)
    with pytest.raises(ConfigInvalid, match=message) as caught:
        read_manifest(path, TINY_PHONEMES, split)
    assert str(path) in str(caught.value)


def test_an_utterance_that_is_there_twice_is_named_with_both_lines(folder: Path) -> None:
    lines = ("u|audio/0.flac|AA|test", "", "v|audio/1.flac|AA|test", "u|audio/2.flac|AA|dev")
    path = manifest(folder, *lines)
    with pytest.raises(ConfigInvalid, match="line 5: utterance u is there already, in line 2"):
        read_manifest(path, TINY_PHONEMES)
    assert len(read_manifest(path, TINY_PHONEMES, "test")) == 2


def test_a_manifest_that_cannot_be_read_is_named(folder: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"absent\.tsv: cannot be read: No such file"):
        read_manifest(folder / "absent.tsv", TINY_PHONEMES)


def test_silence_alone_has_no_error_rate(folder: Path) -> None:
    with pytest.raises(ConfigInvalid, match="no reference phones besides silence"):
        scored(folder, manifest(folder, "u|audio/0.flac|SIL|test"))


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_utterance_that_cannot_be_read_is_an_error_not_a_gap(
    folder: Path, jobs: int
) -> None:
    (folder / "audio/bad.wav").write_bytes(b"RIFF")
    path = manifest(folder, "u|audio/0.flac|AA|test", "v|audio/bad.wav|AA|test")
    with pytest.raises(AudioCorrupt, match=r"utterance v: .*bad\.wav") as caught:
        scored(folder, path, jobs=jobs)
    assert str(caught.value).startswith(f"{path}: ")


def test_edits_add_up() -> None:
    parts: Sequence[Edits] = [Edits(1, 2, 3), Edits(10, 20, 30)]
    assert sum(parts, Edits()) == Edits(11, 22, 33)


def test_what_is_missing_beyond_the_limit_is_not_demanded(folder: Path) -> None:
    path = manifest(folder, "u|audio/0.flac|AA|test", "v|audio/9.flac|QQ|test")
    assert [each.name for each in read_manifest(path, TINY_PHONEMES, limit=1)] == ["u"]


def as_served(model: str) -> Model:
    return replace(LIVELY, name=model, digest=f"sha256:{model}")


def test_both_rates_on_a_server_are_of_one_model(wrong: Path) -> None:
    first, other = as_served("first"), as_served("other")
    plan = EvaluatePlan(manifest=wrong, model="", backend="", server="")

    def evaluated(*lanes: tuple[Model, Backend]) -> list[tuple[str, str]]:
        with serving((first, muntaniala(first)), (other, floating(other)), *lanes) as served:
            asked = replace(plan, server=served.address)
            found = evaluate(asked, lambda _done, _total: None)
        return [(each.model, each.backend) for each in found]

    quantised = ("first", "muntaniala:1x1")
    assert evaluated() == [quantised]
    assert evaluated((first, floating(first))) == [quantised, ("first", "float")]


def test_a_backend_that_is_not_served_is_named(wrong: Path) -> None:
    with serving((LIVELY, muntaniala(LIVELY))) as served:
        plan = EvaluatePlan(manifest=wrong, model="", backend="gpu", server=served.address)
        with pytest.raises(BackendNotFound, match="'gpu'; there are: muntaniala:1x1"):
            evaluate(plan, lambda _done, _total: None)


def test_a_backend_whose_name_begins_like_the_yardsticks_is_another() -> None:
    score = Score(
        model="m", backend="floaty:1", edits=Edits(), utterances=1, phones=1, frames=1
    )
    assert report([score])["per_float"] is None
    assert report([replace(score, backend="float:x")])["per_float"] == 0.0
