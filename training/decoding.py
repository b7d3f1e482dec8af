"""The decoder's tables, from the training labels, and its weights, tuned on dev."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.corpus import PHONEMES, SILENCE, Utterance
from vau.decode import Decoder
from vau.evaluate import edit_distance
from vau.model import DecoderTables, Model

SMOOTHING: Final = 0.5  # added to every count, so that nothing is impossible
MIN_FRAMES: Final = 3
PRIOR_WEIGHTS: Final = (0.0, 0.2, 0.4)
BIGRAM_WEIGHTS: Final = (1.0, 1.5, 2.0)
INSERTION_BONUSES: Final = (0.0, 1.0, 2.0)
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
    """Return the weights with the lowest error rate on a third of ``spoken``."""
    best, lowest = model.decoder, np.inf
    spoken = spoken[::TUNING_STRIDE]
    for prior, bigram, bonus in product(PRIOR_WEIGHTS, BIGRAM_WEIGHTS, INSERTION_BONUSES):
        candidate = replace(
            model.decoder, prior_weight=prior, bigram_weight=bigram, insertion_bonus=bonus
        )
        rate = error_rate(replace(model, decoder=candidate), spoken)
        print(f"prior {prior} bigram {bigram} bonus {bonus}: {100 * rate:.2f} %", flush=True)
        if rate < lowest:
            best, lowest = candidate, rate
    return best
