"""Train one recipe, stage by stage, with checkpoints and a log.

Each epoch ends in a checkpoint; started again, the run goes on from the last one, and ends
in the same weights to the bit.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training import cache
from training.batches import NO_LABEL, Chunk, augment, chunks
from training.cache import SPEEDS, Cache, Playback, Statistics
from training.corpus import TRAIN_SPLITS, Utterance, read_corpus, read_phonemes
from training.decoding import log_bigram
from training.distortion import Distortion
from training.log import forget_after, note
from training.network import PhonemeNetwork, State
from training.recipes import Recipe, Stage
from training.sequence import INSERTION_BONUS, LANGUAGE_WEIGHT, sequence_loss
from vau.wholefile import write_whole

OnNote = Callable[[Mapping[str, float]], None]

INPUT_LIMIT: Final = (-4.0, 3.96875)  # what an sQ0.7 input of a quarter deviation can hold
SPEED_SHARES: Final = (0.25, 0.5, 0.25)
STEPS_PER_NOTE: Final = 50


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
    corpus: str
    """Which corpus and features these are; see ``cache.key``."""

    statistics: Statistics
    follow: Tensor
    """The decoder's score of a phoneme after another, shape (phonemes, phonemes)."""


def load_data(corpus_folder: Path, cache_folder: Path, recipe: Recipe, jobs: int) -> Data:
    """Compute the features of the corpus, or map those that an earlier run left.

    jobs: processes that compute them.
    """
    key = cache.key(corpus_folder, recipe.frontend)
    folder = cache_folder / key
    corpus = read_corpus(corpus_folder, TRAIN_SPLITS)
    stored = folder / "statistics.npz"
    if not stored.exists():
        measured = cache.measure(corpus, recipe.frontend, jobs)
        folder.mkdir(parents=True, exist_ok=True)
        measured.write(stored)
    statistics = Statistics.read(stored)

    def build(name: str, spoken: Sequence[Utterance], playback: Playback) -> Cache:
        place = folder / name
        return cache.build(place, spoken, recipe.frontend, statistics, playback, jobs=jobs)

    def played(distortion: Distortion | None) -> list[Cache]:
        playbacks = [Playback(speed, distortion) for speed in SPEEDS]
        return [build(f"train-{each.name}", corpus, each) for each in playbacks]

    bigram = log_bigram(corpus, len(read_phonemes(corpus_folder)))
    return Data(
        clean=played(None),
        distorted=played(Distortion()) if any(s.distorted_share for s in recipe.stages) else [],
        dev=build("dev", read_corpus(corpus_folder, ["dev"]), Playback()),
        corpus=key,
        statistics=statistics,
        follow=torch.from_numpy(bigram) + INSERTION_BONUS / LANGUAGE_WEIGHT,
    )


class AnotherRun(ValueError):
    """A checkpoint that must not be gone on from."""


class Training:
    """One run of one recipe: everything that a checkpoint must hold."""

    def __init__(
        self, recipe: Recipe, data: Data, out: Path, on_note: OnNote = lambda _note: None
    ) -> None:
        """Begin at epoch 0, or after the last checkpoint in ``out``.

        on_note: hears each line of the log as it is written.
        Raises   AnotherRun if that checkpoint is of another recipe or corpus.
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
        self._begin(0)
        out.mkdir(parents=True, exist_ok=True)
        if (out / "checkpoint.pt").exists():
            self._restore(torch.load(out / "checkpoint.pt", weights_only=True))
        forget_after(out / "log.jsonl", self.step)

    @property
    def epochs_done(self) -> float:
        """How far the run is, the present epoch in parts."""
        before = self.recipe.epochs_before(self._stage)
        return before + self._stage_step * self._running.epochs / self._stage_steps

    @property
    def _running(self) -> Stage:
        return self.recipe.stages[self._stage]

    def run(self) -> None:
        """Train to the end; a checkpoint after every epoch."""
        self.data.statistics.write(self.out / "statistics.npz")
        while self.epoch < self.recipe.epochs:
            self.run_epoch()
            loss, accuracy = evaluate(self.network, self.data.dev, self.recipe, self._running)
            self._note(epoch=self.epoch, step=self.step, dev_loss=loss, dev_accuracy=accuracy)
            self.save()

    def run_epoch(self) -> None:
        """Take every training utterance once, at a speed and in a condition drawn for it."""
        if (number := self.recipe.stage_of(self.epoch)) != self._stage:
            self._begin(number)
        recipe, data, stage = self.recipe, self.data, self._running
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

    def _begin(self, number: int) -> None:
        """Start a stage: its own optimiser, its own schedule, the weights as they are."""
        self._stage, self._stage_step = number, 0
        stage = self._running
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
        checkpoint = {
            "run": self._identity,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "rng": torch.get_rng_state(),
            "rng_cuda": torch.cuda.get_rng_state_all(),
            "epoch": self.epoch,
            "step": self.step,
            "stage_step": self._stage_step,
        }
        write_whole(self.out / "checkpoint.pt", lambda file: torch.save(checkpoint, file))

    @property
    def _identity(self) -> str:
        return f"{self.data.corpus} {self.recipe!r}"

    def _restore(self, saved: dict[str, Any]) -> None:
        if saved["run"] != self._identity:
            raise AnotherRun(
                f"{self.out / 'checkpoint.pt'} is of another corpus or another recipe: give "
                "another folder for runs, or delete this one"
            )
        self.epoch, self.step = saved["epoch"], saved["step"]
        self.network.load_state_dict(saved["network"])
        self._begin(self.recipe.stage_of(self.epoch - 1))
        self.optimiser.load_state_dict(saved["optimiser"])
        self._stage_step = saved["stage_step"]
        torch.set_rng_state(saved["rng"])
        torch.cuda.set_rng_state_all(saved["rng_cuda"])

    def _note(self, **figures: float) -> None:
        rounded = {key: round(value, 6) for key, value in figures.items()}
        note(self.out / "log.jsonl", rounded)
        self._on_note(rounded)
