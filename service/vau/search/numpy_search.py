"""The search in numpy, which says what the C computes."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vau.search.tables import Floats, Nodes, Small, Standing, Tables

Told = tuple[int, int, int, float]
"""A run: its phoneme, its first frame, the frame behind its last, and its mean posterior."""


def push(tables: Tables, standing: Standing, rows: Floats, posteriors: Floats) -> list[Told]:
    """Take all hypotheses through frames, in place; return the runs that this settles."""
    until_now = tables.posterior_sums[standing.frame % tables.kept_frames]
    gains = np.add.accumulate(np.vstack([standing.gains[-1], rows - tables.prior]))[1:]
    sums = np.add.accumulate(np.vstack([until_now, posteriors]))[1:]
    settled: list[Told] = []
    for gain, posterior_sum in zip(gains, sums, strict=True):
        standing.frame += 1
        advance(tables, standing.frame, gain, posterior_sum)
        if standing.frame % tables.settling_frames == 0:
            settled += _give_up(tables, standing, gain)
    least, count = len(tables.young), len(rows)
    standing.gains[:] = np.concatenate([standing.gains, gains])[count : count + least]
    heard = np.concatenate([standing.rows, rows.astype(np.float32)])
    standing.rows[:] = heard[count : count + least - 1]
    return settled


def tell(tables: Tables, standing: Standing) -> tuple[list[Told], int]:
    """Return the runs of the best hypothesis behind what is settled, and how many now are.

    The last one is under way.
    """
    frame = standing.frame
    path = _best_path(tables, standing, standing.gains[-1])
    _, nodes = living(tables, frame, standing.root_start)
    shared = 0
    for before, after in pairwise(path):
        end = after // len(tables.follow) ** 2
        if not passing(tables, nodes, before, end, standing.root_start).all():
            break
        shared += 1
    runs = list(_runs(tables, standing, path, frame))
    _settle(tables, standing, path[: shared + 1])
    return runs, shared


def _give_up(tables: Tables, standing: Standing, gain: Floats) -> list[Told]:
    """Give up what disagrees with the best hypothesis about a past too long ago, and settle it.

    Returns the runs that this settles.
    """
    frame, settled = standing.frame, []
    decided = frame - tables.decided_frames
    of_best = _best_path(tables, standing, gain)
    if decided > standing.root_start:
        places, then = living(tables, frame, standing.root_start)
        go_back(tables, then, decided, standing.root_start)
        path = _begun(tables, of_best, decided)
        _drop(tables, places[then != path[-1]])
        settled += _settle(tables, standing, path)
        of_best = of_best[len(path) - 1 :]
    path = _begun(tables, of_best, frame - tables.look_back_frames)
    if len(path) > 1:
        places, nodes = living(tables, frame, standing.root_start)
        end = path[-1] // len(tables.follow) ** 2
        passes = passing(tables, nodes, path[-2], end, standing.root_start)
        _drop(tables, places[~passes])
        settled += _settle(tables, standing, path)
    return settled


def _begun(tables: Tables, path: list[int], frame: int) -> list[int]:
    """Return the nodes of a path that had begun at a frame."""
    return [node for node in path if node < (frame + 1) * len(tables.follow) ** 2]


def _best_path(tables: Tables, standing: Standing, gain: Floats) -> list[int]:
    """Return the nodes from the root up to the best one."""
    node = best(tables, standing.frame, gain, standing.root_start)
    if node < 0:
        raise ValueError("no hypothesis is alive")
    return path_to(tables, node, standing.root_start)


def _drop(tables: Tables, places: Nodes) -> None:
    """Take the hypotheses there out of the search."""
    young = tables.young.size
    tables.young.ravel()[places[places < young]] = -np.inf
    tables.grown.ravel()[places[places >= young] - young] = -np.inf


def _settle(tables: Tables, standing: Standing, path: list[int]) -> list[Told]:
    """Let the last node of a path be the root; return the runs before it."""
    root_start = path[-1] // len(tables.follow) ** 2
    if root_start <= standing.root_start:
        return []
    settled = list(_runs(tables, standing, path[:-1], root_start))
    sums = tables.posterior_sums[root_start % tables.kept_frames]
    standing.root_start, standing.root_posterior_sums[:] = root_start, sums
    return settled


def _runs(tables: Tables, standing: Standing, path: list[int], end: int) -> Iterator[Told]:
    """Yield the runs of a path from the root on, of which the last ends at a frame."""
    classes, sums = len(tables.follow), tables.posterior_sums
    starts = [node // classes**2 for node in path]
    for node, start, end_frame in zip(path, starts, [*starts[1:], end], strict=True):
        phoneme = node // classes % classes
        until_start = (
            standing.root_posterior_sums
            if start == standing.root_start
            else sums[start % tables.kept_frames]
        )
        posterior = sums[end_frame % tables.kept_frames, phoneme] - until_start[phoneme]
        yield phoneme, start, end_frame, float(posterior) / (end_frame - start)


def advance(tables: Tables, frame: int, gain: Floats, posterior_sum: Floats) -> None:
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


def begin(tables: Tables, frame: int, gain: Floats, ages: Small) -> None:
    """Begin the runs of ``frame`` behind what ``tables`` say may end there.

    ages: of these, by rank and by the phoneme before.
    """
    classes = np.arange(len(tables.follow))
    layer, row = frame % len(tables.young), frame % tables.kept_frames
    ranks = np.arange(tables.followed)[:, np.newaxis]
    reached = tables.follow.take(tables.endings[row], axis=0)  # shape (ranks, before, next)
    reached += tables.ends[layer][:, :, np.newaxis]
    context = reached.argmax(axis=1)
    tables.young[layer] = (reached[ranks, context, classes] - gain).T
    tables.parent_age[row] = ages[ranks, context].T
    tables.parent_before[row] = context.T


def best(tables: Tables, frame: int, gain: Floats, root_start: int) -> int:
    """Return the node of the best hypothesis whose last run began before ``frame``, or -1."""
    young, grown = (table + gain[:, np.newaxis] for table in (tables.young, tables.grown))
    young[frame % len(young)] = -np.inf
    scores = np.concatenate([young, grown], axis=None)
    place = int(scores.argmax())
    if scores[place] == -np.inf:
        return -1
    return int(_nodes_at(tables, np.array([place]), frame, root_start)[0])


def living(tables: Tables, frame: int, root_start: int) -> tuple[Nodes, Nodes]:
    """Return the places, in order, and the nodes of the hypotheses that are still alive."""
    scores = np.concatenate([tables.young, tables.grown], axis=None)
    places = np.flatnonzero(scores > -np.inf)
    return places, _nodes_at(tables, places, frame, root_start)


def go_back(tables: Tables, nodes: Nodes, frame: int, root_start: int) -> None:
    """Go from nodes, in place, back to those that had begun at a frame, or before.

    Raises ValueError for a node that does not come from an earlier one: it would never end.
    """
    later = (frame + 1) * len(tables.follow) ** 2
    while len(young := np.flatnonzero(nodes >= later)):
        nodes[young] = _parents(tables, nodes[young], root_start)


def passing(
    tables: Tables, nodes: Nodes, node: int, frame: int, root_start: int
) -> NDArray[np.bool_]:
    """Tell which of ``nodes`` come from ``node``, and left it at a frame."""
    there = nodes.copy()
    go_back(tables, there, frame, root_start)
    found: NDArray[np.bool_] = there // len(tables.follow) ** 2 == frame
    found[found] = _parents(tables, there[found], root_start) == node
    return found


def path_to(tables: Tables, node: int, root_start: int) -> list[int]:
    """Return the nodes from the root up to ``node``."""
    path = [node]
    while path[-1] // len(tables.follow) ** 2 > root_start:
        if len(path) == tables.kept_frames:
            raise ValueError("a path has more nodes than frames are kept")
        path.append(int(_parents(tables, np.array(path[-1:]), root_start)[0]))
    return path[::-1]


def _nodes_at(tables: Tables, places: Nodes, frame: int, root_start: int) -> Nodes:
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


def _parents(tables: Tables, nodes: Nodes, root_start: int) -> Nodes:
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
    tables: Tables, frame: int | NDArray[np.int64], ages: Small, root_start: int
) -> Nodes:
    """Return when runs began that have these ages at a frame."""
    return np.where(ages == tables.oldest, root_start, frame - ages.astype(np.int64))
