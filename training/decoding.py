"""The decoder's tables, from the training labels, and its weights, tuned on dev."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.corpus import PHONEMES, SILENCE, Utterance
from vau.commands.evaluate import edit_distance
from vau.decode import Decoder
from vau.model import DecoderTables, Model

SMOOTHING: Final = 0.5  # added to every count, so that nothing is impossible
MIN_FRAMES: Final = 3
TRIED: Final = ((0.0, 0.2, 0.4, 0.6), (1.0, 1.5, 2.0, 2.5), (0.0, 1.0, 2.0))
"""Values of prior_weight, bigram_weight and insertion_bonus."""

TUNING_STRIDE: Final = 3  # every third utterance tells enough, in a third of the time


@dataclass(frozen=True, slots=True)
class Spoken:
    """An utterance of dev: what the network heard and what was said."""

    log_prob: NDArray[np.float32]
    phones: tuple[str, ...]


def tables(corpus: Sequence[Utterance]) -> DecoderTables:
    """Count phonemes and pairs of phonemes over the frame labels of ``corpus``."""
    classes = len(PHONEMES)
    pairs = np.full((classes, classes), SMOOTHING)
    frames = np.full(classes, SMOOTHING)
    for utterance in corpus:
        labels = utterance.labels
        runs = labels[np.flatnonzero(np.diff(labels, prepend=255))]
        np.add.at(pairs, (runs[:-1], runs[1:]), 1)
        frames += np.bincount(labels, minlength=classes)
    return DecoderTables(
        log_bigram=np.log(pairs / pairs.sum(axis=1, keepdims=True)).astype(np.float32),
        log_prior=np.log(frames / frames.sum()).astype(np.float32),
        min_frames=MIN_FRAMES,
        prior_weight=0.2,
        bigram_weight=1.5,
        insertion_bonus=1.0,
    )


def error_rate(model: Model, spoken: Sequence[Spoken]) -> float:
    """Return the phoneme error rate of ``model``'s decoder over ``spoken``."""
    errors = total = 0
    for utterance in spoken:
        decoder = Decoder(model)
        decoder.push(utterance.log_prob)
        names = [model.phonemes[run.class_id] for run in decoder.finish().runs]
        heard = [name for name in names if name != SILENCE]
        errors += edit_distance(utterance.phones, heard).errors
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
    best: tuple[float, ...] = (start.prior_weight, start.bigram_weight, start.insertion_bonus)
    before = None
    while best != before:
        before = best
        for place, values in enumerate(TRIED):
            candidates = [(*best[:place], value, *best[place + 1 :]) for value in values]
            best = min([best, *candidates], key=rate)
    return _weighted(start, best)


def _weighted(decoder: DecoderTables, weights: tuple[float, ...]) -> DecoderTables:
    prior, bigram, bonus = weights
    return replace(decoder, prior_weight=prior, bigram_weight=bigram, insertion_bonus=bonus)
