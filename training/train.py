"""Train one recipe: framewise cross-entropy on aligned labels, with checkpoints and a log.

Each epoch ends in a checkpoint; started again, the run goes on from the last one.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from training import cache
from training.cache import SPEEDS, Cache, Statistics
from training.corpus import PHONEMES, TRAIN_SPLITS, read_corpus
from training.network import PhonemeNetwork, State
from training.recipes import Recipe
from vau.frontend import FrontendConfig

NO_LABEL: Final = -100  # ignored by the loss: padding, and the steps of the output delay
INPUT_LIMIT: Final = (-4.0, 3.96875)  # what an sQ0.7 input of a quarter deviation can hold
SPEED_SHARES: Final = (0.25, 0.5, 0.25)
STEPS_PER_NOTE: Final = 50


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


def rate_at(recipe: Recipe, step: int, total: int) -> float:
    """Return the learning rate: warm-up, flat, cosine."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    progress = (step / total - recipe.flat_share) / (1 - recipe.flat_share)
    cosine = 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))
    return recipe.learning_rate * (recipe.final_share + (1 - recipe.final_share) * cosine)


def pass_state(state: State, starts: NDArray[np.bool_]) -> State:
    """Carry the state on without its history; zero it where an utterance starts."""
    keep = torch.from_numpy(~starts).float()[None, :, None]
    return state[0].detach() * keep, state[1].detach() * keep


def evaluate(network: PhonemeNetwork, data: Cache, recipe: Recipe) -> tuple[float, float]:
    """Return cross-entropy in nats and frame accuracy over ``data``."""
    network.eval()
    longest_first = np.argsort(-np.diff(data.offsets))
    order = [(0, int(n)) for n in longest_first]
    loss = right = frames = 0.0
    state = network.zero_state(min(recipe.batch_streams, len(order)))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for chunk in chunks([data], recipe, order):
            inputs = torch.from_numpy(chunk.features).clamp(*INPUT_LIMIT)
            logits, state = network(inputs, pass_state(state, chunk.starts))
            flat = logits.float().reshape(-1, len(PHONEMES))
            target = torch.from_numpy(chunk.targets).reshape(-1)
            loss += float(cross_entropy(flat, target, reduction="sum"))
            right += float((flat.argmax(1) == target).sum())
            frames += float((target != NO_LABEL).sum())
    return loss / frames, right / frames


def cross_entropy(logits: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Return the loss over the steps that have a label."""
    return functional.cross_entropy(logits, target, ignore_index=NO_LABEL, reduction=reduction)


@dataclass(frozen=True, slots=True)
class Data:
    """All that a run learns from and is judged by."""

    train: Sequence[Cache]
    """One per speed, the utterances in the same order."""

    dev: Cache
    statistics: Statistics


def load_data(corpus_folder: Path, cache_folder: Path, recipe: Recipe) -> Data:
    """Compute the features of the corpus, or map those that an earlier run left."""
    folder = cache_folder / cache.key(corpus_folder, recipe.frontend)
    corpus = read_corpus(corpus_folder, TRAIN_SPLITS)
    stored = folder / "statistics.npz"
    if not stored.exists():
        measured = cache.measure(corpus, recipe.frontend)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(stored, mean=measured.mean, inv_std=measured.inv_std)
    with np.load(stored) as arrays:
        statistics = Statistics(arrays["mean"], arrays["inv_std"])
    train = [
        cache.build(folder / f"train-{speed}", corpus, recipe.frontend, statistics, speed)
        for speed in SPEEDS
    ]
    dev_corpus = read_corpus(corpus_folder, ["dev"])
    dev = cache.build(folder / "dev", dev_corpus, recipe.frontend, statistics, 1.0)
    return Data(train, dev, statistics)


class Training:
    """One run of one recipe: everything that a checkpoint must hold."""

    def __init__(self, recipe: Recipe, data: Data, out: Path) -> None:
        """Begin at epoch 0, or after the last checkpoint in ``out``."""
        self.recipe, self.data, self.out = recipe, data, out
        torch.manual_seed(recipe.seed)
        self.network = PhonemeNetwork(
            inputs=recipe.frontend.feature_dim,
            hidden=recipe.hidden,
            layers=recipe.layers,
            classes=len(PHONEMES),
            dropout=recipe.dropout,
        )
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), betas=(0.9, 0.98), weight_decay=0.0
        )
        self.epoch, self.step, self.best = 0, 0, math.inf
        frames = float(np.mean([len(speed.labels) for speed in data.train]))
        self.steps = int(recipe.epochs * frames / (recipe.batch_streams * recipe.chunk_frames))
        out.mkdir(parents=True, exist_ok=True)
        if (out / "checkpoint.pt").exists():
            self._restore(torch.load(out / "checkpoint.pt", weights_only=False))

    def run(self) -> None:
        """Train to the end; a checkpoint after every epoch, the best on dev kept apart."""
        statistics = self.data.statistics
        np.savez(self.out / "statistics.npz", mean=statistics.mean, inv_std=statistics.inv_std)
        while self.epoch < self.recipe.epochs:
            self.run_epoch()
            loss, accuracy = evaluate(self.network, self.data.dev, self.recipe)
            self._note(epoch=self.epoch, step=self.step, dev_loss=loss, dev_accuracy=accuracy)
            if loss < self.best:
                self.best = loss
                torch.save(self.network.state_dict(), self.out / "best.pt")
            self.save()

    def run_epoch(self) -> None:
        """Take every training utterance once, each at a speed drawn for it."""
        recipe, train = self.recipe, self.data.train
        rng = np.random.default_rng([recipe.seed, self.epoch])
        speeds = rng.choice(len(SPEEDS), size=len(train[0]), p=SPEED_SHARES)
        order = [(int(speeds[n]), int(n)) for n in rng.permutation(len(train[0]))]
        streams = min(recipe.batch_streams, len(order))
        state = self.network.zero_state(streams)
        gains = np.zeros(streams, np.float32)
        self.network.train()
        for chunk in chunks(train, recipe, order):
            fresh = rng.normal(0, recipe.gain_nats, streams)
            gains = np.where(chunk.starts, fresh, gains).astype(np.float32)
            augment(chunk.features, recipe, gains, self.data.statistics, rng)
            state = self._learn(chunk, state)
        self.epoch += 1

    def _learn(self, chunk: Chunk, state: State) -> State:
        rate = rate_at(self.recipe, self.step, self.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        inputs = torch.from_numpy(chunk.features).clamp(*INPUT_LIMIT)
        with torch.autocast("cpu", torch.bfloat16):
            logits, state = self.network(inputs, pass_state(state, chunk.starts))
        targets = torch.from_numpy(chunk.targets).reshape(-1)
        loss = cross_entropy(logits.float().reshape(-1, len(PHONEMES)), targets)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        if self.step % STEPS_PER_NOTE == 0:
            self._note(step=self.step, steps=self.steps, rate=rate, loss=loss.item())
        return state

    def save(self) -> None:
        """Write a checkpoint, whole or not at all."""
        written = self.out / "checkpoint.new"
        torch.save(
            {
                "network": self.network.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "rng": torch.get_rng_state(),
                "epoch": self.epoch,
                "step": self.step,
                "best": self.best,
            },
            written,
        )
        written.replace(self.out / "checkpoint.pt")

    def _restore(self, saved: dict[str, Any]) -> None:
        self.network.load_state_dict(saved["network"])
        self.optimiser.load_state_dict(saved["optimiser"])
        torch.set_rng_state(saved["rng"])
        self.epoch, self.step, self.best = saved["epoch"], saved["step"], saved["best"]

    def _note(self, **figures: float) -> None:
        line = json.dumps({key: round(value, 6) for key, value in figures.items()})
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        print(line, flush=True)
