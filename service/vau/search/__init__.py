"""What the decoder's search does most: in C where that was compiled, in numpy elsewhere.

Both give the same bits: the same additions of float64, in the same order, and of equal scores
the same one. What the tables are, ``vau.decode`` says; what a frame does, ``numpy_search``.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vau.search import numpy_search

try:
    import vau.search._native as _native
except ImportError as cause:
    _missing = str(cause)
else:
    _missing = ""

Floats: TypeAlias = NDArray[np.float64]
Nodes: TypeAlias = NDArray[np.int64]
Small: TypeAlias = NDArray[np.unsignedinteger[Any]]
"""Of the smallest type that holds the values: a byte for all that ships."""

WHY_NOT: Final = _missing and f"the C was not built with this installation ({_missing})"

# What the C has room for, see native/module.c.
MOST_CLASSES: Final = 256
MOST_FOLLOWED: Final = 16
MOST_KEPT_FRAMES: Final = 254


def remark() -> str:
    """Return what an operator should know of the search here; mostly nothing."""
    return WHY_NOT and (
        f"the decoder searches with numpy: the same text, five times slower; {WHY_NOT}; "
        "install a C compiler with the headers of Python, then install Vau again"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """What a search looks up, and what it remembers and changes.

    A hypothesis is a run of one phoneme behind another one. It is *young* until the run is
    ``min_frames`` long; of the *grown* ones of each phoneme behind each other, the best is
    known. Of the phonemes before them, young ones have a *rank*: only a few phonemes are
    followed at a frame. A *place* is an index into ``young`` and ``grown``, each flattened, one
    behind the other. A *node* is a run's beginning,
    start * phonemes**2 + phoneme * phonemes + phoneme before. Frames are numbered from 1, hops
    of the front end; a *row* is one of the kept frames, by its number modulo theirs. All scores
    are natural logarithms. An *age* counts frames since the beginning of a run, up to the most
    that its type holds: that is ``oldest``, more than any of the kept frames, and in a living
    hypothesis only the root of all that is alive has it.
    """

    follow: Floats
    """Score of a step to the next phoneme, -inf where there is none; by the phoneme that ends,
    the next one, and the one before, shape (phonemes, phonemes, phonemes)."""

    beam: float
    """A hypothesis this far below the best one that may end is given up."""

    young: Floats
    """Of each hypothesis up to the start of its last run, less what that run's phoneme had
    gained until then; -inf where there is none. By the frame at which the run began, modulo
    ``min_frames``, its phoneme, and the rank of the one before;
    shape (min_frames, phonemes, followed)."""

    grown: Floats
    """The same by the phoneme and the one before, shape (phonemes, phonemes)."""

    grown_age: Small
    """Of the last runs of these, the same shape."""

    endings: Small
    """The phonemes that those runs may follow which began at a frame, in order: that of each
    rank; shape (kept frames, followed)."""

    parent_age: Small
    """Of each run that began at a frame, how old the one that it followed was; by row, its
    phoneme, and the rank of the one before; shape (kept frames, phonemes, followed)."""

    parent_before: Small
    """And which phoneme was before that one, the same shape."""

    ends: Floats
    """How well the runs ended that are followed, by the frame modulo ``min_frames``, their rank
    and the phoneme before them, -inf where there was no hypothesis;
    shape (min_frames, followed, phonemes)."""

    posterior_sums: Floats
    """Posteriors of the phonemes, summed up to each frame; shape (kept frames, phonemes)."""

    @property
    def followed(self) -> int:
        """So many phonemes may be followed by another at a frame."""
        return int(self.endings.shape[1])

    @property
    def kept_frames(self) -> int:
        """So many of the last frames are remembered."""
        return len(self.endings)

    @property
    def oldest(self) -> int:
        """The age that stands for every higher one, too."""
        return int(np.iinfo(self.grown_age.dtype).max)

    @property
    def is_for_c(self) -> bool:
        """Whether the C was built, and has room for them."""
        return not WHY_NOT and (
            len(self.follow) <= MOST_CLASSES
            and self.followed <= MOST_FOLLOWED
            and self.kept_frames <= MOST_KEPT_FRAMES
        )


def empty_tables(
    follow: Floats,
    *,
    min_frames: int,
    kept_frames: int,
    beam: float,
    followed: int,
) -> Tables:
    """Return the tables of a search that has not begun; none of its hypotheses is alive.

    follow, beam: as in ``Tables``; ``follow`` is not copied.
    min_frames:   frames that a run lasts at least, 1 or more.
    kept_frames:  frames for which beginnings of runs are remembered, more than ``min_frames``.
    followed:     phonemes that others may follow at a frame, the best ones; not more than all.
    Raises        ValueError if a run would be forgotten before it is long enough.
    """
    if kept_frames <= min_frames:
        raise ValueError(f"kept_frames={kept_frames} is not more than min_frames={min_frames}")
    classes = len(follow)
    followed = min(followed, classes)
    age, phoneme = np.min_scalar_type(kept_frames + 1), np.min_scalar_type(classes - 1)
    nodes = (kept_frames, classes, followed)
    return Tables(
        follow=follow,
        beam=beam,
        young=np.full((min_frames, classes, followed), -np.inf),
        grown=np.full((classes, classes), -np.inf),
        grown_age=np.zeros((classes, classes), age),
        endings=np.tile(np.arange(followed, dtype=phoneme), (kept_frames, 1)),
        parent_age=np.zeros(nodes, age),
        parent_before=np.zeros(nodes, phoneme),
        ends=np.full((min_frames, followed, classes), -np.inf),
        posterior_sums=np.zeros((kept_frames, classes)),
    )


def best(tables: Tables, frame: int, gain: Floats, root_start: int) -> int:
    """Return the node of the best hypothesis whose last run began before ``frame``.

    frame:      the one that the search has come to.
    gain:       what each phoneme has gained until now, natural log, shape (phonemes,).
    root_start: where the root of all that is alive begins.
    Returns     that of the first of equal ones; -1 if there is none at all.
    Raises      ValueError for arrays that do not fit each other.
    """
    if not tables.is_for_c:
        return numpy_search.best(tables, frame, gain, root_start)
    return _native.best(
        *_sizes(tables), frame, root_start, *_hypotheses(tables), np.ascontiguousarray(gain)
    )


def _sizes(tables: Tables) -> tuple[int, int, int, int]:
    """Return what the C takes first: phonemes, least frames, followed, kept frames."""
    return len(tables.follow), len(tables.young), tables.followed, tables.kept_frames


def _hypotheses(tables: Tables) -> tuple[Floats, Floats, Small, Small]:
    """Return where the hypotheses stand, in the order of the C."""
    return tables.young, tables.grown, tables.grown_age, tables.endings


def living(tables: Tables, frame: int, root_start: int) -> tuple[Nodes, Nodes]:
    """Return the places, in order, and the nodes of the hypotheses that are still alive.

    frame:      the one that the search has come to.
    root_start: where the root of all that is alive begins.
    """
    if not tables.is_for_c:
        return numpy_search.living(tables, frame, root_start)
    places, nodes = np.empty((2, tables.young.size + tables.grown.size), np.int64)
    count = _native.living(
        *_sizes(tables), frame, root_start, *_hypotheses(tables), places, nodes
    )
    return places[:count], nodes[:count]


def give_up(tables: Tables, places: Nodes) -> None:
    """Take the hypotheses there out of the search."""
    young = tables.young.size
    tables.young.ravel()[places[places < young]] = -np.inf
    tables.grown.ravel()[places[places >= young] - young] = -np.inf


def ancestors(tables: Tables, nodes: Nodes, frame: int, root_start: int) -> Nodes:
    """Return from which node each of ``nodes`` comes that had begun at a frame, or before.

    nodes:      shape (nodes,), as the answer is.
    frame:      one of the kept frames, not before ``root_start``.
    root_start: where the root of all that is alive begins.
    Raises      ValueError for a node that does not come from an earlier one.
    """
    nodes = nodes.copy()
    if tables.is_for_c:
        _native.go_back(
            len(tables.follow),
            tables.followed,
            tables.kept_frames,
            frame,
            root_start,
            len(nodes),
            nodes,
            tables.endings,
            tables.parent_age,
            tables.parent_before,
        )
    else:
        numpy_search.go_back(tables, nodes, frame, root_start)
    return nodes


def passing(
    tables: Tables, nodes: Nodes, node: int, frame: int, root_start: int
) -> NDArray[np.bool_]:
    """Tell which of ``nodes`` come from ``node``, and left it at a frame, shape (nodes,).

    frame, root_start: as for ``ancestors``, but the frame is behind the start of the root.
    Raises             ValueError as ``ancestors`` does.
    """
    if not tables.is_for_c:
        return numpy_search.passing(tables, nodes, node, frame, root_start)
    found = np.empty(len(nodes), np.bool_)
    _native.passing(
        len(tables.follow),
        tables.followed,
        tables.kept_frames,
        node,
        frame,
        root_start,
        len(nodes),
        np.ascontiguousarray(nodes),
        tables.endings,
        tables.parent_age,
        tables.parent_before,
        found,
    )
    return found


def path_to(tables: Tables, node: int, root_start: int) -> list[int]:
    """Return the nodes from the root up to ``node``.

    Raises ValueError as ``ancestors`` does, and for more nodes than there are kept frames.
    """
    if not tables.is_for_c:
        return numpy_search.path_to(tables, node, root_start)
    path = np.empty(tables.kept_frames, np.int64)
    count = _native.path_to(
        len(tables.follow),
        tables.followed,
        tables.kept_frames,
        root_start,
        node,
        tables.endings,
        tables.parent_age,
        tables.parent_before,
        path,
    )
    found: list[int] = path[:count][::-1].tolist()
    return found


def best_path(
    tables: Tables, frame: int, gain: Floats, root_start: int, *, wants_shared: bool = True
) -> tuple[list[int], int]:
    """Return the nodes from the root up to that of ``best``, and how many first runs all share.

    A run is shared if it has the same start and end in everything that is alive; the last one
    of the path has no end yet. 0 if that is not wanted.
    frame, gain, root_start: as for ``best``.
    Raises                   ValueError as ``best`` and ``path_to`` do.
    """
    if not tables.is_for_c:
        return numpy_search.best_path(
            tables, frame, gain, root_start, wants_shared=wants_shared
        )
    path = np.empty(tables.kept_frames, np.int64)
    count, shared = _native.best_path(
        *_sizes(tables),
        frame,
        root_start,
        wants_shared,
        *_hypotheses(tables),
        tables.parent_age,
        tables.parent_before,
        np.ascontiguousarray(gain),
        path,
    )
    nodes: list[int] = path[:count].tolist()
    nodes.reverse()
    return nodes, shared


def advance(tables: Tables, first: int, gains: Floats, sums: Floats) -> None:
    """Take all hypotheses through frames, in place.

    first:       number of the first of them; the first of an utterance is 1.
    gains, sums: what the phonemes have gained, and their posteriors summed, until each frame,
                 shape (frames, phonemes).
    Raises       ValueError for arrays that do not fit each other.
    """
    if tables.is_for_c:
        _native.advance(
            *_sizes(tables),
            tables.beam,
            first,
            len(gains),
            tables.follow,
            *_hypotheses(tables),
            tables.parent_age,
            tables.parent_before,
            tables.ends,
            tables.posterior_sums,
            np.ascontiguousarray(gains),
            np.ascontiguousarray(sums),
        )
        return
    for frame, (gain, posterior_sum) in enumerate(zip(gains, sums, strict=True), first):
        numpy_search.advance(tables, frame, gain, posterior_sum)
