"""The decoder's tables, from the training labels, and its weights, tuned on dev."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.corpus import PHONEMES, Utterance
from vau.decode import Viterbi
from vau.evaluation.edits import count_edits
from vau.model import DecoderTables, Model

SILENCE_ID: Final = 0  # in every inventory, see training.corpus
SMOOTHING: Final = 0.5  # added to the counts of what depends on nothing before it
MIN_FRAMES: Final = 3  # what the aligner that made the labels knows
LOOK_BACK_FRAMES: Final = 20  # the least that costs no accuracy to speak of (docs/adr/0005)
TRIED: Final = (
    (0.0, 0.1, 0.2),
    (1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5),
    (0.0, 0.5, 1.0, 1.5, 2.0, 2.5),
)
"""Values of prior_weight, language_weight and insertion_bonus."""

TUNING_STRIDE: Final = 3  # every third utterance tells enough, in a third of the time


@dataclass(frozen=True, slots=True)
class Spoken:
    """An utterance of dev: what the network heard and what was said."""

    log_prob: NDArray[np.float32]
    phones: tuple[str, ...]


def runs_of(utterance: Utterance) -> NDArray[np.uint8]:
    """Return the phonemes of the frame labels, each run once, silence among them."""
    labels = utterance.labels
    runs: NDArray[np.uint8] = labels[np.flatnonzero(np.diff(labels, prepend=255))]
    return runs


def tables(corpus: Sequence[Utterance], classes: int = len(PHONEMES)) -> DecoderTables:
    """Count phonemes and triples of phonemes over the frame labels of ``corpus``."""
    frames = np.full(classes, SMOOTHING)
    for utterance in corpus:
        frames += np.bincount(utterance.labels, minlength=classes)
    return DecoderTables(
        log_trigram=np.log(trigram(map(runs_of, corpus), classes)).astype(np.float16),
        log_prior=np.log(frames / frames.sum()).astype(np.float16),
        min_frames=MIN_FRAMES,
        look_back_frames=LOOK_BACK_FRAMES,
        prior_weight=0.0,
        language_weight=2.0,
        insertion_bonus=1.5,
    )


def trigram(corpus: Iterable[NDArray[np.uint8]], classes: int) -> NDArray[np.float64]:
    """Return P(next | the one before, present), shape (classes,) * 3 in this order.

    An utterance is counted as if silence were before it, as the decoder begins.
    Smoothed after Witten and Bell: what was never seen gets a share as large as there were
    different followers, and it is spread as one phoneme fewer of the past would have it.
    """
    counts = np.zeros((classes,) * 3)
    for runs in corpus:
        said = np.concatenate([[SILENCE_ID], runs]).astype(np.intp)
        np.add.at(counts, (said[:-2], said[1:-1], said[2:]), 1)
    pairs = counts.sum(axis=0)
    single = pairs.sum(axis=0) + SMOOTHING
    return _smoothed(counts, _smoothed(pairs, single / single.sum()))


def _smoothed(counts: NDArray[np.float64], shorter: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mix what was counted, by its last axis, with what a shorter past says."""
    seen = counts.sum(axis=-1, keepdims=True)
    followers = np.count_nonzero(counts, axis=-1, keepdims=True).clip(min=1)
    mixed: NDArray[np.float64] = (counts + followers * shorter) / (seen + followers)
    return mixed


def log_bigram(
    corpus: Iterable[Utterance], classes: int = len(PHONEMES)
) -> NDArray[np.float32]:
    """Return ln P(next | present) over ``corpus``, shape (classes, classes)."""
    pairs = np.full((classes, classes), SMOOTHING)
    for runs in map(runs_of, corpus):
        np.add.at(pairs, (runs[:-1], runs[1:]), 1)
    logs: NDArray[np.float32] = np.log(pairs / pairs.sum(axis=1, keepdims=True))
    return logs.astype(np.float32)


def error_rate(model: Model, spoken: Sequence[Spoken]) -> float:
    """Return the phoneme error rate of ``model``'s decoder over ``spoken``."""
    errors = total = 0
    for utterance in spoken:
        decoder = Viterbi(model)
        decoder.push(utterance.log_prob)
        heard = [
            model.phonemes[run.class_id]
            for run in decoder.finish().runs
            if run.class_id not in model.silence_ids
        ]
        errors += count_edits(utterance.phones, heard).errors
        total += len(utterance.phones)
    return errors / total


def tune(model: Model, spoken: Sequence[Spoken]) -> DecoderTables:
    """Return the weights with the lowest error rate on a third of ``spoken``.

    One weight after the other, until a round over all three finds nothing better.
    """
    spoken = spoken[::TUNING_STRIDE]

    @cache
    def rate(weights: tuple[float, ...]) -> float:
        tried = replace(model, decoder=_weighted(model.decoder, weights))
        found = error_rate(tried, spoken)
        print(f"decoder weights {weights}: {100 * found:.2f} %", flush=True)
        return found

    start = model.decoder
    best: tuple[float, ...] = (start.prior_weight, start.language_weight, start.insertion_bonus)
    before = None
    while best != before:
        before = best
        for place, values in enumerate(TRIED):
            candidates = [(*best[:place], value, *best[place + 1 :]) for value in values]
            best = min([best, *candidates], key=rate)
    return _weighted(start, best)


def _weighted(decoder: DecoderTables, weights: tuple[float, ...]) -> DecoderTables:
    prior, language, bonus = weights
    return replace(decoder, prior_weight=prior, language_weight=language, insertion_bonus=bonus)
