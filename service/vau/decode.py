"""Posteriors to phonemes: a streaming Viterbi search with a trigram, or the best of each frame.

The search knows a phoneme together with the one before it. No run of a phoneme is shorter
than ``min_frames``. A frame adds ``log_prob - prior_weight * log_prior`` of its phoneme;
entering the next phoneme adds ``language_weight * log_trigram + insertion_bonus``. Runs
that all living hypotheses share are stable; so are those of the best one that ended
``look_back_frames`` ago. The answer is a function of the frames alone: how they were cut into
chunks, and who looked in between, changes nothing (docs/adr/0005).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vau import search
from vau.model import Model

FOLLOWED: Final = 5  # phonemes that may be followed by another at a frame: those that end best
BEAM: Final = 20.0  # hypotheses whose score is this much below the best are given up
DECIDING_FRAMES: Final = 30  # an open run is decided, so much later than one that has ended
SETTLING_FRAMES: Final = 5  # the past is settled whenever the frame count passes a multiple
LOWEST_LOG_PROB: Final = -80.0  # what is less probable counts as this, so that sums stay finite

DecoderName = Literal["viterbi", "greedy"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a phoneme within an utterance."""

    class_id: int
    start_frame: int
    end_frame: int
    """Exclusive."""

    confidence: float
    """Mean posterior over the run."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The best hypothesis so far."""

    runs: tuple[Run, ...]
    stable_count: int
    """So many leading runs are the same in every later transcript."""


class Decoder(Protocol):
    """What turns the frames of one utterance into phonemes, as they come."""

    def push(self, log_prob: NDArray[np.float32]) -> None:
        """Take the next frames, shape (frames, phonemes)."""

    def transcript(self) -> Transcript:
        """Return the best hypothesis as of the last frame.

        What is behind ``stable_count`` may still change.
        """

    def finish(self) -> Transcript:
        """Return the final answer, all of it stable; nothing may be pushed after it."""


def decoder_of(model: Model, name: DecoderName) -> Decoder:
    """Begin to decode an utterance."""
    return Viterbi(model) if name == "viterbi" else Greedy(model)


class Greedy:
    """The best phoneme of each frame, in runs; those shorter than ``min_frames`` are left out.

    Where one is left out between two runs of one phoneme, these two follow each other.
    """

    def __init__(self, model: Model) -> None:
        """Begin before the first frame."""
        self._min_frames = model.decoder.min_frames
        self._closed: list[Run] = []
        self._class_id = self._start = self._frames = 0
        self._posterior_sum = 0.0

    def push(self, log_prob: NDArray[np.float32]) -> None:
        """Take the next frames, shape (frames, phonemes)."""
        best = log_prob.argmax(axis=1)
        posteriors = np.exp(log_prob.max(axis=1), dtype=np.float64)
        for class_id, posterior in zip(best.tolist(), posteriors.tolist(), strict=True):
            if class_id != self._class_id:
                self._closed += self._run()
                self._class_id, self._start, self._posterior_sum = class_id, self._frames, 0.0
            self._posterior_sum += posterior
            self._frames += 1

    def transcript(self) -> Transcript:
        """Return the runs so far; the last one may still grow."""
        return Transcript((*self._closed, *self._run()), len(self._closed))

    def finish(self) -> Transcript:
        """Return all runs."""
        runs = self.transcript().runs
        return Transcript(runs, len(runs))

    def _run(self) -> Iterable[Run]:
        """Yield the last run if it is long enough."""
        frames = self._frames - self._start
        if frames >= self._min_frames:
            confidence = self._posterior_sum / frames
            yield Run(self._class_id, self._start, self._frames, confidence)


class Viterbi:
    """The search over one utterance.

    A hypothesis is known by its last run. A run in the context of what was before it is a
    *node*, the number ``(start_frame * phonemes + phoneme) * phonemes + phoneme_before``.

    The hypotheses stand in a table of shape (layers, phonemes, phonemes): by when the last run
    began, by its phoneme, and by the phoneme before it. There is a layer for the runs that
    begin at each of the last ``min_frames`` frames, at the frame modulo ``min_frames``, and
    behind them one for the best of all that began earlier: these alone may end. A *place* is
    an index into the table once it is flattened.

    A score is counted up to the start of the last run, less the gains of its phoneme until
    then; with those until any later frame added, it is the score there.
    """

    def __init__(self, model: Model) -> None:
        """Begin before the first frame, as if after silence."""
        tables, classes = model.decoder, len(model.phonemes)
        self._prior = tables.prior_weight * tables.log_prior.astype(np.float64)
        self._look_back_frames = tables.look_back_frames
        self._class_count = classes
        self._nodes_per_frame = classes * classes
        self._frames = 0
        self._gain, self._posterior_sum = np.zeros(classes), np.zeros(classes)
        table = (tables.min_frames + 1, classes, classes)  # the one of the hypotheses
        self._start = np.zeros(table, np.int64)  # at which frame the last run began
        self._score = np.full(table, -np.inf)  # -inf where there is none
        self._score[0, :, next(iter(model.silence_ids), 0)] = 0.0
        kept_frames = tables.look_back_frames + DECIDING_FRAMES + SETTLING_FRAMES + 1
        # By frame, modulo kept_frames: for each run that begins there, by its phoneme and the
        # one before it, the node it follows; and the sums of the posteriors until there.
        self._before = np.zeros((kept_frames, classes, classes), np.int64)
        self._posterior_sums = np.zeros((kept_frames, classes))
        self._tables = search.Tables(
            follow=tables.follow,
            beam=BEAM,
            followed=min(FOLLOWED, classes),
            score=self._score,
            start=self._start,
            before=self._before,
            posterior_sums=self._posterior_sums,
        )
        self._stable: list[Run] = []
        self._root_start = 0  # where what is stable ends
        self._root_posterior_sums = np.zeros(classes)

    def push(self, log_prob: NDArray[np.float32]) -> None:
        """Take the next frames, shape (frames, phonemes)."""
        rows = np.maximum(log_prob.astype(np.float64), LOWEST_LOG_PROB)
        gains = np.vstack([self._gain, rows - self._prior]).cumsum(axis=0)
        posterior_sums = np.vstack([self._posterior_sum, np.exp(rows)]).cumsum(axis=0)
        first = 1
        while first < len(gains):
            count = SETTLING_FRAMES - self._frames % SETTLING_FRAMES
            stretch = slice(first, first + count)
            self._advance(gains[stretch], posterior_sums[stretch])
            if self._frames % SETTLING_FRAMES == 0:
                self._drop_stragglers()
            first += count

    def transcript(self) -> Transcript:
        """Return the best hypothesis as of the last frame; its last run is still open."""
        if not self._frames:
            return Transcript((), 0)
        self._settle_what_is_shared()
        tail = self._runs(self._best_path(), self._frames)
        return Transcript((*self._stable, *tail), len(self._stable))

    def finish(self) -> Transcript:
        """Return the final answer: the best hypothesis whose last run is long enough."""
        if np.isfinite(self._score[-1]).any():
            self._score[:-1] = -np.inf
        runs = self.transcript().runs
        return Transcript(runs, len(runs))

    def _advance(self, gains: NDArray[np.float64], sums: NDArray[np.float64]) -> None:
        """Take every hypothesis through the next frames, shape (frames, phonemes) each."""
        search.advance(self._tables, self._frames + 1, gains, sums)
        self._frames += len(gains)
        self._gain, self._posterior_sum = gains[-1], sums[-1]

    def _best(self) -> int:
        """Return the place of the best hypothesis whose last run has a frame at least."""
        return search.best(self._tables, self._frames, self._gain)

    def _living(self) -> NDArray[np.int64]:
        """Return the places of the hypotheses that are still alive."""
        return search.living(self._tables)

    def _ancestors(self, places: NDArray[np.int64], frame: int) -> NDArray[np.int64]:
        """Return the node in which each of the hypotheses at ``places`` was at a frame."""
        return search.ancestors(self._tables, places, frame)

    def _drop_stragglers(self) -> None:
        """Give up what disagrees with the best hypothesis about a past too long ago."""
        decided = self._frames - self._look_back_frames - DECIDING_FRAMES
        if decided > self._root_start:
            living = self._living()
            nodes = self._ancestors(living, decided)
            (of_best,) = nodes[living == self._best()]
            self._give_up(living[nodes != of_best])
            self._settle(self._path_to(int(of_best)))
        ended = self._frames - self._look_back_frames
        path = [node for node in self._best_path() if node // self._nodes_per_frame <= ended]
        if len(path) > 1:
            living = self._living()
            self._give_up(living[~self._pass(living, path[-2], path[-1])])
            self._settle(path)

    def _give_up(self, places: NDArray[np.int64]) -> None:
        """Take the hypotheses there out of the search."""
        self._score.ravel()[places] = -np.inf

    def _settle_what_is_shared(self) -> None:
        """Settle the runs that have the same start and end in all living hypotheses."""
        living, path, shared = self._living(), self._best_path(), 1
        for node, after in pairwise(path):
            if not self._pass(living, node, after).all():
                break
            shared += 1
        self._settle(path[:shared])

    def _pass(self, places: NDArray[np.int64], node: int, after: int) -> NDArray[np.bool_]:
        """Tell which hypotheses have the run ``node``, and end it where ``after`` begins."""
        start = after // self._nodes_per_frame
        nodes = self._ancestors(places, start)
        parents = self._before.ravel()[nodes % self._before.size]
        passing: NDArray[np.bool_] = (nodes // self._nodes_per_frame == start) & (
            parents == node
        )
        return passing

    def _settle(self, path: list[int]) -> None:
        """Make the runs of ``path`` stable but the last one, whose end is still open."""
        root_start = path[-1] // self._nodes_per_frame
        if root_start > self._root_start:
            self._stable += self._runs(path[:-1], root_start)
            self._root_start = root_start
            self._root_posterior_sums = self._posterior_sums[self._kept(root_start)].copy()

    def _best_path(self) -> list[int]:
        """Return the nodes of the best hypothesis behind those that are stable."""
        (node,) = self._ancestors(np.array([self._best()]), self._frames)
        return self._path_to(int(node))

    def _path_to(self, node: int) -> list[int]:
        """Return the nodes behind those that are stable, up to ``node``."""
        path = [node]
        while path[-1] // self._nodes_per_frame > self._root_start:
            path.append(int(self._before.ravel()[path[-1] % self._before.size]))
        return path[::-1]

    def _runs(self, path: list[int], end: int) -> Iterator[Run]:
        """Yield the runs of ``path``, of which the last ends at the frame ``end``."""
        starts = [node // self._nodes_per_frame for node in path]
        for node, start, end_frame in zip(path, starts, [*starts[1:], end], strict=True):
            class_id = node // self._class_count % self._class_count
            posterior_sums = self._posterior_sums[self._kept(end_frame)] - (
                self._root_posterior_sums
                if start == self._root_start
                else self._posterior_sums[self._kept(start)]
            )
            confidence = float(posterior_sums[class_id]) / (end_frame - start)
            yield Run(class_id, start, end_frame, confidence)

    def _kept(self, frame: int) -> int:
        """Return in which row something about ``frame`` is remembered."""
        return frame % len(self._before)
