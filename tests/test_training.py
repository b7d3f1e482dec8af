"""What training reads and counts, as far as it needs no torch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax

from tests.models import TINY_PHONEMES, tiny_model
from training.batches import NO_LABEL, chunks
from training.cache import Cache, frame_labels, key
from training.calibration import calibrate, tempered
from training.corpus import PHONEMES, SILENCE, Utterance, read_corpus
from training.decoding import Spoken, error_rate, log_bigram, tables, trigram, tune
from training.recipes import RECIPES
from vau.frontend import FBANK, MFCC

MANIFEST = """utt\tpath\tsplit\tphones
one\topus/one.opus\ttrain\tHH AY
two\topus/two.opus\tdev\tOW
"""
LABELS = """one\tSIL:2 HH:3 AY:4 SIL:1
two\tOW:5
"""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "manifest.tsv").write_text(MANIFEST)
    (tmp_path / "phones_10ms.tsv").write_text(LABELS)
    return tmp_path


def test_a_corpus_is_read_by_split_with_one_label_per_frame(corpus: Path) -> None:
    (one,) = read_corpus(corpus, ["train"])
    assert one.path == corpus / "opus/one.opus"
    assert one.phones == ("HH", "AY")
    spoken = [PHONEMES[label] for label in one.labels]
    assert spoken == [SILENCE] * 2 + ["HH"] * 3 + ["AY"] * 4 + [SILENCE]


def test_a_phone_outside_the_inventory_is_refused(corpus: Path) -> None:
    (corpus / "phones_10ms.tsv").write_text(LABELS.replace("AY:4", "XX:4"))
    with pytest.raises(ValueError, match="XX"):
        read_corpus(corpus, ["train"])


def test_there_are_39_phones_and_silence() -> None:
    assert len(PHONEMES) == len(set(PHONEMES)) == 40


@pytest.mark.parametrize("speed", [0.9, 1.0, 1.1])
def test_labels_follow_the_audio_when_it_is_played_faster_or_slower(speed: float) -> None:
    labels = np.repeat(np.arange(5, dtype=np.uint8), 100)
    frames = round(len(labels) / speed)
    played = frame_labels(labels, frames, speed)
    changes = np.flatnonzero(np.diff(played)) + 1
    np.testing.assert_allclose(changes * speed, [100, 200, 300, 400], atol=1.0)


def test_the_last_label_repeats_where_the_alignment_is_short() -> None:
    np.testing.assert_array_equal(
        frame_labels(np.array([7, 8], np.uint8), 4, 1.0), [7, 8, 8, 8]
    )


def test_the_trigram_counts_runs_and_the_prior_counts_frames() -> None:
    labels = np.array([0, 0, 5, 5, 5, 0, 7], np.uint8)
    counted = tables([Utterance("one", Path(), "train", (), labels)])
    follows = np.exp(counted.log_trigram.astype(np.float64))
    np.testing.assert_allclose(follows.sum(axis=2), 1.0, atol=1e-2)
    assert follows[0, 0].argmax() == 5  # as if silence were before the first
    assert follows[0, 5].argmax() == 0
    assert follows[5, 0].argmax() == 7
    assert np.exp(counted.log_prior[[0, 5, 7]], dtype=np.float64) == pytest.approx(
        [3.5 / 27, 3.5 / 27, 1.5 / 27], rel=2e-3
    )


def test_the_trigram_of_what_was_never_seen_is_that_of_a_shorter_past() -> None:
    probability = trigram([np.array([1, 2, 1, 3, 1, 2], np.uint8)], classes=4)
    np.testing.assert_allclose(probability.sum(axis=2), 1.0)
    assert (probability > 0).all()
    single = (np.array([0, 2, 2, 1]) + 0.5) / 7  # the first phoneme follows nothing
    after_1 = (np.array([0, 0, 2, 1]) + 2 * single) / 5  # 2, 3, 2: two different ones
    np.testing.assert_allclose(probability[1, 1], after_1)
    np.testing.assert_allclose(probability[3, 1], (np.eye(4)[2] + after_1) / 2)


def test_the_bigram_counts_pairs_of_runs() -> None:
    labels = np.array([1, 1, 2, 1, 1, 3], np.uint8)
    counted = log_bigram([Utterance("one", Path(), "train", (), labels)], classes=4)
    np.testing.assert_allclose(
        np.exp(counted[1]), np.array([0.5, 0.5, 1.5, 1.5]) / 4, rtol=1e-6
    )


def test_the_error_rate_leaves_silence_out_and_counts_against_what_was_said() -> None:
    model = tiny_model()
    said = [0, 0, 0, 1, 1, 1, 1, 0, 0, 3, 3, 3, 3]
    log_prob = np.full((len(said), len(TINY_PHONEMES)), -9.0, np.float32)
    log_prob[np.arange(len(said)), said] = 0.0
    assert error_rate(model, [Spoken(log_prob, ("AA", "IY"))]) == 0.0
    assert error_rate(model, [Spoken(log_prob, ("AA", "IY", "S", "T"))]) == 0.5


def test_tuning_finds_weights_with_which_less_is_wrong_and_the_same_ones_again() -> None:
    """What was said is a little less likely than its neighbour, which rarely is said."""
    model = tiny_model()
    log_trigram = np.full((6, 6, 6), np.log(0.02), np.float16)
    log_trigram[:, :, 1:3] = np.log(0.4)
    start = replace(
        model.decoder, log_trigram=log_trigram, language_weight=0.0, insertion_bonus=0.0
    )
    heard = np.repeat([0, 3, 0, 4, 0], 4)
    log_prob = np.full((len(heard), 6), -9.0, np.float32)
    log_prob[np.arange(len(heard)), heard] = -0.6
    log_prob[heard == 3, 1] = log_prob[heard == 4, 2] = -0.8
    spoken = [Spoken(log_prob, ("AA", "B"))]
    model = replace(model, decoder=start)
    tuned = tune(model, spoken)
    assert error_rate(model, spoken) > 0.0
    assert error_rate(replace(model, decoder=tuned), spoken) == 0.0
    again = tune(model, spoken)
    for name in ("prior_weight", "language_weight", "insertion_bonus"):
        assert getattr(again, name) == getattr(tuned, name)


def test_another_corpus_or_definition_of_features_is_another_cache(corpus: Path) -> None:
    first = key(corpus, FBANK)
    assert key(corpus, MFCC) != first
    assert key(corpus, replace(FBANK, pre_emphasis=0.95)) != first
    (corpus / "phones_10ms.tsv").write_text(LABELS.replace("AY:4", "AY:5"))
    assert key(corpus, FBANK) != first


def test_streams_lie_side_by_side_each_from_its_start_with_late_labels() -> None:
    recipe = replace(RECIPES["munt-1x96-mfcc"], batch_streams=2, chunk_frames=4, output_delay=2)
    lengths = [6, 3, 1]
    features = np.repeat(np.arange(1, 11, dtype=np.float16)[:, np.newaxis], 39, axis=1)
    offsets = np.cumsum([0, *lengths])
    stored = Cache(features, np.arange(1, 11, dtype=np.uint8), offsets)
    laid = list(chunks([stored], recipe, [(0, 0), (0, 1), (0, 2)]))
    assert [chunk.starts.tolist() for chunk in laid] == [
        [True, True],
        [False, False],
        [True, False],
    ]
    targets = np.concatenate([chunk.targets for chunk in laid])
    late = [NO_LABEL] * 2
    assert targets[:, 0].tolist() == [*late, 1, 2, 3, 4, 5, 6, *late, 10, NO_LABEL]
    assert targets[:, 1].tolist() == [*late, 7, 8, 9, *[NO_LABEL] * 7]
    heard = np.concatenate([chunk.features[:, 0, 0] for chunk in laid])
    assert heard.tolist() == [1, 2, 3, 4, 5, 6, 6, 6, 10, 10, 10, 0]


@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.8])
def test_a_known_temperature_is_found_again(temperature: float) -> None:
    """Labels are drawn from the posteriors, which are then made too sharp or too flat."""
    rng = np.random.default_rng(1)
    true = log_softmax(rng.normal(0, 2, (20_000, 5)), axis=1)
    labels = (true + rng.gumbel(size=true.shape)).argmax(axis=1).astype(np.uint8)
    heard = log_softmax(true * temperature, axis=1).astype(np.float32)
    half = len(heard) // 2
    found = calibrate([(heard[:half], labels[:half]), (heard[half:], labels[half:])])
    assert found == pytest.approx(temperature, rel=0.05)  # 20 000 draws say no more
    np.testing.assert_allclose(tempered(heard, temperature), true, atol=1e-5)


def test_tempered_posteriors_keep_their_order_and_their_sum() -> None:
    log_prob = log_softmax(np.random.default_rng(0).normal(size=(7, 5)), axis=1)
    flat = tempered(log_prob.astype(np.float32), 2.0)
    np.testing.assert_allclose(np.exp(flat.astype(np.float64)).sum(axis=1), 1.0, atol=1e-6)
    np.testing.assert_array_equal(flat.argsort(axis=1), log_prob.argsort(axis=1))
    assert (flat.max(axis=1) < log_prob.max(axis=1)).all()
