"""What was heard, added up: rates, and how far they might be off.

Intervals are bootstrapped over utterances: as many as there are, drawn with replacement,
RESAMPLES times, from a fixed seed; between the 2.5th and the 97.5th percentile of the rates
that come out lie 95 % of them. The gap between two backends is paired: both are scored on
the same draws.
Ref: Bisani and Ney, Bootstrap estimates for confidence intervals in ASR performance
     evaluation, ICASSP 2004.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import chain
from operator import add
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.errors import ConfigInvalid
from vau.evaluation.edits import Edits, Pair, edits_of
from vau.evaluation.emission import Delays
from vau.evaluation.frames import NEAR_MS, FrameCounts

RESAMPLES: Final = 2_000
SEED: Final = 0
FLOAT: Final = "float"
"""The kind of backend that computes the network as it was trained: the yardstick."""

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One utterance, as one recogniser understood it. None stands for what is not known."""

    utterance: str
    speaker: str | None = None
    gender: str | None = None
    model: str
    """Empty for a recogniser that is not ours."""

    backend: str
    """Its id, or the name of the other recogniser."""

    decoder: str = ""
    """Empty for a recogniser that is not ours, and if a server did not say."""

    pairs: tuple[Pair, ...]
    """What was said beside what was heard, silence left out."""

    frames: int | None = None
    frame_counts: FrameCounts | None = None
    boundary_errors_ms: tuple[float, ...] | None = None
    delays: Delays | None = None
    saturations: int | None = None

    @property
    def edits(self) -> Edits:
        """What the recogniser did wrong."""
        return edits_of(self.pairs)

    @property
    def phone_count(self) -> int:
        """How many were said."""
        return sum(said is not None for said, _ in self.pairs)


@dataclass(frozen=True)
class Score:
    """All that one recogniser heard of a manifest."""

    heard: tuple[Heard, ...]
    """In the order of the manifest; of one model and backend."""

    def __post_init__(self) -> None:
        if not self.phone_count:
            raise ConfigInvalid(
                "manifest: no reference phones besides silence, so there is no error rate",
                field="manifest",
            )

    @property
    def model(self) -> str:
        """Name the model; empty for a recogniser that is not ours."""
        return self.heard[0].model

    @property
    def backend(self) -> str:
        """Name the backend, or the other recogniser."""
        return self.heard[0].backend

    @property
    def decoder(self) -> str:
        """Name the decoder, as ``Heard`` does."""
        return self.heard[0].decoder

    @property
    def phone_count(self) -> int:
        """How many were said."""
        return sum(each.phone_count for each in self.heard)

    @property
    def edits(self) -> Edits:
        """All that went wrong."""
        return sum((each.edits for each in self.heard), Edits())

    @property
    def per(self) -> float:
        """Errors over phones said: 0 is perfect, and insertions may lift it past 1."""
        return self.edits.errors / self.phone_count

    @cached_property
    def per_ci95(self) -> Interval | None:
        """Return the interval of the rate; None for one utterance, which cannot tell."""
        return _interval(_errors(self.heard), _phones(self.heard))

    @property
    def frames(self) -> int | None:
        """How many the backend answered."""
        return total([each.frames for each in self.heard])

    @property
    def frame_counts(self) -> FrameCounts | None:
        """Add up the frames that have labels; None unless all utterances have them."""
        found = [each.frame_counts for each in self.heard if each.frame_counts is not None]
        return reduce(add, found) if len(found) == len(self.heard) else None

    @property
    def saturations(self) -> int | None:
        """How often a clamp of the accelerator changed a value."""
        return total([each.saturations for each in self.heard])

    @property
    def confusions(self) -> Counter[Pair]:
        """Count the pairs of what was said and what was heard."""
        return Counter(chain.from_iterable(each.pairs for each in self.heard))

    @property
    def shown_ms(self) -> NDArray[np.float64] | None:
        """How long after its end each phone was shown; see ``vau.evaluation.emission``."""
        return _joined([each.delays.shown_ms if each.delays else None for each in self.heard])

    @property
    def stable_ms(self) -> NDArray[np.float64] | None:
        """How long after its end each phone was stable."""
        return _joined([each.delays.stable_ms if each.delays else None for each in self.heard])

    @property
    def boundary_errors_ms(self) -> NDArray[np.float64] | None:
        """How far from its label each phone begins that was heard rightly."""
        return _joined([each.boundary_errors_ms for each in self.heard])

    def grouped(self, key: Callable[[Heard], str | None]) -> "dict[str, Score] | None":
        """Score the utterances of each key, in its order; None unless all have one."""
        groups: dict[str, list[Heard]] = {}
        for each in self.heard:
            name = key(each)
            if name is None:
                return None
            groups.setdefault(name, []).append(each)
        return {
            name: Score(tuple(groups[name]))
            for name in sorted(groups)
            if any(each.phone_count for each in groups[name])
        }


def is_float(backend: str) -> bool:
    """Tell whether a backend, ``kind`` or ``kind:instance``, is the yardstick."""
    return backend.partition(":")[0] == FLOAT


def scores(heard: Iterable[Heard], names: Sequence[str]) -> list[Score]:
    """Gather what each backend heard, the backends in the order in which they come.

    names: the utterances, in the order of the manifest.
    """
    by_backend: dict[str, dict[str, Heard]] = {}
    for each in heard:
        by_backend.setdefault(each.backend, {})[each.utterance] = each
    return [Score(tuple(found[name] for name in names)) for found in by_backend.values()]


def gap(score: Score, yardstick: Score) -> float:
    """Return by how much the rate of ``score`` is above that of ``yardstick``."""
    return score.per - yardstick.per


def gap_ci95(score: Score, yardstick: Score) -> Interval | None:
    """Return the interval of the gap, paired; None for one utterance.

    Both have heard the same utterances, in the same order.
    """
    more = _errors(score.heard) - _errors(yardstick.heard)
    return _interval(more, _phones(score.heard))


def percentile(values: NDArray[np.float64] | None, percent: float) -> float | None:
    """Return a percentile, interpolated between neighbours, to 0.001; None of nothing."""
    if values is None or not len(values):
        return None
    return round(float(np.percentile(values, percent)), 3)


def share_near(errors_ms: NDArray[np.float64] | None) -> float | None:
    """Return the share of errors of NEAR_MS and less; None of nothing."""
    if errors_ms is None or not len(errors_ms):
        return None
    return float(np.mean(errors_ms <= NEAR_MS))


def total(values: Sequence[int | None]) -> int | None:
    """Add up; None if one of them is not known."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _errors(heard: Iterable[Heard]) -> NDArray[np.int64]:
    return np.array([each.edits.errors for each in heard], np.int64)


def _phones(heard: Iterable[Heard]) -> NDArray[np.int64]:
    return np.array([each.phone_count for each in heard], np.int64)


def _interval(errors: NDArray[np.int64], phones: NDArray[np.int64]) -> Interval | None:
    """Bootstrap the ratio of two sums over utterances, a draw at a time: they may be many."""
    count = len(phones)
    if count < 2:
        return None
    rng = np.random.default_rng(SEED)
    counts = np.stack([errors, phones])
    sums = [counts[:, rng.integers(count, size=count)].sum(axis=1) for _ in range(RESAMPLES)]
    wrong, said = np.transpose(sums)
    low, high = np.percentile(wrong[said > 0] / said[said > 0], [2.5, 97.5])
    return float(low), float(high)


def _joined(parts: Sequence[Sequence[float] | None]) -> NDArray[np.float64] | None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return np.array(list(chain.from_iterable(known)), np.float64)
