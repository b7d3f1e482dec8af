"""Utterances side by side, cut into chunks of steps, and varied."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.cache import Cache, Statistics
from training.recipes import Recipe
from vau.frontend import FrontendConfig

NO_LABEL: Final = -100  # ignored by the loss: padding, and the steps of the output delay


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next steps of all streams."""

    features: NDArray[np.float32]
    """(steps, streams, feature_dim)"""

    targets: NDArray[np.int64]
    """(steps, streams); NO_LABEL where nothing is asked."""

    starts: NDArray[np.bool_]
    """(streams,); True where an utterance begins with this chunk."""


def chunks(
    caches: Sequence[Cache], recipe: Recipe, order: Sequence[tuple[int, int]]
) -> Iterator[Chunk]:
    """Lay utterances side by side, each from its start in a zero state, as in the service.

    order:  (cache, utterance) pairs; a stream that ends takes the next one.
    """
    waiting = iter(order)
    streams = [_Stream() for _ in range(min(recipe.batch_streams, len(order)))]
    shape = (recipe.chunk_frames, len(streams))
    while True:
        features = np.zeros((*shape, recipe.frontend.feature_dim), np.float32)
        targets = np.full(shape, NO_LABEL, np.int64)
        starts = np.zeros(len(streams), np.bool_)
        for at, stream in enumerate(streams):
            if stream.is_done(recipe) and (pick := next(waiting, None)) is not None:
                stream.begin(caches[pick[0]], pick[1])
                starts[at] = True
            stream.fill(features[:, at], targets[:, at], recipe)
        if (targets == NO_LABEL).all():
            return
        yield Chunk(features, targets, starts)


class _Stream:
    """One stream of a batch: the utterance it is in, and how far."""

    def __init__(self) -> None:
        self._features = np.zeros((0, 0), np.float16)
        self._labels = np.zeros(0, np.uint8)
        self._step = 0

    def is_done(self, recipe: Recipe) -> bool:
        return self._step >= (len(self._labels) and len(self._labels) + recipe.output_delay)

    def begin(self, source: Cache, utterance: int) -> None:
        rows = slice(*source.offsets[utterance : utterance + 2])
        self._features, self._labels = source.features[rows], source.labels[rows]
        self._step = 0

    def fill(
        self, features: NDArray[np.float32], targets: NDArray[np.int64], recipe: Recipe
    ) -> None:
        """Write the next steps; the last feature repeats while the output delay runs out."""
        frames, delay = len(self._labels), recipe.output_delay
        step = np.arange(self._step, min(self._step + len(targets), frames + delay))
        self._step += len(targets)
        if not frames or not step.size:
            return
        features[: len(step)] = self._features[np.minimum(step, frames - 1)]
        answered = step >= delay
        targets[: len(step)][answered] = self._labels[step[answered] - delay]


def augment(
    features: NDArray[np.float32],
    recipe: Recipe,
    gains: NDArray[np.float32],
    statistics: Statistics,
    rng: np.random.Generator,
) -> None:
    """Shift the level and mask bands and moments, in place, stream by stream.

    gains: (streams,) natural log of the power gain; deltas do not feel it.
    """
    static_dim, bands = recipe.frontend.static_dim, recipe.frontend.mel_bands
    shift = level_direction(recipe.frontend) * statistics.inv_std[:static_dim]
    features[:, :, :static_dim] += gains[:, np.newaxis] * shift
    for stream in range(features.shape[1]):
        if recipe.frontend.kind == "fbank":
            for _ in range(recipe.band_masks):
                width = int(rng.integers(0, recipe.band_mask_width + 1))
                low = int(rng.integers(0, bands - width))
                for order in range(3):  # the band itself, its delta, its acceleration
                    at = order * static_dim + low
                    features[:, stream, at : at + width] = 0.0
        width = int(rng.integers(0, recipe.time_mask_frames + 1))
        at = int(rng.integers(0, len(features) - width))
        features[at : at + width, stream] = 0.0


def level_direction(config: FrontendConfig) -> NDArray[np.float32]:
    """Return by how much each static feature moves for one unit of log power."""
    if config.kind == "fbank":
        return np.ones(config.static_dim, np.float32)
    direction = np.zeros(config.static_dim, np.float32)
    direction[0] = 1.0  # log energy; the other cepstra are blind to the level
    return direction
