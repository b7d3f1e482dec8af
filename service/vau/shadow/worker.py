"""A shadow at work: it runs what it is given, compares, and adds up. No process, no pipe."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.backend import (
    Backend,
    Boundary,
    Cost,
    DeviceOrigin,
    Origin,
    Result,
    Slot,
    Work,
    promise_equal_bits,
)
from vau.comparison import Posteriors, diverge
from vau.errors import BackendBusy
from vau.shadow.messages import (
    DIVERGENCE_EDGES,
    Done,
    Primary,
    Report,
    Stretch,
    Stretches,
    Tally,
)

ROUND_STEPS: Final = 200  # about so many of an utterance in one round, and then we report


@dataclass(slots=True)
class _Utterance:
    """One utterance that is being shadowed."""

    primary: int
    stretches: deque[Stretch] = field(default_factory=deque)
    """Not computed yet."""

    slot: Slot | None = None
    has_ended: bool = False
    """Its last stretch is here, so its slot comes free in one of the next rounds."""

    is_lost: bool = False
    """There was no slot for it: its frames are counted, not computed."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one utterance contributes to a round."""

    key: int
    utterance: _Utterance
    joined: Stretches

    @property
    def frames(self) -> int:
        return int(self.joined.table[:, 2].sum())

    @property
    def done(self) -> Done:
        return Done(self.key, len(self.joined.features), self.frames)

    @property
    def ends(self) -> bool:
        return bool(self.joined.table[-1, 3])


class Worker:
    """Shadows many utterances at once, all of them alike."""

    def __init__(self, backend: Backend, primaries: tuple[Primary, ...]) -> None:
        """Begin with none."""
        self._backend = backend
        self._promises_bits = [
            promise_equal_bits(primary, backend.info) for primary in primaries
        ]
        self._utterances: dict[int, _Utterance] = {}
        self._waiting: dict[int, None] = {}  # keys of those with stretches, in order of arrival
        self._counts: dict[int, _Counts] = {}  # by primary, since the last report

    @property
    def has_work(self) -> bool:
        """Whether a round would do anything."""
        return bool(self._waiting)

    def take(self, stretches: Iterable[Stretch]) -> None:
        """Put stretches in line."""
        for stretch in stretches:
            utterance = self._utterances.setdefault(stretch.key, _Utterance(stretch.primary))
            utterance.stretches.append(stretch)
            utterance.has_ended = stretch.ends
            self._waiting.setdefault(stretch.key)

    def report(self) -> Report:
        """Say what the rounds since the last report came to."""
        report = tuple(counts.tally(primary) for primary, counts in self._counts.items())
        self._counts = {}
        return report

    def round(self) -> None:
        """Advance the utterances that have waited longest.

        Raises whatever the backend raises: the states of its slots cannot be trusted then.
        """
        turns = [turn for turn in self._turns() if not self._is_shed(turn)]
        work = [
            Work(turn.utterance.slot, turn.joined.features)
            for turn in turns
            if turn.utterance.slot is not None
        ]
        results = self._backend.run(work) if work else []
        compared: dict[int, list[_Pair]] = {}
        for turn, result in zip(turns, results, strict=True):
            compared.setdefault(turn.utterance.primary, []).append((turn, result))
        for primary, pairs in compared.items():
            self._counts_of(primary).compare(pairs)
        for turn in turns:
            self._end(turn)

    def _counts_of(self, primary: int) -> "_Counts":
        if primary not in self._counts:
            self._counts[primary] = _Counts(self._promises_bits[primary])
        return self._counts[primary]

    def _turns(self) -> Iterator[_Turn]:
        for key in list(islice(self._waiting, self._backend.info.max_batch)):
            utterance = self._utterances[key]
            del self._waiting[key]
            if self._must_wait(utterance, key):
                self._waiting[key] = None  # behind all others, among them who gives up a slot
                continue
            stretches, steps = [], 0
            while utterance.stretches and steps < ROUND_STEPS:
                stretches.append(utterance.stretches.popleft())
                steps += len(stretches[-1].features)
            if utterance.stretches:
                self._waiting[key] = None
            yield _Turn(key, utterance, Stretches.join(stretches))

    def _must_wait(self, utterance: _Utterance, key: int) -> bool:
        """Give an utterance that begins a slot; return whether there will be one later.

        The end of one utterance and the beginning of the next arrive together, so at times
        there are more of them here than the server has streams. One for which no slot comes
        free either is lost as a whole.
        """
        if utterance.slot is not None or utterance.is_lost:
            return False
        try:
            utterance.slot = self._backend.open()
        except BackendBusy:
            if any(
                each.slot is not None and each.has_ended for each in self._utterances.values()
            ):
                return True
            utterance.is_lost = True
            self._counts_of(utterance.primary).without_slot.append(key)
        return False

    def _is_shed(self, turn: _Turn) -> bool:
        """Count the frames of an utterance that has no slot; return whether it has none."""
        if turn.utterance.slot is not None:
            return False
        self._counts_of(turn.utterance.primary).shed(turn)
        self._end(turn)
        return True

    def _end(self, turn: _Turn) -> None:
        """Give the slot back if that was the last of the utterance."""
        if turn.ends:
            del self._utterances[turn.key]
            if turn.utterance.slot is not None:
                self._backend.release(turn.utterance.slot)


_Pair = tuple[_Turn, Result]
"""What a primary said of the steps of a turn, and what we say."""


@dataclass(slots=True)
class _Counts:
    """What the frames of one primary came to since the last report."""

    promises_bits: bool
    divergences: list[NDArray[np.float64]] = field(default_factory=list)
    disagreements: int = 0
    mismatches: int = 0
    joules: dict[tuple[Origin, Boundary], float] = field(default_factory=dict)
    cycles: tuple[DeviceOrigin, int] | None = None
    shed_frames: int = 0
    without_slot: list[int] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)

    def shed(self, turn: _Turn) -> None:
        """Count the frames of a turn that nobody computes."""
        self.shed_frames += turn.frames
        self.done.append(turn.done)

    def compare(self, pairs: Sequence[_Pair]) -> None:
        """Count the frames of some turns, one at least, and what they cost us.

        They are compared in one go: array by array that takes a fifth of the time.
        """
        found = diverge(
            _posteriors([(turn.joined, turn.frames) for turn, _ours in pairs]),
            _posteriors([(ours, turn.frames) for turn, ours in pairs]),
            same_arithmetic=self.promises_bits,
        )
        self.divergences.append(found.total_variation)
        self.disagreements += int(found.is_other_best.sum())
        if self.promises_bits:
            self.mismatches += int(found.is_different.sum())
        for turn, ours in pairs:
            self._spend(ours.cost)
            self.done.append(turn.done)

    def tally(self, primary: int) -> Tally:
        """Return what it all came to."""
        divergences = np.concatenate([np.empty(0), *self.divergences])
        at = np.searchsorted(DIVERGENCE_EDGES, divergences)  # an edge belongs to what it ends
        return Tally(
            primary=primary,
            frames=len(divergences),
            shed_frames=self.shed_frames,
            without_slot=tuple(self.without_slot),
            done=tuple(self.done),
            disagreements=self.disagreements,
            mismatches=self.mismatches if self.promises_bits else None,
            divergences=tuple(np.bincount(at, minlength=len(DIVERGENCE_EDGES) + 1).tolist()),
            divergence_sum=float(divergences.sum()),
            energies=tuple((*key, joules) for key, joules in self.joules.items()),
            cycles=self.cycles,
        )

    def _spend(self, cost: Cost) -> None:
        for energy in cost.energies:
            key = (energy.origin, energy.boundary)
            self.joules[key] = self.joules.get(key, 0.0) + energy.joules
        if cost.cycles is not None:
            before = self.cycles[1] if self.cycles else 0
            self.cycles = (cost.device_origin, before + cost.cycles)


def _posteriors(said: Sequence[tuple[Stretches | Result, int]]) -> Posteriors:
    """Join what one side said, of each the last so many steps: those that answered a frame.

    Steps that answer none come first in an utterance.
    """
    log_prob = [each.log_prob[len(each.log_prob) - frames :] for each, frames in said]
    logits = [
        each.logits[len(each.logits) - frames :]
        for each, frames in said
        if each.logits is not None
    ]
    return Posteriors(np.concatenate(log_prob), np.concatenate(logits) if logits else None)
