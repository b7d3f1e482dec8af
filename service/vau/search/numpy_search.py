"""The search in numpy, which says what the C computes."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vau.search import Tables


def advance(
    tables: "Tables", frame: int, gain: NDArray[np.float64], posterior_sum: NDArray[np.float64]
) -> None:
    """Move every hypothesis on to ``frame``, and begin the runs that may follow."""
    classes = np.arange(len(tables.follow))
    layer = frame % (len(tables.score) - 1)
    score, start, longest = tables.score[layer], tables.start[layer], tables.score[-1]
    np.copyto(tables.start[-1], start, where=score > longest)
    np.maximum(score, longest, out=longest)
    ends = longest + gain[:, np.newaxis]  # shape (phonemes, phonemes before)
    best = ends[classes, ends.argmax(axis=1)]
    longest[ends < best.max() - tables.beam] = -np.inf
    endings = best.argsort(kind="stable")[-tables.followed :]
    tables.endings[layer], tables.ends[layer] = endings, ends[endings]
    tables.posterior_sums[frame % len(tables.before)] = posterior_sum
    begin(tables, frame, gain, tables.start[-1][endings])


def begin(
    tables: "Tables", frame: int, gain: NDArray[np.float64], starts: NDArray[np.int64]
) -> None:
    """Begin the runs of ``frame`` behind what ``tables`` say may end there.

    starts: when these began, by phoneme as in ``tables.endings`` and by the one before.
    """
    classes = np.arange(len(tables.follow))
    layer, kept = frame % (len(tables.score) - 1), frame % len(tables.before)
    endings, score = tables.endings[layer], tables.score[layer]
    ranks = np.arange(len(endings))[:, np.newaxis]
    reached = tables.follow.take(endings, axis=0)  # shape (endings, next, before)
    reached += tables.ends[layer][:, np.newaxis]
    context = reached.argmax(axis=2)
    score.fill(-np.inf)
    score[:, endings] = (reached[ranks, classes, context] - gain).T
    tables.start[layer].fill(frame)
    nodes = endings[:, np.newaxis] * len(classes) + classes
    nodes += starts * len(classes) ** 2
    tables.before[kept][:, endings] = nodes[ranks, context].T


def best(tables: "Tables", frame: int, gain: NDArray[np.float64]) -> int:
    """Return the place of the best hypothesis whose last run began before ``frame``."""
    scores = np.where(tables.start < frame, tables.score, -np.inf)
    return int((scores + gain[:, np.newaxis]).argmax())


def living(tables: "Tables") -> NDArray[np.int64]:
    """Return the places of the hypotheses that are still alive, in order."""
    return np.flatnonzero(tables.score > -np.inf)


def go_back(tables: "Tables", nodes: NDArray[np.int64], later: int) -> None:
    """Go from nodes, in place, back to those that are below ``later``.

    Raises ValueError for a node that does not come from an earlier one: it would never end.
    """
    while len(young := np.flatnonzero(nodes >= later)):
        earlier = tables.before.ravel()[nodes[young] % tables.before.size]
        if (earlier >= nodes[young]).any():
            raise ValueError("a node follows one that is not before it")
        nodes[young] = earlier
