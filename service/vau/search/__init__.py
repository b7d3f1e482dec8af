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
except ImportError as cause:
    _missing = str(cause)
else:
    _missing = ""

WHY_NOT: Final = _missing and f"the C was not built with this installation ({_missing})"

# What the C has room for, see native/module.c.
MOST_CLASSES: Final = 256
MOST_FOLLOWED: Final = 16


def remark() -> str:
    """Return what an operator should know of the search here; mostly nothing."""
    return WHY_NOT and (
        f"the decoder searches with numpy: the same text, five times slower; {WHY_NOT}; "
        "install a C compiler with the headers of Python, then install Vau again"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """What a search looks up, and what it remembers and changes.

    A hypothesis is a run of one phoneme behind another one; it stands in the table of ``score``
    by the frame at which the run began, modulo ``min_frames``, by its phoneme, and by the
    phoneme before; in the last layer, the best of all that are at least ``min_frames`` long.
    A *place* is an index into that table once it is flattened. A *node* is a run's beginning,
    start * phonemes**2 + phoneme * phonemes + phoneme before. Frames are numbered from 1, hops
    of the front end; all scores are natural logarithms.
    """

    follow: NDArray[np.float64]
    """Score of a step to the next phoneme, -inf where there is none; by the phoneme that ends,
    the next one, and the one before, shape (phonemes, phonemes, phonemes)."""

    beam: float
    """A hypothesis this far below the best one that may end is given up."""

    score: NDArray[np.float64]
    """Of each hypothesis up to the start of its last run, less what that run's phoneme had
    gained until then; -inf where there is none. Shape (min_frames + 1, phonemes, phonemes)."""

    start: NDArray[np.int64]
    """The frame at which its last run began, the same shape."""

    before: NDArray[np.int64]
    """The node that each run came from, by the frame at which the run began, modulo the kept
    frames, its phoneme and the one before; shape (kept frames, phonemes, phonemes)."""

    posterior_sums: NDArray[np.float64]
    """Posteriors of the phonemes, summed up to each of the kept frames, by the frame modulo
    their number; shape (kept frames, phonemes)."""

    endings: NDArray[np.int64]
    """The phonemes that those runs may follow which began at each of the last ``min_frames``
    frames, by the frame modulo ``min_frames``; shape (min_frames, followed)."""

    ends: NDArray[np.float64]
    """And how well these ended, by the phoneme before them, -inf where there was no
    hypothesis; shape (min_frames, followed, phonemes)."""

    @property
    def followed(self) -> int:
        """So many phonemes may be followed by another at a frame."""
        return len(self.endings[0])

    @property
    def is_for_c(self) -> bool:
        """Whether the C was built, and has room for them."""
        few = len(self.follow) <= MOST_CLASSES and self.followed <= MOST_FOLLOWED
        return few and not WHY_NOT


def empty_tables(
    follow: NDArray[np.float64],
    *,
    min_frames: int,
    kept_frames: int,
    beam: float,
    followed: int,
) -> Tables:
    """Return the tables of a search that has not begun; none of its hypotheses is alive.

    follow, beam: as in ``Tables``; ``follow`` is not copied.
    min_frames:   frames that a run lasts at least, 1 or more.
    kept_frames:  frames for which beginnings of runs are remembered, 1 or more.
    followed:     phonemes that others may follow at a frame, the best ones; not more than all.
    """
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
    """Return the place of the best hypothesis whose last run began before ``frame``.

    gain:   what each phoneme has gained until now, natural log, shape (phonemes,).
    Returns the first of equal ones; 0 if there is none at all.
    Raises  ValueError for arrays that do not fit each other.
    """
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
    """Return the places of the hypotheses that are still alive, in order, shape (living,)."""
    if not tables.is_for_c:
        return numpy_search.living(tables)
    places = np.empty(tables.score.size, np.int64)
    return places[: _native.living(places.size, tables.score, places)]


def ancestors(tables: Tables, places: NDArray[np.int64], frame: int) -> NDArray[np.int64]:
    """Return the node in which each of the hypotheses at ``places`` was at a frame.

    places: shape (hypotheses,), as the answer is.
    frame:  one of the kept frames.
    Raises  ValueError for a node that does not come from an earlier one.
    """
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
    Raises       ValueError for arrays that do not fit each other.
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
