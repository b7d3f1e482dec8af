"""The ways to say a script, as states that follow each other.

A state is one phone of one pronunciation, or silence. Each lasts a frame at least. Before
the first word, between two, and behind the last there may be silence, if the model has a
class for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.alignment.script import Script

START: Final = -1
"""In the place of a predecessor: nothing was said yet."""

SILENT: Final = -1
"""In the place of a word: the state is silence that nobody wrote down."""


@dataclass(frozen=True, slots=True)
class Graph:
    """States in an order in which none comes before what it follows."""

    class_ids: tuple[int, ...]
    """Of each state; of silence that nobody wrote down, SILENT."""

    said: tuple[int, ...]
    """Which part of the script it belongs to, SILENT for none."""

    before: tuple[tuple[int, ...], ...]
    """The states that each may follow, START among them where it may be the first."""

    last: tuple[int, ...]
    """Those that may be the last."""

    def predecessors(self) -> NDArray[np.intp]:
        """Return ``before`` as a table, shape (most of a state, states).

        START is the number of states, and what fills up is that plus one.
        """
        states = len(self.before)
        table = np.full((max(map(len, self.before)), states), states + 1, np.intp)
        for state, before in enumerate(self.before):
            for rank, each in enumerate(before):
                table[rank, state] = states if each == START else each
        return table


def graph_of(script: Script, *, has_silence: bool) -> Graph:
    """Return the ways to say a script."""
    class_ids: list[int] = []
    said: list[int] = []
    before: list[tuple[int, ...]] = []

    def add(class_id: int, part: int, follows: Sequence[int]) -> int:
        class_ids.append(class_id)
        said.append(part)
        before.append(tuple(follows))
        return len(class_ids) - 1

    ends = [START]
    for part, each in enumerate(script.said):
        if has_silence:
            ends = [*ends, add(SILENT, SILENT, ends)]
        spoken = []
        for pronunciation in each.pronunciations:
            follows = ends
            for class_id in pronunciation:
                follows = [add(class_id, part, follows)]
            spoken += follows
        ends = spoken
    if has_silence:
        ends = [*ends, add(SILENT, SILENT, ends)]
    return Graph(tuple(class_ids), tuple(said), tuple(before), tuple(ends))
