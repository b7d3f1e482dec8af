"""Posteriors to phonemes: a streaming Viterbi search with minimum durations and a bigram.

Each phoneme is a chain of ``min_frames`` states, the last of which may repeat, so no run is
shorter. A frame adds ``log_prob - prior_weight * log_prior`` of its phoneme; entering the
next phoneme adds ``bigram_weight * log_bigram + insertion_bonus``. The search is exact, up
to the bound on how long two hypotheses may stay apart, and a function of the frames alone:
how they were cut into chunks changes nothing (docs/adr/0005).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vau.model import Model

CLEANING_FRAMES: Final = 50  # the past is tidied whenever the frame count passes a multiple
LOOK_BACK_FRAMES: Final = 500  # hypotheses that disagree for longer lose to the best one


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
    """So many leading runs are the same in every hypothesis still alive."""


class _Node(NamedTuple):
    """A node of the search: a phoneme that begins at a frame."""

    start: int
    class_id: int


@dataclass(frozen=True, slots=True)
class _Entries:
    """For one frame, which run each phoneme would follow if it began there."""

    class_id: NDArray[np.intp]
    start: NDArray[np.int64]
    posterior_sum: NDArray[np.float64]
    """Of the run that ends there: what its confidence is made of."""


class Decoder:
    """The search over one utterance."""

    def __init__(self, model: Model) -> None:
        """Begin before the first frame."""
        tables = model.decoder
        self._prior = tables.prior_weight * tables.log_prior.astype(np.float64)
        self._follow = (
            tables.bigram_weight * tables.log_bigram.astype(np.float64) + tables.insertion_bonus
        )
        shape = (tables.min_frames, len(model.phonemes))
        self._score = np.full(shape, -np.inf)
        self._start = np.zeros(shape, np.int64)
        self._posterior_sum = np.zeros(shape)
        self._frames = 0
        self._entries: dict[int, _Entries] = {}
        self._stable: list[Run] = []
        self._root: _Node | None = None  # the last run that all hypotheses share

    def push(self, log_prob: NDArray[np.float32]) -> None:
        """Take the next frames, shape (frames, phonemes)."""
        posteriors = np.exp(log_prob.astype(np.float64))
        for gain, posterior in zip(log_prob - self._prior, posteriors, strict=True):
            self._advance(gain, posterior)
            if self._frames % CLEANING_FRAMES == 0:
                self._settle()
                self._drop_stragglers()

    def transcript(self) -> Transcript:
        """Return the best hypothesis as of the last frame; its last run is still open."""
        self._settle()
        stable = len(self._stable)
        return Transcript((*self._stable, *self._tail(self._best())), stable)

    def finish(self) -> Transcript:
        """Return the final answer: the best hypothesis whose last run is long enough."""
        if np.isfinite(self._score[-1]).any():
            self._score[:-1] = -np.inf
        runs = self.transcript().runs
        return Transcript(runs, len(runs))

    def _advance(self, gain: NDArray[np.float64], posterior: NDArray[np.float64]) -> None:
        """Move every hypothesis on by one frame."""
        if self._frames == 0:
            entering = np.zeros_like(gain)
        else:
            reached = self._score[-1][:, np.newaxis] + self._follow
            before = reached.argmax(axis=0)
            entering = reached[before, np.arange(len(gain))]
            self._entries[self._frames] = _Entries(
                before, self._start[-1][before], self._posterior_sum[-1][before]
            )
        score = np.vstack([entering, self._score[:-1]])
        start = np.vstack([np.full_like(self._start[0], self._frames), self._start[:-1]])
        sums = np.vstack([np.zeros_like(gain), self._posterior_sum[:-1]])
        stays = self._score[-1] > score[-1]
        score[-1, stays] = self._score[-1, stays]
        start[-1, stays] = self._start[-1, stays]
        sums[-1, stays] = self._posterior_sum[-1, stays]
        score += gain
        self._score = score - score.max()  # only differences count; keeps hours in range
        self._start = start
        self._posterior_sum = sums + posterior
        self._frames += 1

    def _best(self) -> tuple[int, int]:
        state, class_id = np.unravel_index(self._score.argmax(), self._score.shape)
        return int(state), int(class_id)

    def _before(self, node: _Node) -> _Node | None:
        """Return what ``node`` follows, None at the start of the utterance."""
        entries = self._entries.get(node.start)
        if entries is None:
            return None
        return _Node(int(entries.start[node.class_id]), int(entries.class_id[node.class_id]))

    def _path(self, node: _Node) -> list[_Node]:
        """Return the nodes from the one after the root up to ``node``, newest last."""
        path = []
        at: _Node | None = node
        while at is not None and at != self._root:
            path.append(at)
            at = self._before(at)
        return path[::-1]

    def _live_nodes(self) -> list[_Node]:
        states, classes = np.nonzero(np.isfinite(self._score))
        starts = self._start[states, classes]
        return list({_Node(int(s), int(c)) for s, c in zip(starts, classes, strict=True)})

    def _settle(self) -> None:
        """Move what all hypotheses share into the stable prefix; forget what none reaches."""
        paths = [self._path(node) for node in self._live_nodes()]
        if not paths:
            return
        shared = 0
        while all(len(path) > shared and path[shared] == paths[0][shared] for path in paths):
            shared += 1
        if shared:
            nodes = [*([self._root] if self._root else []), *paths[0][:shared]]
            self._stable += self._closed_runs(nodes)
            self._root = nodes[-1]
        reached = {node.start for path in paths for node in path[shared:]}
        self._entries = {start: self._entries[start] for start in sorted(reached) if start}

    def _drop_stragglers(self) -> None:
        """Give up hypotheses that have disagreed with the best for too long."""
        state, class_id = self._best()
        path = self._path(_Node(int(self._start[state, class_id]), class_id))
        if not path or self._frames - path[0].start <= LOOK_BACK_FRAMES:
            return
        for node in self._live_nodes():
            if self._path(node)[:1] != path[:1]:
                same = self._start[:, node.class_id] == node.start
                self._score[same, node.class_id] = -np.inf

    def _closed_runs(self, nodes: list[_Node]) -> Iterable[Run]:
        """Yield all runs but the last, whose end is still open."""
        for node, after in pairwise(nodes):
            total = self._entries[after.start].posterior_sum[after.class_id]
            yield _closed(node, after.start, total)

    def _tail(self, token: tuple[int, int]) -> Iterable[Run]:
        """Yield what the hypothesis of ``token`` adds to the stable prefix."""
        if not self._frames:
            return
        path = self._path(_Node(int(self._start[token]), token[1]))
        nodes = [*([self._root] if self._root else []), *path]
        yield from self._closed_runs(nodes)
        yield _closed(nodes[-1], self._frames, self._posterior_sum[token])


def _closed(node: _Node, end: int, posterior_sum: float) -> Run:
    return Run(node.class_id, node.start, end, float(posterior_sum) / (end - node.start))
