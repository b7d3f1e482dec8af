"""What the decoder's search does most: in C where that was compiled, in numpy elsewhere.

Both give the same bits: the same additions of float64, in the same order, and of equal scores
the same one. What the tables are, ``vau.search.tables`` says; what a frame does,
``numpy_search``; what it is all for, ``vau.decode``.
"""

from typing import Final

import numpy as np

from vau.search import numpy_search
from vau.search.numpy_search import Told
from vau.search.tables import (
    Floats,
    Nodes,
    Small,
    Standing,
    Tables,
    empty_tables,
    first_standing,
)

try:
    import vau.search._native as _native
except ImportError as cause:
    _missing = str(cause)
else:
    _missing = ""

__all__ = [
    "WHY_NOT",
    "Floats",
    "Nodes",
    "Standing",
    "Tables",
    "Told",
    "empty_tables",
    "first_standing",
    "living",
    "numpy_search",
    "path_to",
    "push",
    "remark",
    "tell",
]

WHY_NOT: Final = _missing and f"the C was not built with this installation ({_missing})"


def remark() -> str:
    """Return what an operator should know of the search here; mostly nothing."""
    return WHY_NOT and (
        f"the decoder searches with numpy: the same text, twenty times slower; {WHY_NOT}; "
        "install a C compiler with the headers of Python, then install Vau again"
    )


def push(tables: Tables, standing: Standing, rows: Floats, posteriors: Floats) -> list[Told]:
    """Take all hypotheses through the next frames, in place, and settle the past.

    rows:       log posteriors, shape (frames, phonemes).
    posteriors: their exponentials, the same shape.
    Returns     the runs that are settled now, in the order of time, behind those before.
    Raises      ValueError for arrays that do not fit each other, and for a node that does not
                come from an earlier one.
    """
    if not _is_for_c(tables):
        return numpy_search.push(tables, standing, rows, posteriors)
    runs, confidences = _room(tables, len(rows))
    standing.root_start, count = _native.push(
        tables.sizes,
        tables.beam,
        standing.frame,
        standing.root_start,
        len(rows),
        tables.follow,
        tables.prior,
        _remembered(tables),
        tables.ends,
        _summed(tables, standing),
        standing.rows,
        rows,
        posteriors,
        (len(runs), runs, confidences),
    )
    standing.frame += len(rows)
    return _told(runs, confidences, count) if count else []


def tell(tables: Tables, standing: Standing) -> tuple[list[Told], int]:
    """Return the runs of the best hypothesis behind what is settled, and how many now are.

    The last run has no end yet: it is told up to the present frame. A run is settled by this
    if it has the same start and end in everything that is alive.
    Raises ValueError as ``push`` does.
    """
    if not _is_for_c(tables):
        return numpy_search.tell(tables, standing)
    runs, confidences = _room(tables)
    standing.root_start, count, shared = _native.tell(
        tables.sizes,
        standing.frame,
        standing.root_start,
        _remembered(tables),
        _summed(tables, standing),
        (len(runs), runs, confidences),
    )
    return _told(runs, confidences, count), shared


def living(tables: Tables, standing: Standing) -> tuple[Nodes, Nodes]:
    """Return the places, in order, and the nodes of the hypotheses that are still alive."""
    if not _is_for_c(tables):
        return numpy_search.living(tables, standing.frame, standing.root_start)
    places, nodes = np.empty((2, tables.young.size + tables.grown.size), np.int64)
    count = _native.living(
        tables.sizes,
        standing.frame,
        standing.root_start,
        _remembered(tables),
        places,
        nodes,
    )
    return places[:count], nodes[:count]


def path_to(tables: Tables, standing: Standing, node: int) -> list[int]:
    """Return the nodes from the root up to ``node``.

    Raises ValueError as ``push`` does, and for more nodes than there are kept frames.
    """
    if not _is_for_c(tables):
        return numpy_search.path_to(tables, node, standing.root_start)
    path = np.empty(tables.kept_frames, np.int64)
    count = _native.path_to(tables.sizes, standing.root_start, node, _remembered(tables), path)
    found: list[int] = path[:count][::-1].tolist()
    return found


def _is_for_c(tables: Tables) -> bool:
    """Tell whether the C was built, and has room for the tables."""
    return not WHY_NOT and tables.is_small


def _remembered(tables: Tables) -> tuple[Floats, Floats, Small, Small, Small, Small]:
    """Return where the hypotheses stand and what they follow, in the order of the C."""
    return (
        tables.young,
        tables.grown,
        tables.grown_age,
        tables.endings,
        tables.parent_age,
        tables.parent_before,
    )


def _summed(tables: Tables, standing: Standing) -> tuple[Floats, Floats, Floats]:
    """Return what a score and a confidence are made of, in the order of the C."""
    return tables.posterior_sums, standing.gains, standing.root_posterior_sums


def _room(tables: Tables, frames: int = 0) -> tuple[Nodes, Floats]:
    """Return room for as many runs as there may be: each begins at a frame of its own."""
    count = frames + tables.kept_frames + 1
    return np.empty((count, 3), np.int64), np.empty(count)


def _told(runs: Nodes, confidences: Floats, count: int) -> list[Told]:
    return [
        (phoneme, start, end, confidence)
        for (phoneme, start, end), confidence in zip(
            runs[:count].tolist(), confidences[:count].tolist(), strict=True
        )
    ]
