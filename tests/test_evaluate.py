"""The whole of an evaluation: a manifest through backends, here and on a server."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from tests.audio import encoded, recording
from tests.lively import LIVELY, write_lively_bundle
from tests.manifests import manifest
from tests.serving import floating, muntaniala, serving
from vau.audio import frame_count
from vau.backend import Backend
from vau.batch import Batch
from vau.commands.evaluate import EvaluatePlan, evaluate
from vau.errors import AudioCorrupt, BackendNotFound, ModelNotFound
from vau.evaluation.condition import CLEAN, MATRIX, Condition
from vau.evaluation.edits import Edits
from vau.evaluation.manifest import LABELS
from vau.evaluation.peers import ARPABET_OF_IPA
from vau.evaluation.report import Evaluation, matrix_table, report, table
from vau.evaluation.scores import Score
from vau.model import Model
from vau.transcripts import Transcription


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model and four recordings."""
    folder = tmp_path_factory.mktemp("corpus")
    write_lively_bundle(folder / "model")
    for seed in range(4):
        recording(folder / f"audio/{seed}.flac", 0.3 + 0.4 * seed, seed)
    return folder


def what_is_heard(folder: Path, seed: int) -> str:
    """Return what the model makes of a recording, so that a manifest can be right."""
    ((_, done),) = Batch(LIVELY, muntaniala(LIVELY)).transcribe([folder / f"audio/{seed}.flac"])
    assert isinstance(done, Transcription)
    return " ".join(done.symbols())


def plan_for(folder: Path, path: Path, **options: object) -> EvaluatePlan:
    model = str(folder / "model")
    return replace(EvaluatePlan(manifest=path, model=model, backend="muntaniala"), **options)  # type: ignore[arg-type]


def run(plan: EvaluatePlan) -> list[Evaluation]:
    return evaluate(plan, lambda _done, _total: None, pytest.fail)


def evaluated(folder: Path, path: Path, **options: object) -> Evaluation:
    (found,) = run(plan_for(folder, path, **options))
    return found


def test_what_was_heard_rightly_scores_zero(folder: Path) -> None:
    lines = (f"u{n}|audio/{n}.flac|SIL {what_is_heard(folder, n)} SIL|test" for n in range(4))
    score = evaluated(folder, manifest(folder, *lines)).score
    assert score.backend == "muntaniala:1x1"
    assert score.edits == Edits()
    assert score.per == 0.0
    assert len(score.heard) == 4
    assert score.frames == sum(map(frame_count, (4_800, 11_200, 17_600, 24_000)))


@pytest.fixture(scope="module")
def wrong(folder: Path) -> Path:
    lines = (f"u{n}|audio/{n}.flac|AA B AA S T IY|{'test' if n else 'dev'}" for n in range(4))
    path = manifest(folder, *lines)
    return path.rename(folder / "wrong.tsv")


@pytest.fixture(scope="module")
def labelled(folder: Path) -> Path:
    """Return a manifest with labels, speakers and genders."""
    (folder / "labelled").mkdir()
    (folder / "labelled/audio").symlink_to(folder / "audio")
    frames = [30 + 40 * n for n in range(4)]
    labels = (f"u{n}\tSIL:10 AA:{count - 20} B:10" for n, count in enumerate(frames))
    (folder / "labelled" / LABELS).write_text("\n".join(labels) + "\n")
    lines = (f"u{n}|audio/{n}.flac|AA B|s{n % 2}|{'FM'[n % 2]}" for n in range(4))
    return manifest(folder / "labelled", *lines, columns="utt path phones speaker gender")


def test_a_split_and_a_limit_choose_utterances(folder: Path, wrong: Path) -> None:
    def count(**options: object) -> int:
        return len(evaluated(folder, wrong, **options).score.heard)

    assert count(split="test") == 3
    assert count(split="dev") == 1
    assert count(split="test", limit=2) == 2


def test_the_number_of_processes_changes_nothing(folder: Path, labelled: Path) -> None:
    assert evaluated(folder, labelled, jobs=2) == evaluated(folder, labelled, jobs=1)


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with serving((LIVELY, muntaniala(LIVELY)), (LIVELY, floating(LIVELY))) as running:
        yield running.address


@pytest.mark.parametrize("condition", [CLEAN, Condition(noise_db=10.0)], ids=["clean", "noisy"])
def test_a_server_gives_the_same_figures(
    folder: Path, labelled: Path, served: str, condition: Condition
) -> None:
    conditions = (condition,)
    here = report(evaluated(folder, labelled, conditions=conditions))
    remote = {"model": "", "backend": "", "server": served, "jobs": 3}
    there = report(evaluated(folder, labelled, conditions=conditions, **remote))
    assert here["saturations"] > 0
    assert there == here | {"saturations": None, "temperature": None}


def test_the_decoder_that_is_asked_for_hears_here_and_on_a_server(
    folder: Path, labelled: Path, served: str
) -> None:
    greedy = report(evaluated(folder, labelled, decoder="greedy"))
    assert greedy["decoder"] == "greedy"
    assert greedy["per"] != report(evaluated(folder, labelled))["per"]
    remote = {"model": "", "backend": "", "server": served}
    there = report(evaluated(folder, labelled, decoder="greedy", **remote))
    assert there == greedy | {"saturations": None, "temperature": None}


def test_the_decoder_in_the_report_is_the_one_that_made_the_phones(
    folder: Path, wrong: Path
) -> None:
    found = evaluated(folder, wrong, limit=1)

    def decoder(name: str) -> str | None:
        score = Score(tuple(replace(each, decoder=name) for each in found.score.heard))
        told: str | None = report(replace(found, score=score))["decoder"]
        return told

    assert found.score.decoder == "viterbi"
    assert decoder("greedy") == "greedy"
    assert decoder("") is None


def test_a_page_has_the_conditions_of_a_command_line(folder: Path, wrong: Path) -> None:
    page = folder / "page.md"
    assert "--matrix" in plan_for(folder, wrong, conditions=MATRIX, page=page).command
    with pytest.raises(ValueError, match="no command line means these conditions"):
        plan_for(folder, wrong, conditions=MATRIX[:2], page=page)


def test_a_server_without_float_gives_one_score(wrong: Path) -> None:
    with serving((LIVELY, muntaniala(LIVELY))) as served:
        plan = EvaluatePlan(manifest=wrong, model="tiny", backend="", server=served.address)
        (found,) = run(plan)
        assert found.yardstick is None
        figures = report(found)
        assert figures["per"] > 0
        for name in ("per_float", "counts_float", "gap", "gap_ci95"):
            assert figures[name] is None
        with pytest.raises(ModelNotFound, match="'huge'; there are: tiny"):
            run(replace(plan, model="huge"))


def test_progress_counts_utterances_and_not_how_many_backends_hear_them(
    folder: Path, wrong: Path
) -> None:
    seen: list[tuple[int, int]] = []
    plan = plan_for(folder, wrong, conditions=MATRIX[:2])
    evaluate(plan, lambda done, total: seen.append((done, total)), pytest.fail)
    one = [(heard // 2, 8) for heard in range(1, 9)]
    assert seen == [*one, *((4 + done, total) for done, total in one)]


def test_the_report_holds_both_rates_and_their_counts(folder: Path, wrong: Path) -> None:
    found = evaluated(folder, wrong)
    figures = report(found)
    assert found.yardstick is not None
    assert figures["phone_count"] == 24
    assert figures["per"] == sum(figures["counts"].values()) / 24 > 0
    assert figures["per_float"] == sum(figures["counts_float"].values()) / 24
    assert figures["per"] == pytest.approx(figures["sub"] + figures["ins"] + figures["del"])
    assert figures["gap"] == figures["per"] - figures["per_float"]
    assert figures["per_ci95"][0] <= figures["per"] <= figures["per_ci95"][1]
    assert figures["gap_ci95"][0] <= figures["gap"] <= figures["gap_ci95"][1]
    assert figures["decoder"] == "viterbi"
    assert figures["condition"] == "clean"
    assert figures["temperature"] == LIVELY.temperature
    assert json.loads(json.dumps(figures, allow_nan=False))["peers"] == []


def test_what_needs_labels_or_columns_is_null_without_them(folder: Path, wrong: Path) -> None:
    figures = report(evaluated(folder, wrong))
    unknown = {name for name, value in figures.items() if value is None}
    assert unknown == {
        "frame_accuracy",
        "ece",
        "boundary_ms_p50",
        "boundary_within_20ms",
        "by_speaker",
        "by_gender",
    }


def test_labels_and_columns_beside_it_are_used(folder: Path, labelled: Path) -> None:
    figures = report(evaluated(folder, labelled))
    assert None not in figures.values()
    assert 0 < figures["frame_accuracy"] < 1
    assert 0 < figures["ece"] < 1
    assert figures["shown_ms_p50"] <= figures["stable_ms_p50"] <= figures["stable_ms_p90"]
    assert list(figures["by_speaker"]) == ["s0", "s1"]
    assert {name: each["utterances"] for name, each in figures["by_gender"].items()} == {
        "F": 2,
        "M": 2,
    }


def test_backends_hear_the_same_noise(folder: Path, wrong: Path) -> None:
    noisy = Condition(noise_db=0.0)
    asked = evaluated(folder, wrong, conditions=(noisy,))
    direct = evaluated(folder, wrong, backend="float", conditions=(noisy,))
    assert asked.yardstick is not None
    assert direct.score.edits == asked.yardstick.edits
    assert direct.score.edits != evaluated(folder, wrong, backend="float").score.edits


def test_the_table_has_a_line_per_backend(folder: Path, labelled: Path) -> None:
    found = evaluated(folder, labelled)
    text = table(found)
    assert text[0] == f"tiny: 4 utterances, 8 phones, {found.score.frames} frames"
    assert [line.split()[0] for line in text[2:4]] == ["muntaniala:1x1", "float"]
    assert [line.split()[0] for line in text[4:]] == [
        "above",
        "frames:",
        "boundaries:",
        "shown",
        "stable",
    ]


def test_the_matrix_has_a_line_per_condition(folder: Path, wrong: Path) -> None:
    found = run(plan_for(folder, wrong, conditions=MATRIX[:3]))
    lines = matrix_table(found)
    assert lines[1].split() == ["condition", "muntaniala:1x1", "float"]
    assert [line.partition("  ")[0].strip() for line in lines[2:]] == [
        "clean",
        "white noise 20 dB",
        "white noise 10 dB",
    ]


class Twin(ModuleType):
    """A stand-in for the package ``hama`` that hears what the model under test hears."""

    def __init__(self, folder: Path) -> None:
        super().__init__("hama")
        self.file = folder / "heard.wav"

    def ASRModel(self) -> "Twin":  # noqa: N802
        return self

    def transcribe_waveform(self, samples: np.ndarray, _rate_hz: int) -> SimpleNamespace:
        self.file.write_bytes(encoded(samples.reshape(-1, 1)))
        ((_, done),) = Batch(LIVELY, muntaniala(LIVELY)).transcribe([self.file])
        assert isinstance(done, Transcription)
        ipa = {phone: symbol for symbol, phone in ARPABET_OF_IPA.items()}
        return SimpleNamespace(phonemes=[ipa[phone] for phone in done.symbols()])


def test_peers_hear_the_same_samples(
    folder: Path, wrong: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "hama", Twin(tmp_path))
    conditions = (CLEAN, Condition(noise_db=5.0))
    for found in run(plan_for(folder, wrong, conditions=conditions, peers=("hama",))):
        (peer,) = report(found)["peers"]
        assert peer["name"] == "hama"
        assert peer["phone_count"] == 24
        assert peer["per_ci95"] == found.score.per_ci95
        assert [each.pairs for each in found.peers[0].heard] == [
            each.pairs for each in found.score.heard
        ]


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_utterance_that_cannot_be_read_is_an_error_not_a_gap(
    folder: Path, jobs: int
) -> None:
    (folder / "audio/bad.wav").write_bytes(b"RIFF")
    path = manifest(folder, "u|audio/0.flac|AA|test", "v|audio/bad.wav|AA|test")
    with pytest.raises(AudioCorrupt, match=r"utterance v: .*bad\.wav") as caught:
        evaluated(folder, path, jobs=jobs)
    assert str(caught.value).startswith(f"{path}: ")


def as_served(model: str) -> Model:
    return replace(LIVELY, name=model, digest=f"sha256:{model}")


def test_both_rates_on_a_server_are_of_one_model(wrong: Path) -> None:
    first, other = as_served("first"), as_served("other")
    plan = EvaluatePlan(manifest=wrong, model="", backend="", server="")

    def evaluated(*lanes: tuple[Model, Backend]) -> list[tuple[str, str]]:
        with serving((first, muntaniala(first)), (other, floating(other)), *lanes) as served:
            asked = replace(plan, server=served.address)
            (found,) = run(asked)
        both = (found.score, found.yardstick)
        return [(each.model, each.backend) for each in both if each is not None]

    quantised = ("first", "muntaniala:1x1")
    assert evaluated() == [quantised]
    assert evaluated((first, floating(first))) == [quantised, ("first", "float")]


def test_a_backend_that_is_not_served_is_named(wrong: Path) -> None:
    with serving((LIVELY, muntaniala(LIVELY))) as served:
        plan = EvaluatePlan(manifest=wrong, model="", backend="gpu", server=served.address)
        with pytest.raises(BackendNotFound, match="'gpu'; there are: muntaniala:1x1"):
            run(plan)
