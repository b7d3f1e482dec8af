"""Where the living hypotheses of a search come from, written down.

A search remembers for each run that might have begun in the last half second which run it
follows: ten thousand links, of which what is alive needs a score. A *node* is a run in the
context of the phoneme before it, see ``vau.decode.past``; a lineage is the nodes that
something alive descends from, back to the *root*: the frame at which what is stable ends, and
before which nothing matters.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vau.checkpoint.form import Reader, Writer, damaged


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """A run that has begun, in its context."""

    start_frame: int
    phoneme: int
    phoneme_before: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a lineage may be."""

    root_start: int
    """Only of what begins after it is it known what it follows."""

    latest_start: int
    kept_frames: int
    """And only of so many frames."""

    phonemes: int


@dataclass(frozen=True, slots=True)
class Lineage:
    """Nodes in the order of their numbers: none has a higher one than what follows it."""

    nodes: tuple[Node, ...]
    parents: tuple[int | None, ...]
    """Of each node the number of the one that it follows; None at the root and before."""

    @property
    def numbers(self) -> dict[Node, int]:
        """The number of each node."""
        return {node: number for number, node in enumerate(self.nodes)}

    def posterior_places(self, root_start: int) -> list[tuple[int, int]]:
        """Return the frames and phonemes whose sums of posteriors are still needed.

        For the confidence of a run these are its phoneme's, where it starts and where it ends.
        """
        places: set[tuple[int, int]] = set()
        for node in self.nodes:
            if node.start_frame >= root_start:
                places.add((node.start_frame, node.phoneme))
            if node.start_frame > root_start:
                places.add((node.start_frame, node.phoneme_before))
        return sorted(places)

    def save(self, out: Writer, latest_start: int) -> None:
        """Write it down."""
        out.count(len(self.nodes))
        for node, parent in zip(self.nodes, self.parents, strict=True):
            out.count(latest_start - node.start_frame)
            out.count(node.phoneme)
            out.count(node.phoneme_before)
            if parent is not None:
                out.count(parent)


def lineage_of(parents: Mapping[Node, Node], leaves: Iterable[Node]) -> Lineage:
    """Give a number to each of the leaves, and to all that has a parent or is one."""
    nodes = sorted({*leaves, *parents, *parents.values()})
    numbers = {node: number for number, node in enumerate(nodes)}
    return Lineage(
        tuple(nodes),
        tuple(numbers[parents[node]] if node in parents else None for node in nodes),
    )


def restore_lineage(saved: Reader, bounds: Bounds) -> Lineage:
    """Read what ``save`` wrote. Raises ResumeInvalid for what no search leaves behind."""
    nodes: list[Node] = []
    parents: list[int | None] = []
    for number in range(saved.count(most=saved.left)):
        start = bounds.latest_start - saved.count(most=bounds.latest_start)
        phoneme, before = (saved.count(most=bounds.phonemes - 1) for _ in range(2))
        node, parent = Node(start, phoneme, before), None
        if start > bounds.root_start:
            parent = saved.count(most=number - 1) if number else None
            _check_descent(node, None if parent is None else nodes[parent], bounds)
        nodes.append(node)
        parents.append(parent)
    return Lineage(tuple(nodes), tuple(parents))


def _check_descent(node: Node, parent: Node | None, bounds: Bounds) -> None:
    """Raise ResumeInvalid unless ``node`` can be what followed ``parent``."""
    follows = (
        parent is not None
        and parent.start_frame < node.start_frame
        and parent.phoneme == node.phoneme_before
    )
    if not follows or node.start_frame <= bounds.latest_start - bounds.kept_frames:
        raise damaged("a run that follows none")
