"""Frames of the decoder's search: in C where that was compiled, in numpy elsewhere.

Both give the same bits: the same additions of float64, in the same order, and of equal scores
the same one. What the tables are, ``vau.decode`` says; what a frame does, ``numpy_search``.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.search import numpy_search

try:
    import vau.search._native as _native
except ImportError:
    IS_COMPILED: Final = False
else:
    IS_COMPILED = True  # type: ignore[misc]

MOST_CLASSES: Final = 256  # that the C has room for, see native/module.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """What a search looks up, and what it remembers and changes."""

    follow: NDArray[np.float64]
    """By phoneme, the next one, and the one before; shape (phonemes,) * 3."""

    beam: float
    followed: int
    """So many phonemes may be followed by another at a frame."""

    score: NDArray[np.float64]
    """Shape (min_frames + 1, phonemes, phonemes before)."""

    start: NDArray[np.int64]
    """The same."""

    before: NDArray[np.int64]
    """Shape (kept frames, phonemes, phonemes before)."""

    posterior_sums: NDArray[np.float64]
    """Shape (kept frames, phonemes)."""


def advance(
    tables: Tables, first: int, gains: NDArray[np.float64], sums: NDArray[np.float64]
) -> None:
    """Take all hypotheses through frames, in place.

    first:       number of the first of them; the first of an utterance is 1.
    gains, sums: what the phonemes have gained, and their posteriors summed, until each frame,
                 shape (frames, phonemes).
    """
    classes = len(tables.follow)
    if IS_COMPILED and classes <= MOST_CLASSES:
        _native.advance(
            classes,
            len(tables.score) - 1,
            tables.followed,
            len(tables.before),
            tables.beam,
            first,
            len(gains),
            tables.follow,
            tables.score,
            tables.start,
            tables.before,
            tables.posterior_sums,
            np.ascontiguousarray(gains),
            np.ascontiguousarray(sums),
        )
        return
    for frame, (gain, posterior_sum) in enumerate(zip(gains, sums, strict=True), first):
        numpy_search.advance(tables, frame, gain, posterior_sum)
