"""The search in numpy, which says what the C computes."""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vau.search import Floats, Nodes, Small, Tables


def advance(tables: "Tables", frame: int, gain: "Floats", posterior_sum: "Floats") -> None:
    """Move every hypothesis on to ``frame``, and begin the runs that may follow."""
    min_frames, classes = len(tables.young), np.arange(len(tables.follow))
    layer, row = frame % min_frames, frame % tables.kept_frames
    grown, age = tables.grown, tables.grown_age
    np.add(age, 1, out=age, where=age < tables.oldest, casting="unsafe")
    before = tables.endings[(frame - min_frames) % tables.kept_frames]
    is_better = tables.young[layer] > grown[:, before]
    grown[:, before] = np.where(is_better, tables.young[layer], grown[:, before])
    age[:, before] = np.where(is_better, min_frames, age[:, before])
    ends = grown + gain[:, np.newaxis]  # shape (phonemes, phonemes before)
    best = ends[classes, ends.argmax(axis=1)]
    grown[ends < best.max() - tables.beam] = -np.inf
    endings = np.sort(best.argsort(kind="stable")[-tables.followed :])
    tables.endings[row], tables.ends[layer] = endings, ends[endings]
    tables.posterior_sums[row] = posterior_sum
    begin(tables, frame, gain, age[endings])


def begin(tables: "Tables", frame: int, gain: "Floats", ages: "Small") -> None:
    """Begin the runs of ``frame`` behind what ``tables`` say may end there.

    ages: of these, by rank and by the phoneme before.
    """
    classes = np.arange(len(tables.follow))
    layer, row = frame % len(tables.young), frame % tables.kept_frames
    ranks = np.arange(tables.followed)[:, np.newaxis]
    reached = tables.follow.take(tables.endings[row], axis=0)  # shape (ranks, next, before)
    reached += tables.ends[layer][:, np.newaxis]
    context = reached.argmax(axis=2)
    tables.young[layer] = (reached[ranks, classes, context] - gain).T
    tables.parent_age[row] = ages[ranks, context].T
    tables.parent_before[row] = context.T


def best(tables: "Tables", frame: int, gain: "Floats", root_start: int) -> int:
    """Return the node of the best hypothesis whose last run began before ``frame``, or -1."""
    young, grown = (table + gain[:, np.newaxis] for table in (tables.young, tables.grown))
    young[frame % len(young)] = -np.inf
    scores = np.concatenate([young, grown], axis=None)
    place = int(scores.argmax())
    if scores[place] == -np.inf:
        return -1
    return int(_nodes_at(tables, np.array([place]), frame, root_start)[0])


def living(tables: "Tables", frame: int, root_start: int) -> "tuple[Nodes, Nodes]":
    """Return the places, in order, and the nodes of the hypotheses that are still alive."""
    scores = np.concatenate([tables.young, tables.grown], axis=None)
    places = np.flatnonzero(scores > -np.inf)
    return places, _nodes_at(tables, places, frame, root_start)


def go_back(tables: "Tables", nodes: "Nodes", frame: int, root_start: int) -> None:
    """Go from nodes, in place, back to those that had begun at a frame, or before.

    Raises ValueError for a node that does not come from an earlier one: it would never end.
    """
    later = (frame + 1) * len(tables.follow) ** 2
    while len(young := np.flatnonzero(nodes >= later)):
        nodes[young] = _parents(tables, nodes[young], root_start)


def passing(
    tables: "Tables", nodes: "Nodes", node: int, frame: int, root_start: int
) -> NDArray[np.bool_]:
    """Tell which of ``nodes`` come from ``node``, and left it at a frame."""
    there = nodes.copy()
    go_back(tables, there, frame, root_start)
    found: NDArray[np.bool_] = there // len(tables.follow) ** 2 == frame
    found[found] = _parents(tables, there[found], root_start) == node
    return found


def path_to(tables: "Tables", node: int, root_start: int) -> list[int]:
    """Return the nodes from the root up to ``node``."""
    path = [node]
    while path[-1] // len(tables.follow) ** 2 > root_start:
        if len(path) == tables.kept_frames:
            raise ValueError("a path has more nodes than frames are kept")
        path.append(int(_parents(tables, np.array(path[-1:]), root_start)[0]))
    return path[::-1]


def best_path(
    tables: "Tables", frame: int, gain: "Floats", root_start: int, *, wants_shared: bool
) -> tuple[list[int], int]:
    """Return the nodes from the root up to the best one, and how many first runs all share."""
    path, shared = path_to(tables, best(tables, frame, gain, root_start), root_start), 0
    if not wants_shared:
        return path, shared
    _, nodes = living(tables, frame, root_start)
    for node, after in pairwise(path):
        end = after // len(tables.follow) ** 2
        if not passing(tables, nodes, node, end, root_start).all():
            break
        shared += 1
    return path, shared


def _nodes_at(tables: "Tables", places: "Nodes", frame: int, root_start: int) -> "Nodes":
    """Return in which node each of the hypotheses at ``places`` is."""
    classes, young = len(tables.follow), tables.young.size
    layers, phonemes, ranks = np.unravel_index(places[places < young], tables.young.shape)
    starts = frame - (frame - layers) % len(tables.young)
    before = tables.endings[starts % tables.kept_frames, ranks].astype(np.int64)
    grown = places[places >= young] - young
    nodes = np.empty(len(places), np.int64)
    nodes[places < young] = (starts * classes + phonemes) * classes + before
    starts = _starts(tables, frame, tables.grown_age.ravel()[grown], root_start)
    nodes[places >= young] = starts * classes**2 + grown
    return nodes


def _parents(tables: "Tables", nodes: "Nodes", root_start: int) -> "Nodes":
    """Return the node that each of ``nodes`` followed."""
    classes = len(tables.follow)
    start, phoneme = np.divmod(nodes // classes, classes)
    before, row = nodes % classes, start % tables.kept_frames
    is_rank = tables.endings[row] == before[:, np.newaxis]
    rank = is_rank.argmax(axis=1)
    starts = _starts(tables, start, tables.parent_age[row, phoneme, rank], root_start)
    if not is_rank.any(axis=1).all() or ((starts < 0) | (starts >= start)).any():
        raise ValueError("a node follows one that is not before it")
    starts = (starts * classes + before) * classes
    starts += tables.parent_before[row, phoneme, rank]
    return starts


def _starts(
    tables: "Tables", frame: "int | NDArray[np.int64]", ages: "Small", root_start: int
) -> "Nodes":
    """Return when runs began that have these ages at a frame."""
    return np.where(ages == tables.oldest, root_start, frame - ages.astype(np.int64))
