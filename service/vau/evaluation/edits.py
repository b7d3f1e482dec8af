"""What was said beside what was heard: the cheapest alignment, and the edits in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Pair: TypeAlias = tuple[str | None, str | None]
"""A phone that was said and the one heard for it; None said is an insertion, None heard a
deletion."""


@dataclass(frozen=True, slots=True)
class Edits:
    """What turns a reference into what was heard."""

    substitutions: int = 0
    insertions: int = 0
    deletions: int = 0

    @property
    def errors(self) -> int:
        """All three together: the edit distance."""
        return self.substitutions + self.insertions + self.deletions

    def __add__(self, other: "Edits") -> "Edits":
        return Edits(
            self.substitutions + other.substitutions,
            self.insertions + other.insertions,
            self.deletions + other.deletions,
        )


def align(reference: Sequence[str], heard: Sequence[str]) -> list[Pair]:
    """Pair the phones of a cheapest alignment, in their order.

    Of several cheapest ones that which, read from the end, prefers a match or a
    substitution, then a deletion, then an insertion: the pairs are always the same.
    """
    said, got = np.array(reference, object), np.array(heard, object)
    costs = np.zeros((len(said) + 1, len(got) + 1), np.int64)
    costs[0] = columns = np.arange(len(got) + 1)
    for row, phone in enumerate(said, start=1):
        above = costs[row - 1]
        reached = np.minimum(above[1:] + 1, above[:-1] + (got != phone))
        reached = np.concatenate([[row], reached])
        # An insertion extends the cheapest path to the left, at one per phone.
        costs[row] = np.minimum.accumulate(reached - columns) + columns
    row, column = len(said), len(got)
    pairs: list[Pair] = []
    while row or column:
        differs = row > 0 and column > 0 and said[row - 1] != got[column - 1]
        if row and column and costs[row, column] == costs[row - 1, column - 1] + differs:
            row, column = row - 1, column - 1
            pairs.append((said[row], got[column]))
        elif row and costs[row, column] == costs[row - 1, column] + 1:
            row -= 1
            pairs.append((said[row], None))
        else:
            column -= 1
            pairs.append((None, got[column]))
    return pairs[::-1]


def edits_of(pairs: Iterable[Pair]) -> Edits:
    """Count the edits of an alignment."""
    pairs = list(pairs)
    insertions = sum(said is None for said, _ in pairs)
    deletions = sum(heard is None for _, heard in pairs)
    differing = sum(said != heard for said, heard in pairs)
    return Edits(differing - insertions - deletions, insertions, deletions)


def count_edits(reference: Sequence[str], heard: Sequence[str]) -> Edits:
    """Count the edits of a cheapest alignment."""
    return edits_of(align(reference, heard))
