"""Train one recipe, stage by stage, with checkpoints and a log.

Each epoch ends in a checkpoint; started again, the run goes on from the last one, and ends
in the same weights to the bit.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from training import cache
from training.cache import SPEEDS, Cache, Playback, Statistics
from training.corpus import TRAIN_SPLITS, read_corpus, read_phonemes
from training.decoding import log_bigram
from training.distortion import Distortion
from training.network import PhonemeNetwork, State
from training.recipes import Recipe, Stage
from training.sequence import INSERTION_BONUS, LANGUAGE_WEIGHT, sequence_loss
from vau.frontend import FrontendConfig

OnNote = Callable[[Mapping[str, float]], None]

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


def rate_at(stage: Stage, step: int, total: int) -> float:
    """Return the learning rate at a step of the stage: warm-up, flat, cosine."""
    if step < stage.warmup_steps:
        return stage.learning_rate * (step + 1) / stage.warmup_steps
    progress = (step / total - stage.flat_share) / (1 - stage.flat_share)
    cosine = 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))
    return stage.learning_rate * (stage.final_share + (1 - stage.final_share) * cosine)


def forward(
    network: PhonemeNetwork, chunk: Chunk, state: State, stage: Stage
) -> tuple[Tensor, State]:
    """Take a chunk through the network; streams that start begin in the zero state."""
    device = network.output.weight.device
    keep = torch.from_numpy(~chunk.starts).float()[None, :, None].to(device)
    carried = state[0].detach() * keep, state[1].detach() * keep
    inputs = torch.from_numpy(chunk.features).clamp(*INPUT_LIMIT).to(device)
    with torch.autocast(device.type, torch.bfloat16):
        logits, state = network(inputs, carried, on_grid=stage.on_grid)
    return logits, state


def evaluate(
    network: PhonemeNetwork, data: Cache, recipe: Recipe, stage: Stage
) -> tuple[float, float]:
    """Return cross-entropy in nats and frame accuracy over ``data``, as ``stage`` computes."""
    network.eval()
    longest_first = np.argsort(-np.diff(data.offsets))
    order = [(0, int(n)) for n in longest_first]
    loss = right = frames = 0.0
    state = network.zero_state(min(recipe.batch_streams, len(order)))
    with torch.no_grad():
        for chunk in chunks([data], recipe, order):
            logits, state = forward(network, chunk, state, stage)
            flat = logits.float().cpu().flatten(0, 1)
            target = torch.from_numpy(chunk.targets).reshape(-1)
            loss += float(
                functional.cross_entropy(flat, target, ignore_index=NO_LABEL, reduction="sum")
            )
            right += float((flat.argmax(1) == target).sum())
            frames += float((target != NO_LABEL).sum())
    return loss / frames, right / frames


@dataclass(frozen=True, slots=True)
class Data:
    """All that a run learns from and is judged by."""

    clean: Sequence[Cache]
    """One per speed, the utterances in the same order."""

    distorted: Sequence[Cache]
    """The same, worsened; empty for a recipe that asks for none."""

    dev: Cache
    statistics: Statistics
    follow: Tensor
    """The decoder's score of a phoneme after another, shape (phonemes, phonemes)."""


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

    def played(distortion: Distortion | None) -> list[Cache]:
        playbacks = [Playback(speed, distortion) for speed in SPEEDS]
        return [
            cache.build(
                folder / f"train-{each.name}", corpus, recipe.frontend, statistics, each
            )
            for each in playbacks
        ]

    dev_corpus = read_corpus(corpus_folder, ["dev"])
    bigram = log_bigram(corpus, len(read_phonemes(corpus_folder)))
    return Data(
        clean=played(None),
        distorted=played(Distortion()) if any(s.distorted_share for s in recipe.stages) else [],
        dev=cache.build(folder / "dev", dev_corpus, recipe.frontend, statistics, Playback()),
        statistics=statistics,
        follow=torch.from_numpy(bigram) + INSERTION_BONUS / LANGUAGE_WEIGHT,
    )


def forget_after(log: Path, step: int) -> None:
    """Take out of a log what a run noted after its last checkpoint, and will note again."""
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["step"] <= step]
    log.write_text("".join(kept), encoding="utf-8")


class Training:
    """One run of one recipe: everything that a checkpoint must hold."""

    def __init__(
        self, recipe: Recipe, data: Data, out: Path, on_note: OnNote = lambda _note: None
    ) -> None:
        """Begin at epoch 0, or after the last checkpoint in ``out``.

        on_note: hears each line of the log as it is written.
        """
        self.recipe, self.data, self.out = recipe, data, out
        self._on_note = on_note
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(recipe.seed)
        self.network = PhonemeNetwork(
            inputs=recipe.frontend.feature_dim,
            hidden=recipe.hidden,
            layers=recipe.layers,
            classes=len(data.follow),
        ).to(self._device)
        self.epoch, self.step = 0, 0
        self._begin(recipe.stage_of(0))
        out.mkdir(parents=True, exist_ok=True)
        if (out / "checkpoint.pt").exists():
            self._restore(torch.load(out / "checkpoint.pt", weights_only=True))
            forget_after(out / "log.jsonl", self.step)

    @property
    def epochs_done(self) -> float:
        """How far the run is, the present epoch in parts."""
        before = sum(stage.epochs for stage in self.recipe.stages_before(self._running))
        return before + self._stage_step * self._running.epochs / self._stage_steps

    def run(self) -> None:
        """Train to the end; a checkpoint after every epoch."""
        statistics = self.data.statistics
        np.savez(self.out / "statistics.npz", mean=statistics.mean, inv_std=statistics.inv_std)
        while self.epoch < self.recipe.epochs:
            self.run_epoch()
            loss, accuracy = evaluate(self.network, self.data.dev, self.recipe, self._running)
            self._note(epoch=self.epoch, step=self.step, dev_loss=loss, dev_accuracy=accuracy)
            self.save()

    def run_epoch(self) -> None:
        """Take every training utterance once, at a speed and in a condition drawn for it."""
        if (stage := self.recipe.stage_of(self.epoch)) is not self._running:
            self._begin(stage)
        recipe, data = self.recipe, self.data
        utterances = len(data.clean[0])
        rng = np.random.default_rng([recipe.seed, self.epoch])
        speeds = rng.choice(len(SPEEDS), size=utterances, p=SPEED_SHARES)
        worse = rng.random(utterances) < stage.distorted_share
        take = speeds + len(SPEEDS) * worse
        order = [(int(take[n]), int(n)) for n in rng.permutation(utterances)]
        streams = min(recipe.batch_streams, utterances)
        state = self.network.zero_state(streams)
        gains = np.zeros(streams, np.float32)
        self.network.train()
        for chunk in chunks([*data.clean, *data.distorted], recipe, order):
            fresh = rng.normal(0, recipe.gain_nats, streams)
            gains = np.where(chunk.starts, fresh, gains).astype(np.float32)
            augment(chunk.features, recipe, gains, data.statistics, rng)
            state = self._learn(chunk, state)
        self.epoch += 1

    def _begin(self, stage: Stage) -> None:
        """Start a stage: its own optimiser, its own schedule, the weights as they are."""
        self._running, self._stage_step = stage, 0
        self.network.dropout.p = stage.dropout
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), betas=(0.9, 0.98), weight_decay=stage.weight_decay
        )
        frames = float(np.mean([len(speed.labels) for speed in self.data.clean]))
        recipe = self.recipe
        self._stage_steps = stage.epochs * frames / (recipe.batch_streams * recipe.chunk_frames)

    def _learn(self, chunk: Chunk, state: State) -> State:
        stage = self._running
        rate = rate_at(stage, self._stage_step, int(self._stage_steps))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        logits, state = forward(self.network, chunk, state, stage)
        targets = torch.from_numpy(chunk.targets).to(self._device)
        loss = self._loss(logits.float().log_softmax(dim=2), targets)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        if stage.norm_limit is not None:
            self.network.limit_norms(stage.norm_limit)
        self.step += 1
        self._stage_step += 1
        if self.step % STEPS_PER_NOTE == 0:
            self._note(step=self.step, rate=rate, loss=loss.item())
        return state

    def _loss(self, log_prob: Tensor, targets: Tensor) -> Tensor:
        share = self._running.sequence_share
        framewise = functional.nll_loss(
            log_prob.flatten(0, 1), targets.reshape(-1), ignore_index=NO_LABEL
        )
        if not share:
            return framewise
        whole = sequence_loss(log_prob, targets, self.data.follow.to(self._device))
        return share * whole + (1 - share) * framewise

    def save(self) -> None:
        """Write a checkpoint, whole or not at all."""
        written = self.out / "checkpoint.new"
        torch.save(
            {
                "network": self.network.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "rng": torch.get_rng_state(),
                "rng_cuda": torch.cuda.get_rng_state_all(),
                "epoch": self.epoch,
                "step": self.step,
                "stage_step": self._stage_step,
            },
            written,
        )
        written.replace(self.out / "checkpoint.pt")

    def _restore(self, saved: dict[str, Any]) -> None:
        self.epoch, self.step = saved["epoch"], saved["step"]
        self.network.load_state_dict(saved["network"])
        self._begin(self.recipe.stage_of(self.epoch - 1))
        self.optimiser.load_state_dict(saved["optimiser"])
        self._stage_step = saved["stage_step"]
        torch.set_rng_state(saved["rng"])
        torch.cuda.set_rng_state_all(saved["rng_cuda"])

    def _note(self, **figures: float) -> None:
        rounded = {key: round(value, 6) for key, value in figures.items()}
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(rounded) + "\n")
        self._on_note(rounded)
