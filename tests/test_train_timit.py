"""TIMIT's form, from its tree to a bundle with TIMIT's phonemes; needs torch."""

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed; ./run e2e-train has it")

from tests.timit import write_timit  # noqa: E402 - torch decides whether to go on
from training.corpora.forms import prepare  # noqa: E402
from training.corpora.timit import PHONEMES  # noqa: E402
from training.corpus import TRAIN_SPLITS, read_corpus, read_phonemes  # noqa: E402
from training.decoding import Spoken, error_rate, tables  # noqa: E402
from training.export import listen, read_run, write  # noqa: E402
from training.recipes import RECIPES, Stage  # noqa: E402
from training.train import Training, load_data  # noqa: E402

RECIPE = replace(
    RECIPES["munt-1x96-mfcc"],
    hidden=24,
    stages=(Stage(epochs=12, dropout=0.0, learning_rate=1e-2, warmup_steps=5),),
    batch_streams=2,
    chunk_frames=20,
    output_delay=2,
)


def test_a_timit_tree_becomes_a_bundle_that_knows_its_phones(tmp_path: Path) -> None:
    corpus = prepare(write_timit(tmp_path / "timit"), tmp_path / "cache", jobs=1)
    data = load_data(corpus, tmp_path / "cache", RECIPE, jobs=1)
    Training(RECIPE, data, tmp_path / "run").run()
    phonemes = read_phonemes(corpus)
    decoder = tables(read_corpus(corpus, TRAIN_SPLITS), len(phonemes))
    trained = read_run(RECIPE, tmp_path / "run", phonemes)
    model = write(tmp_path / "bundle", trained, decoder, 1.0, {})
    assert (model.phonemes, model.silence_ids) == (PHONEMES, (0,))
    said = read_corpus(corpus, ["test"])
    heard = listen(tmp_path / "bundle", said)
    spoken = [Spoken(*pair) for pair in zip(heard, (each.phones for each in said), strict=True)]
    assert error_rate(model, spoken) < 0.5
