"""What a search remembers of the runs that have begun: which each of them followed.

A run in the context of what was before it is a *node*, the number
``(start_frame * phonemes + phoneme) * phonemes + phoneme_before``. The *root* is where what is
stable ends: all that is alive begins there or later.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from vau.checkpoint.form import Reader, Writer
from vau.decode.lineage import Bounds, Lineage, Node, lineage_of, restore_lineage
from vau.decode.runs import Run
from vau.search import Tables, ancestors

Floats = NDArray[np.float64]
Nodes = NDArray[np.int64]


class Past:
    """The nodes of the last frames, and what their runs' confidence is made of."""

    def __init__(self, tables: Tables) -> None:
        """Begin at the first frame; the search fills its tables."""
        self._tables = tables
        self._phonemes = len(tables.follow)
        self._per_frame = self._phonemes**2
        self.root_start = 0
        self._root_posterior_sums = np.zeros(self._phonemes)

    def followed(self, frame: int) -> Nodes:
        """Return what the runs that begin there follow, by phoneme and the one before it."""
        followed: Nodes = self._tables.before[self._kept(frame)]
        return followed

    def nodes(self, places: Nodes) -> Nodes:
        """Return in which node each of the hypotheses at ``places`` is."""
        starts = self._tables.start.ravel()[places]
        nodes: Nodes = starts * self._per_frame + places % self._per_frame
        return nodes

    def start_of(self, node: int) -> int:
        """Return the frame at which a node begins."""
        return node // self._per_frame

    def passing(self, places: Nodes, node: int, after: int) -> NDArray[np.bool_]:
        """Tell which hypotheses come from ``node``, and left it where ``after`` begins."""
        start = self.start_of(after)
        nodes = ancestors(self._tables, places, start)
        parents = self._tables.before.ravel()[nodes % self._tables.before.size]
        passing: NDArray[np.bool_] = (nodes // self._per_frame == start) & (parents == node)
        return passing

    def path_to(self, node: int) -> list[int]:
        """Return the nodes from the root up to ``node``."""
        path = [node]
        while self.start_of(path[-1]) > self.root_start:
            path.append(self._parent(path[-1]))
        return path[::-1]

    def runs(self, path: list[int], end: int) -> Iterator[Run]:
        """Yield the runs of a path from the root on, of which the last ends at a frame."""
        starts = [self.start_of(node) for node in path]
        for node, start, end_frame in zip(path, starts, [*starts[1:], end], strict=True):
            class_id = node // self._phonemes % self._phonemes
            posterior_sum = (
                self._tables.posterior_sums[self._kept(end_frame), class_id]
                - self.sums_at(start)[class_id]
            )
            yield Run(class_id, start, end_frame, float(posterior_sum) / (end_frame - start))

    def settle(self, root_start: int) -> None:
        """Move the root on to a later frame."""
        self._root_posterior_sums = self._tables.posterior_sums[self._kept(root_start)].copy()
        self.root_start = root_start

    def sums_at(self, frame: int) -> Floats:
        """Return the sums of the posteriors until a frame, which is the root or behind it."""
        if frame == self.root_start:
            return self._root_posterior_sums
        sums: Floats = self._tables.posterior_sums[self._kept(frame)]
        return sums

    def note_sums(self, frame: int, sums: Floats) -> None:
        """Note the sums of the posteriors until a frame."""
        self._tables.posterior_sums[self._kept(frame)] = sums

    # --- written down

    def node(self, number: int) -> Node:
        """Take apart what one number says."""
        run, before = divmod(int(number), self._phonemes)
        return Node(*divmod(run, self._phonemes), before)

    def lineage(self, leaves: Iterable[int]) -> Lineage:
        """Gather these nodes, and those that they come from."""
        parents: dict[int, int] = {}
        leaves = list(leaves)
        waiting = leaves.copy()
        while waiting:
            node = waiting.pop()
            if self.start_of(node) > self.root_start and node not in parents:
                parents[node] = self._parent(node)
                waiting.append(parents[node])
        return lineage_of(
            {self.node(node): self.node(parent) for node, parent in parents.items()},
            map(self.node, leaves),
        )

    def save(self, lineage: Lineage, out: Writer, latest_start: int) -> None:
        """Write down a lineage, none of it later than that, and the sums that belong to it."""
        lineage.save(out, latest_start)
        for frame, phoneme in lineage.posterior_places(self.root_start):
            out.real(self.sums_at(frame)[phoneme])

    def restore(self, saved: Reader, root_start: int, latest_start: int) -> Lineage:
        """Remember what was written down, and return it.

        Raises ResumeInvalid for what ``save`` never writes.
        """
        bounds = Bounds(root_start, latest_start, len(self._tables.before), self._phonemes)
        lineage = restore_lineage(saved, bounds)
        self.root_start = root_start
        for node, parent in zip(lineage.nodes, lineage.parents, strict=True):
            if parent is not None:
                kept = self.followed(node.start_frame)
                kept[node.phoneme, node.phoneme_before] = self._number(lineage.nodes[parent])
        for frame, phoneme in lineage.posterior_places(root_start):
            self.sums_at(frame)[phoneme] = saved.real()
        return lineage

    def _number(self, node: Node) -> int:
        run = node.start_frame * self._phonemes + node.phoneme
        return run * self._phonemes + node.phoneme_before

    def _parent(self, node: int) -> int:
        return int(self._tables.before.ravel()[node % self._tables.before.size])

    def _kept(self, frame: int) -> int:
        """Return in which row something about ``frame`` is remembered."""
        return frame % len(self._tables.before)
