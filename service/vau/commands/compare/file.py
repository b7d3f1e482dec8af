"""What came of one file: what each backend heard, and how far it is from the reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vau.audiofile import Recording
from vau.backend import BackendInfo, promise_equal_bits
from vau.comparison import (
    Divergence,
    LogitPlace,
    Place,
    Posteriors,
    diverge,
    first_logit,
    first_place,
)
from vau.evaluation.edits import Edits, count_edits
from vau.evaluation.manifest import Utterance
from vau.hearing import Heard


@dataclass(frozen=True, slots=True)
class Source:
    """One file as all backends hear it."""

    file: Path
    recording: Recording
    said: Utterance | None
    """What the manifest says of it; None if it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A backend beside the reference, on one file."""

    divergence: Divergence
    edits: Edits
    """What turns the phones of the reference into those of the other."""

    first_different: Place | None
    """The first frame that is not equal; None if all are."""

    first_other_best: Place | None
    first_beyond: Place | None
    first_logit: LogitPlace | None
    """None as well where the arithmetics are not the same: then no two logits compare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """One file through all backends."""

    file: Path
    sha256: str
    samples: int
    """At 16 kHz, as the model heard them."""

    said: Utterance | None
    heard: tuple[Heard, ...]
    """By all backends in their order, the reference first."""

    pairs: tuple[Pair, ...]
    """One for each backend but the reference."""

    def edits(self, place: int) -> Edits | None:
        """Count the errors of the backend at ``place``; None without labels."""
        if self.said is None:
            return None
        return count_edits(self.said.phones, self.heard[place].symbols)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The file that a picture shows, with what the table does not need of it."""

    result: FileResult
    samples: NDArray[np.int16]
    posteriors: tuple[Posteriors, ...]
    """By all backends in their order."""


def result_of(
    source: Source,
    infos: Sequence[BackendInfo],
    heard: Sequence[tuple[Heard, Posteriors]],
    tolerance: float,
) -> FileResult:
    """Measure what all backends heard of one file against the first of them.

    infos, heard: in the order of the backends.
    """
    pairs = [
        _pair(heard[0], other, tolerance, same_arithmetic=promise_equal_bits(infos[0], info))
        for other, info in zip(heard[1:], infos[1:], strict=True)
    ]
    return FileResult(
        file=source.file,
        sha256=source.recording.sha256,
        samples=len(source.recording.samples),
        said=source.said,
        heard=tuple(one for one, _ in heard),
        pairs=tuple(pairs),
    )


def most_divergent(pairs: Sequence[Pair]) -> float:
    """Return the mean total variation of the pair that is furthest apart."""
    return max(float(pair.divergence.total_variation.mean()) for pair in pairs)


def _pair(
    reference: tuple[Heard, Posteriors],
    other: tuple[Heard, Posteriors],
    tolerance: float,
    *,
    same_arithmetic: bool,
) -> Pair:
    (mine, p), (its, q) = reference, other
    found = diverge(p, q, same_arithmetic=same_arithmetic)
    return Pair(
        divergence=found,
        edits=count_edits(mine.symbols, its.symbols),
        first_different=first_place(found.is_different, p, q),
        first_other_best=first_place(found.is_other_best, p, q),
        first_beyond=first_place(found.is_beyond(tolerance), p, q),
        first_logit=first_logit(p, q) if same_arithmetic else None,
    )
