"""What is alive of a search, written down and read in the same order.

The runs that have just begun are many and follow few: what they went on from is written, and
they are begun again from it.
"""

from collections.abc import Sequence
from math import prod
from typing import Final

import numpy as np

from vau.checkpoint.form import Reader, Writer, damaged
from vau.decode.lineage import Lineage
from vau.decode.past import Past
from vau.decode.runs import Run, restore_runs, save_runs
from vau.decode.scores import scores_of
from vau.search import Floats, Nodes, Standing, Tables, numpy_search

MOST_FRAMES: Final = 1 << 40  # of one utterance: three centuries


class SavedForm:
    """What a search fills and moves, as bytes."""

    def __init__(self, tables: Tables, standing: Standing) -> None:
        """Take it, to write it down or to fill it."""
        self._tables, self._standing = tables, standing
        self._past = Past(tables, standing)
        self._classes, self._min_frames = len(tables.follow), len(tables.young)

    def save(self, stable: Sequence[Run], out: Writer) -> None:
        """Write down what is alive, what it comes from, and the runs that are stable."""
        out.count(self._standing.frame)
        if not self._standing.frame:
            return
        out.count(self._standing.frame - self._standing.root_start)
        scores, longest = self._longest()
        followed = [self._followed(frame) for frame in self._young()]
        leaves = np.concatenate([longest, *followed])
        lineage = self._past.lineage(leaves.tolist())
        self._past.save(lineage, out, self._latest_start())
        self._save_longest(scores, longest, out, lineage)
        self._save_beginnings(out, followed, lineage)
        save_runs(stable, out)

    def restore(self, saved: Reader) -> list[Run]:
        """Fill an empty search, and return the runs that are stable.

        Raises ResumeInvalid for what ``save`` never writes.
        """
        self._standing.frame = saved.count(most=MOST_FRAMES)
        if not self._standing.frame:
            return []
        root_start = self._standing.frame - saved.count(most=self._standing.frame)
        lineage = self._past.restore(saved, root_start, self._latest_start())
        self._restore_longest(saved, lineage)
        self._restore_beginnings(saved, lineage)
        if root_start in self._young():
            self._past.settle(root_start)
        stable = restore_runs(saved, self._classes, root_start)
        if self._past.best() not in self._past.living()[1]:
            raise damaged("no hypothesis")
        return stable

    def _row(self, frame: int) -> int:
        """Return in which row of the tables something about ``frame`` is remembered."""
        return frame % self._tables.kept_frames

    def _young(self) -> range:
        """Return the frames at which those runs began that are not long enough to end."""
        return range(
            max(1, self._standing.frame - self._min_frames + 1), self._standing.frame + 1
        )

    def _latest_start(self) -> int:
        """Return the frame at which, or before, those runs began that may end."""
        return max(0, self._standing.frame - self._min_frames)

    def _longest(self) -> tuple[Floats, Nodes]:
        """Return the scores and nodes of the living hypotheses that may end."""
        places, nodes = self._past.living()
        grown = places - self._tables.young.size
        return self._tables.grown.ravel()[grown[grown >= 0]], nodes[grown >= 0]

    def _followed(self, frame: int) -> Nodes:
        """Return, each once, the nodes that those runs follow which began at ``frame``."""
        alive = self._tables.young[frame % self._min_frames] > -np.inf
        return np.unique(self._past.followed(frame)[alive])

    def _save_longest(
        self, scores: Floats, nodes: Nodes, out: Writer, lineage: Lineage
    ) -> None:
        """Write the hypotheses that may end, with their scores."""
        numbers = lineage.numbers
        out.count(len(nodes))
        for score, node in zip(scores, nodes, strict=True):
            out.count(numbers[self._past.node(node)])
            out.real(score)

    def _restore_longest(self, saved: Reader, lineage: Lineage) -> None:
        for _ in range(saved.count(most=len(lineage.nodes))):
            node = lineage.nodes[saved.count(most=len(lineage.nodes) - 1)]
            hypothesis = node.phoneme, node.phoneme_before
            age = min(self._standing.frame - node.start_frame, self._tables.oldest)
            self._tables.grown[hypothesis], self._tables.grown_age[hypothesis] = (
                saved.real(),
                age,
            )

    def _save_beginnings(
        self, out: Writer, followed: Sequence[Nodes], lineage: Lineage
    ) -> None:
        """Write what the young runs went on from, and which of them are alive."""
        numbers, young = lineage.numbers, self._young()
        out.array(self._standing.gains[-len(young)], "<f8")
        out.array(self._past.sums_at(young[0]), "<f8")
        out.array(self._standing.rows[len(self._standing.rows) - len(young) + 1 :], "<f4")
        for frame, nodes in zip(young, followed, strict=True):
            layer, of_frame = frame % self._min_frames, self._tables.endings[self._row(frame)]
            endings = of_frame.tolist()
            out.array(of_frame, "<u2")
            out.count(len(nodes))
            for node in map(self._past.node, nodes):
                out.count(numbers[node])
                rank = endings.index(node.phoneme)
                out.real(self._tables.ends[layer, rank, node.phoneme_before])
            out.array(np.packbits(self._tables.young[layer] > -np.inf), "u1")

    def _restore_beginnings(self, saved: Reader, lineage: Lineage) -> None:
        """Begin the young runs again, and give up those that were."""
        young = self._young()
        gain = saved.array("<f8", (self._classes,))
        posterior_sum = saved.array("<f8", (self._classes,))
        log_prob = saved.array("<f4", (len(young) - 1, self._classes))
        if (log_prob > 1.0).any():
            raise damaged("a probability that is none")
        rows, posteriors = scores_of(log_prob)
        gains = np.add.accumulate(np.vstack([gain, rows - self._tables.prior]))
        sums = np.add.accumulate(np.vstack([posterior_sum, posteriors]))
        standing = self._standing
        standing.gains[-len(young) :] = gains
        standing.rows[len(standing.rows) - len(rows) :] = rows
        for frame, gain, posterior_sum in zip(young, gains, sums, strict=True):
            self._past.note_sums(frame, posterior_sum)
            self._restore_beginning(saved, lineage, frame, gain)

    def _restore_beginning(
        self, saved: Reader, lineage: Lineage, frame: int, gain: Floats
    ) -> None:
        tables, layer = self._tables, frame % self._min_frames
        endings = saved.array("<u2", (tables.followed,)).astype(np.int64)
        if (endings >= self._classes).any() or (np.diff(endings) <= 0).any():
            raise damaged("phonemes that there are not, or in disorder")
        ages = np.zeros((tables.followed, self._classes), tables.grown_age.dtype)
        tables.endings[self._row(frame)] = endings
        for _ in range(saved.count(most=len(lineage.nodes))):
            node = lineage.nodes[saved.count(most=len(lineage.nodes) - 1)]
            rank = np.flatnonzero(endings == node.phoneme)
            tables.ends[layer, rank, node.phoneme_before] = saved.real()
            ages[rank, node.phoneme_before] = min(frame - node.start_frame, tables.oldest)
        numpy_search.begin(tables, frame, gain, ages)
        shape = (self._classes, tables.followed)
        packed = saved.array("u1", (-(-prod(shape) // 8),))
        alive = np.unpackbits(packed, count=prod(shape)).reshape(shape)
        tables.young[layer] = np.where(alive, tables.young[layer], -np.inf)
