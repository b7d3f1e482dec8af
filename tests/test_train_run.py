"""A training run in miniature, on tones for phones; needs torch (``./run e2e-train``)."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch", reason="torch is not installed; ./run e2e-train has it")

from training import __main__ as command  # noqa: E402
from training import curves  # noqa: E402
from training.agreement import agreement  # noqa: E402
from training.corpus import PHONEMES  # noqa: E402 - torch decides whether to go on
from training.decoding import tables  # noqa: E402
from training.export import export, master_of, read_run, write  # noqa: E402
from training.recipes import RECIPES, Recipe, Stage  # noqa: E402
from training.source import read_source  # noqa: E402
from training.train import INPUT_LIMIT, AnotherRun, Training, load_data  # noqa: E402
from vau.audio import HOP_SAMPLES, SAMPLE_RATE_HZ  # noqa: E402
from vau.backend import BackendOptions, Work  # noqa: E402
from vau.frontend import MFCC  # noqa: E402
from vau.model import find_model, load_model  # noqa: E402
from vau_backends.float.backend import FACTORY  # noqa: E402

PITCHES_HZ = {"SIL": 0.0, "AA": 300.0, "IY": 1200.0, "S": 5000.0}
STAGE = Stage(epochs=2, warmup_steps=5, dropout=0.05)
RECIPE = replace(
    RECIPES["munt-1x96-mfcc"],
    hidden=12,
    stages=(
        STAGE,
        replace(
            STAGE,
            epochs=1,
            distorted_share=0.5,
            sequence_share=0.5,
            on_grid=True,
            norm_limit=0.8,
        ),
    ),
    batch_streams=2,
    chunk_frames=20,
    output_delay=2,
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine utterances of a few tones each."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    rows, labels = ["utt\tpath\tsplit\tphones"], []
    for number in range(9):
        phones = ["SIL", *rng.choice(["AA", "IY", "S"], 3).tolist(), "SIL"]
        runs = rng.integers(8, 15, len(phones)).tolist()
        tone = np.concatenate(
            [
                np.sin(
                    2 * np.pi * PITCHES_HZ[phone] * np.arange(n * HOP_SAMPLES) / SAMPLE_RATE_HZ
                )
                for phone, n in zip(phones, runs, strict=True)
            ]
        )
        noisy = 0.2 * tone + rng.normal(0, 0.001, len(tone))
        soundfile.write(folder / f"{number}.wav", noisy, SAMPLE_RATE_HZ)
        split = {7: "dev", 8: "test"}.get(number, "train")
        rows.append(f"{number}\t{number}.wav\t{split}\t{' '.join(phones[1:-1])}")
        spelled = [f"{phone}:{n}" for phone, n in zip(phones, runs, strict=True)]
        labels.append(f"{number}\t{' '.join(spelled)}")
    (folder / "manifest.tsv").write_text("\n".join(rows) + "\n")
    (folder / "phones_10ms.tsv").write_text("\n".join(labels) + "\n")
    return folder


def run(corpus: Path, out: Path, recipe: Recipe) -> Training:
    data = load_data(corpus, corpus / "cache", recipe, jobs=1)
    training = Training(recipe, data, out)
    training.run()
    return training


def test_a_run_learns_and_leaves_a_log_and_its_curves(corpus: Path, tmp_path: Path) -> None:
    stage = replace(STAGE, epochs=12, learning_rate=1e-2)
    run(corpus, tmp_path, replace(RECIPE, stages=(stage,)))
    notes = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    losses = [note["dev_loss"] for note in notes if "dev_loss" in note]
    assert losses[-1] < losses[0] / 2
    curves.draw(tmp_path / "log.jsonl", tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("epochs", [1, 2], ids=["within a stage", "between stages"])
def test_a_run_that_was_cut_off_ends_in_the_same_weights(
    epochs: int, corpus: Path, tmp_path: Path
) -> None:
    whole = run(corpus, tmp_path / "whole", RECIPE)
    begun = Training(RECIPE, whole.data, tmp_path / "cut")
    for _ in range(epochs):
        begun.run_epoch()
    begun.save()
    noted = ['{"step": 1, "loss": 1.0}\n', '{"step": 999, "loss": 1.0}\n']
    (tmp_path / "cut" / "log.jsonl").write_text("".join(noted))
    torch.rand(7)  # another process begins with another state of chance
    resumed = Training(RECIPE, whole.data, tmp_path / "cut")
    resumed.run()
    for name, values in whole.network.state_dict().items():
        assert torch.equal(values, resumed.network.state_dict()[name]), name
    log = (tmp_path / "cut" / "log.jsonl").read_text()
    assert log.startswith(noted[0])
    assert noted[1] not in log  # it came after the checkpoint


def test_output_delays_are_drawn_from_their_table(tmp_path: Path) -> None:
    table = tmp_path / "delays.tsv"
    table.write_text("delay_frames\tdev_per\n0\t0.4\n5\t0.3\n")
    curves.draw_delays(table, tmp_path / "delays.png")
    assert (tmp_path / "delays.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_does_not_go_on_with_another_corpus_or_recipe(
    corpus: Path, tmp_path: Path
) -> None:
    data = load_data(corpus, corpus / "cache", RECIPE, 1)
    begun = Training(RECIPE, data, tmp_path)
    begun.run_epoch()
    begun.save()
    with pytest.raises(AnotherRun, match="another folder"):
        Training(replace(RECIPE, seed=2), data, tmp_path)
    with pytest.raises(AnotherRun, match="another folder"):
        Training(RECIPE, replace(data, corpus="mfcc-of-another"), tmp_path)
    Training(RECIPE, data, tmp_path)


def test_a_run_that_is_not_at_its_end_is_not_exported(corpus: Path, tmp_path: Path) -> None:
    begun = Training(RECIPE, load_data(corpus, corpus / "cache", RECIPE, jobs=1), tmp_path)
    begun.run_epoch()
    begun.save()
    with pytest.raises(ValueError, match="epoch 1 of 3"):
        read_run(RECIPE, tmp_path, PHONEMES)


def test_what_is_exported_computes_what_was_trained(corpus: Path, tmp_path: Path) -> None:
    training = run(corpus, tmp_path / "run", RECIPE)
    trained = read_run(RECIPE, tmp_path / "run", PHONEMES)
    model = write(tmp_path / "bundle", trained, tables([]), 1.0, {})
    network = training.network.eval()
    z = np.random.default_rng(0).normal(size=(40, MFCC.feature_dim)).clip(*INPUT_LIMIT)
    features = (z / model.inv_std + model.mean).astype(np.float32)
    with torch.no_grad():
        inputs = torch.from_numpy(z.astype(np.float32))[:, None]
        logits, _ = network(inputs, network.zero_state(1))
    expected = torch.log_softmax(logits[:, 0], dim=1).numpy()
    backend = FACTORY.open(model, BackendOptions())
    (result,) = backend.run([Work(backend.open(), features)])
    assert result.log_prob.shape == (40, len(PHONEMES))
    np.testing.assert_allclose(result.log_prob, expected, atol=5e-3)  # float16 weights


def test_an_export_is_a_bundle_that_says_how_it_was_made_and_how_well_it_hears(
    corpus: Path, tmp_path: Path
) -> None:
    run(corpus, tmp_path / "run", RECIPE)
    export(RECIPE, read_source(corpus, None), tmp_path / "run", tmp_path / "bundle", jobs=1)
    model = load_model(tmp_path / "bundle")
    assert (model.network.hidden, model.phonemes) == (12, PHONEMES)
    card = json.loads((tmp_path / "bundle/card.json").read_text())
    assert card["corpus"]["name"] == corpus.name
    assert card["corpus"]["splits"] == {"train": ["train"], "choose": "dev"}
    assert [stage["epochs"] for stage in card["made"]["stages"]] == [2, 1]
    assert card["arithmetic"]["equal_frames"] > 0
    for split in ("dev", "test"):
        assert card["measured"][split]["utterances"] == 1
        assert 0 <= card["measured"][split]["frame_accuracy"] <= 1


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_a_split_that_is_missing_is_missed_before_anything_is_trained(
    split: str,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = (corpus / "manifest.tsv").read_text().splitlines(keepends=True)
    kept = [row for row in rows if f"\t{split}\t" not in row]
    (tmp_path / "manifest.tsv").write_text("".join(kept))
    (tmp_path / "phones_10ms.tsv").write_bytes((corpus / "phones_10ms.tsv").read_bytes())
    monkeypatch.setitem(RECIPES, "tiny", RECIPE)
    folders = ["--runs", f"{tmp_path}/runs", "--cache", f"{tmp_path}/cache", "--out", "none"]
    monkeypatch.setattr(
        "sys.argv", ["train", "--corpus", f"{tmp_path}", "--recipe", "tiny", *folders]
    )
    with pytest.raises(SystemExit, match="2"):
        command.main()
    assert f"nothing in {split}" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "cache").exists()


def test_a_run_without_a_checkpoint_begins_its_log_again(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"step": 50, "loss": 1.0}\n{"st')
    Training(RECIPE, load_data(corpus, corpus / "cache", RECIPE, jobs=1), tmp_path)
    assert not (tmp_path / "log.jsonl").read_text()


def test_how_far_a_run_is_counts_equal_stages_apart(corpus: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, stages=(STAGE, STAGE))
    training = Training(recipe, load_data(corpus, corpus / "cache", recipe, jobs=1), tmp_path)
    for _ in range(3):
        training.run_epoch()
    assert 2 < training.epochs_done <= 4


def test_the_shipped_networks_agree_with_the_training_graph() -> None:
    model = find_model("munt-1x192")
    z = np.random.default_rng(0).normal(0, 0.1, (2, 50, model.network.inputs))
    features = [(each / model.inv_std + model.mean).astype(np.float32) for each in z]
    found = agreement(model, features)
    assert (found.frames, found.proven_frames, found.equal_frames) == (100, 100, 1.0)
    integers = dict(model.integers["munt-spec-0"])
    integers["b_0"] = integers["b_0"] + np.int8(1)
    with pytest.raises(ArithmeticError, match="differ"):
        agreement(replace(model, integers={"munt-spec-0": integers}), features)


def test_torchs_two_biases_become_one() -> None:
    weights = {
        "output.weight": torch.ones(2, 3),
        "output.bias": torch.ones(2),
        "lstm.weight_ih_l0": torch.ones(12, 4),
        "lstm.weight_hh_l0": torch.ones(12, 3),
        "lstm.bias_ih_l0": torch.full((12,), 0.25),
        "lstm.bias_hh_l0": torch.full((12,), 0.5),
    }
    np.testing.assert_array_equal(master_of(weights, 1)["b_0"], np.full(12, 0.75))
