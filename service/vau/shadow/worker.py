"""A shadow at work: it runs what it is given, compares, and adds up. No process, no pipe."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.backend import Backend, Cost, Result, Slot, Work
from vau.comparison import Posteriors, diverge
from vau.errors import BackendBusy
from vau.shadow.messages import DIVERGENCE_EDGES, Piece, Pieces, Primary, Report, Tally

ROUND_STEPS: Final = 200  # about so many of an utterance in one round, and then we report


@dataclass(slots=True)
class _Utterance:
    """One utterance that is being shadowed."""

    primary: int
    pieces: deque[Piece] = field(default_factory=deque)
    """Not computed yet."""

    slot: Slot | None = None
    is_lost: bool = False
    """There was no slot for it: its frames are counted, not computed."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one utterance contributes to a round."""

    key: int
    utterance: _Utterance
    joined: Pieces

    @property
    def frames(self) -> int:
        return int(self.joined.table[:, 2].sum())

    @property
    def ends(self) -> bool:
        return bool(self.joined.table[-1, 3])


class Worker:
    """Shadows many utterances at once, all of them alike."""

    def __init__(self, backend: Backend, primaries: tuple[Primary, ...]) -> None:
        """Begin with none."""
        self._backend = backend
        self._promises_bits = [
            primary.arithmetic_id == backend.info.arithmetic_id for primary in primaries
        ]
        self._utterances: dict[int, _Utterance] = {}
        self._waiting: dict[int, None] = {}  # keys of those with pieces, in order of arrival
        self._counts: dict[int, _Counts] = {}  # by primary, since the last report

    @property
    def has_work(self) -> bool:
        """Whether a round would do anything."""
        return bool(self._waiting)

    def take(self, pieces: Iterable[Piece]) -> None:
        """Put pieces in line."""
        for piece in pieces:
            utterance = self._utterances.setdefault(piece.key, _Utterance(piece.primary))
            utterance.pieces.append(piece)
            self._waiting.setdefault(piece.key)

    def report(self) -> Report:
        """Say what the rounds since the last report came to."""
        report = tuple(counts.tally(primary) for primary, counts in self._counts.items())
        self._counts = {}
        return report

    def round(self) -> None:
        """Advance the utterances that have waited longest.

        Raises whatever the backend raises: the states of its slots cannot be trusted then.
        """
        turns: list[_Turn] = []
        work: list[Work] = []
        for turn in self._turns():
            slot = self._slot(turn.utterance)
            if slot is None:
                self._counts_of(turn.utterance).shed_frames += turn.frames
                self._end(turn)
            else:
                turns.append(turn)
                work.append(Work(slot, turn.joined.features))
        results = self._backend.run(work) if work else []
        for turn, result in zip(turns, results, strict=True):
            self._counts_of(turn.utterance).compare(turn, result)
            self._end(turn)

    def _counts_of(self, utterance: _Utterance) -> "_Counts":
        primary = utterance.primary
        if primary not in self._counts:
            self._counts[primary] = _Counts(self._promises_bits[primary])
        return self._counts[primary]

    def _turns(self) -> Iterator[_Turn]:
        for key in list(islice(self._waiting, self._backend.info.max_batch)):
            del self._waiting[key]
            utterance = self._utterances[key]
            pieces, steps = [], 0
            while utterance.pieces and steps < ROUND_STEPS:
                pieces.append(utterance.pieces.popleft())
                steps += len(pieces[-1].features)
            if utterance.pieces:
                self._waiting[key] = None  # behind all others
            yield _Turn(key, utterance, Pieces.join(pieces))

    def _slot(self, utterance: _Utterance) -> Slot | None:
        """Return its slot; an utterance that finds none when it begins is lost as a whole."""
        if utterance.slot is None and not utterance.is_lost:
            try:
                utterance.slot = self._backend.open()
            except BackendBusy:
                utterance.is_lost = True
                self._counts_of(utterance).shed_utterances += 1
        return utterance.slot

    def _end(self, turn: _Turn) -> None:
        """Give the slot back if that was the last of the utterance."""
        if turn.ends:
            del self._utterances[turn.key]
            if turn.utterance.slot is not None:
                self._backend.release(turn.utterance.slot)


@dataclass(slots=True)
class _Counts:
    """What the frames of one primary came to since the last report."""

    promises_bits: bool
    divergences: list[NDArray[np.float64]] = field(default_factory=list)
    disagreements: int = 0
    mismatches: int = 0
    cost: Cost = field(default_factory=Cost)
    shed_frames: int = 0
    shed_utterances: int = 0

    def compare(self, turn: _Turn, ours: Result) -> None:
        """Count the frames of a turn, and what they cost us.

        Steps that answer no frame come first in an utterance, so the frames are the last ones.
        """
        frames = slice(len(ours.log_prob) - turn.frames, None)
        found = diverge(
            _posteriors(turn.joined, frames),
            _posteriors(ours, frames),
            same_arithmetic=self.promises_bits,
        )
        self.divergences.append(found.total_variation)
        self.disagreements += int(found.is_other_best.sum())
        if self.promises_bits:
            self.mismatches += int(found.is_different.sum())
        self.cost += ours.cost

    def tally(self, primary: int) -> Tally:
        """Return what it all came to."""
        divergences = np.concatenate([np.empty(0), *self.divergences])
        at = np.searchsorted(DIVERGENCE_EDGES, divergences)  # an edge belongs to what it ends
        cost = self.cost
        return Tally(
            primary=primary,
            frames=len(divergences),
            shed_frames=self.shed_frames,
            shed_utterances=self.shed_utterances,
            disagreements=self.disagreements,
            mismatches=self.mismatches if self.promises_bits else None,
            divergences=tuple(np.bincount(at, minlength=len(DIVERGENCE_EDGES) + 1).tolist()),
            divergence_sum=float(divergences.sum()),
            energies=tuple(
                (energy.origin, energy.boundary, energy.joules) for energy in cost.energies
            ),
            cycles=None if cost.cycles is None else (cost.device_origin, cost.cycles),
        )


def _posteriors(said: Pieces | Result, frames: slice) -> Posteriors:
    logits = None if said.logits is None else said.logits[frames]
    return Posteriors(said.log_prob[frames], logits)
