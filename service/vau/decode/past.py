"""What a search remembers of the runs that have begun: which each of them followed.

A run in the context of what was before it is a *node*, the number
``(start_frame * phonemes + phoneme) * phonemes + phoneme_before``. The *root* is where what is
stable ends: all that is alive begins there or later, see ``vau.search.Standing``.
"""

from collections.abc import Iterable

import numpy as np

from vau import search
from vau.checkpoint.form import Reader, Writer, damaged
from vau.decode.lineage import Bounds, Lineage, Node, lineage_of, restore_lineage
from vau.search import Floats, Nodes, Standing, Tables, numpy_search


class Past:
    """The nodes of the last frames, and what their runs' confidence is made of."""

    def __init__(self, tables: Tables, standing: Standing) -> None:
        """Take what a search fills and moves, to look at it."""
        self._tables = tables
        self._standing = standing
        self._phonemes = len(tables.follow)

    def followed(self, frame: int) -> Nodes:
        """Return what the runs that begin there follow, by phoneme and rank of the one before.

        Of what began long before the root, where nobody asks any more, the start is 0.
        """
        tables, row = self._tables, self._row(frame)
        ages = tables.parent_age[row]
        root_start = self._standing.root_start
        oldest_start = root_start if frame > root_start else 0
        starts = np.where(ages == tables.oldest, oldest_start, frame - ages.astype(np.int64))
        runs = starts * self._phonemes + tables.endings[row]
        nodes: Nodes = runs * self._phonemes + tables.parent_before[row]
        return nodes

    def living(self) -> tuple[Nodes, Nodes]:
        """Return the places and nodes of all that is alive."""
        return search.living(self._tables, self._standing)

    def best(self) -> int:
        """Return the node of the best of it whose last run has a frame at least, or -1."""
        now = self._standing
        return numpy_search.best(self._tables, now.frame, now.gains[-1], now.root_start)

    def settle(self, root_start: int) -> None:
        """Let the root begin at one of the frames whose sums are known."""
        self._standing.root_posterior_sums[:] = self._tables.posterior_sums[
            self._row(root_start)
        ]
        self._standing.root_start = root_start

    def sums_at(self, frame: int) -> Floats:
        """Return the sums of the posteriors until a frame, which is the root or behind it."""
        if frame == self._standing.root_start:
            return self._standing.root_posterior_sums
        sums: Floats = self._tables.posterior_sums[self._row(frame)]
        return sums

    def note_sums(self, frame: int, sums: Floats) -> None:
        """Note the sums of the posteriors until a frame."""
        self._tables.posterior_sums[self._row(frame)] = sums

    # --- written down

    def node(self, number: int) -> Node:
        """Take apart what one number says."""
        run, before = divmod(int(number), self._phonemes)
        return Node(*divmod(run, self._phonemes), before)

    def lineage(self, leaves: Iterable[int]) -> Lineage:
        """Gather these nodes, and those that they come from."""
        parents: dict[int, int] = {}
        leaves = list(leaves)
        for leaf in leaves:
            if leaf not in parents:
                path = search.path_to(self._tables, self._standing, leaf)
                parents.update(zip(path[1:], path[:-1], strict=True))
        return lineage_of(
            {self.node(node): self.node(parent) for node, parent in parents.items()},
            map(self.node, leaves),
        )

    def save(self, lineage: Lineage, out: Writer, latest_start: int) -> None:
        """Write down a lineage, none of it later than that, and the sums that belong to it."""
        lineage.save(out, latest_start)
        for frame, phoneme in lineage.posterior_places(self._standing.root_start):
            out.real(self.sums_at(frame)[phoneme])

    def restore(self, saved: Reader, root_start: int, latest_start: int) -> Lineage:
        """Remember what was written down, and return it.

        Raises ResumeInvalid for what ``save`` never writes.
        """
        bounds = Bounds(root_start, latest_start, self._tables.kept_frames, self._phonemes)
        lineage = restore_lineage(saved, bounds)
        self._standing.root_start = root_start
        followed: dict[int, set[int]] = {}
        for node in lineage.nodes:
            if node.start_frame > root_start:
                followed.setdefault(node.start_frame, set()).add(node.phoneme_before)
        for frame, phonemes in followed.items():
            self._give_ranks(frame, sorted(phonemes))
        for node, parent in zip(lineage.nodes, lineage.parents, strict=True):
            if parent is not None:
                self._let_follow(node, lineage.nodes[parent])
        for frame, phoneme in lineage.posterior_places(root_start):
            self.sums_at(frame)[phoneme] = saved.real()
        return lineage

    def _give_ranks(self, frame: int, phonemes: list[int]) -> None:
        """Note that these are followed there; others are not known of any more."""
        endings = self._tables.endings[self._row(frame)]
        if len(phonemes) > len(endings):
            raise damaged("too many phonemes that are followed at a frame")
        endings[:] = phonemes[0]
        endings[: len(phonemes)] = phonemes

    def _let_follow(self, node: Node, parent: Node) -> None:
        """Note that a run followed another one."""
        tables, row = self._tables, self._row(node.start_frame)
        rank = tables.endings[row].tolist().index(node.phoneme_before)
        age = min(node.start_frame - parent.start_frame, tables.oldest)
        tables.parent_age[row, node.phoneme, rank] = age
        tables.parent_before[row, node.phoneme, rank] = parent.phoneme_before

    def _row(self, frame: int) -> int:
        """Return in which row something about ``frame`` is remembered."""
        return frame % self._tables.kept_frames
