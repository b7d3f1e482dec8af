"""What the decoder's search does most: in C where that was compiled, in numpy elsewhere.

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
    score: NDArray[np.float64]
    """Shape (min_frames + 1, phonemes, phonemes before)."""

    start: NDArray[np.int64]
    """The same."""

    before: NDArray[np.int64]
    """Shape (kept frames, phonemes, phonemes before)."""

    posterior_sums: NDArray[np.float64]
    """Shape (kept frames, phonemes)."""

    endings: NDArray[np.int64]
    """The phonemes that those runs may follow which began at each of the last ``min_frames``
    frames, by the frame modulo ``min_frames``; shape (min_frames, followed)."""

    ends: NDArray[np.float64]
    """And how well these ended, by the phoneme before them, -inf where there was no
    hypothesis; shape (min_frames, followed, phonemes before)."""

    @property
    def followed(self) -> int:
        """So many phonemes may be followed by another at a frame."""
        return len(self.endings[0])

    @property
    def is_for_c(self) -> bool:
        """Whether the C takes them."""
        return IS_COMPILED and len(self.follow) <= MOST_CLASSES


def empty_tables(
    follow: NDArray[np.float64],
    *,
    min_frames: int,
    kept_frames: int,
    beam: float,
    followed: int,
) -> Tables:
    """Return the tables of a search that has not begun; none of its hypotheses is alive."""
    classes = len(follow)
    table = (min_frames + 1, classes, classes)
    followed = min(followed, classes)
    return Tables(
        follow=follow,
        beam=beam,
        score=np.full(table, -np.inf),
        start=np.zeros(table, np.int64),
        before=np.zeros((kept_frames, classes, classes), np.int64),
        posterior_sums=np.zeros((kept_frames, classes)),
        endings=np.zeros((min_frames, followed), np.int64),
        ends=np.full((min_frames, followed, classes), -np.inf),
    )


def best(tables: Tables, frame: int, gain: NDArray[np.float64]) -> int:
    """Return the place of the best hypothesis whose last run began before ``frame``."""
    if not tables.is_for_c:
        return numpy_search.best(tables, frame, gain)
    return _native.best(
        len(gain),
        len(tables.score),
        frame,
        tables.score,
        tables.start,
        np.ascontiguousarray(gain),
    )


def living(tables: Tables) -> NDArray[np.int64]:
    """Return the places of the hypotheses that are still alive, in order."""
    if not tables.is_for_c:
        return numpy_search.living(tables)
    places = np.empty(tables.score.size, np.int64)
    return places[: _native.living(places.size, tables.score, places)]


def ancestors(tables: Tables, places: NDArray[np.int64], frame: int) -> NDArray[np.int64]:
    """Return the node in which each of the hypotheses at ``places`` was at a frame."""
    nodes_per_frame = len(tables.follow) ** 2
    starts = tables.start.ravel()[places]
    nodes: NDArray[np.int64] = starts * nodes_per_frame + places % nodes_per_frame
    later = (frame + 1) * nodes_per_frame
    if tables.is_for_c:
        _native.go_back(len(nodes), later, tables.before.size, nodes, tables.before)
    else:
        numpy_search.go_back(tables, nodes, later)
    return nodes


def advance(
    tables: Tables, first: int, gains: NDArray[np.float64], sums: NDArray[np.float64]
) -> None:
    """Take all hypotheses through frames, in place.

    first:       number of the first of them; the first of an utterance is 1.
    gains, sums: what the phonemes have gained, and their posteriors summed, until each frame,
                 shape (frames, phonemes).
    """
    classes = len(tables.follow)
    if tables.is_for_c:
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
            tables.endings,
            tables.ends,
            np.ascontiguousarray(gains),
            np.ascontiguousarray(sums),
        )
        return
    for frame, (gain, posterior_sum) in enumerate(zip(gains, sums, strict=True), first):
        numpy_search.advance(tables, frame, gain, posterior_sum)
