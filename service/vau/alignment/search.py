"""The best way through a graph: exact, over all ways there are (Viterbi 1967).

Of ways that are equally good it takes, from the end on, the one that stays longest in its
state, then the one that comes from the earlier state.
"""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vau.alignment.graph import Graph
from vau.errors import ConfigInvalid

Floats: TypeAlias = NDArray[np.float64]

MOST_STEPS: Final = 1 << 30
"""Frames times states: a byte of memory for each, a gibibyte in all."""

MOST_WAYS: Final = 255
"""That lead into a state: one is written down in a byte, and 0 is to stay."""


def best_way(graph: Graph, scores: Floats) -> NDArray[np.intp]:
    """Return the state of each frame on the best way from a first to a last state.

    scores: what a frame adds, by class, and silence that nobody wrote down as the last
            column; finite, shape (frames, classes + 1).
    Raises  ConfigInvalid if there are more phones than frames, or too much of both.
    """
    frames, states = len(scores), len(graph.class_ids)
    table = graph.predecessors()
    check_size(frames, states, len(table))
    chosen = np.empty((frames, states), np.uint8)
    reached = np.full(states + 2, -np.inf)  # behind the states: START, and nothing at all
    reached[states] = 0.0
    ways = np.empty((len(table) + 1, states))
    columns, class_ids = np.arange(states), np.array(graph.class_ids)
    for frame, gained in enumerate(scores):
        ways[0] = reached[:states]
        np.take(reached, table, out=ways[1:])
        chosen[frame] = ways.argmax(axis=0)
        reached[:states] = ways[chosen[frame], columns] + gained[class_ids]
        reached[states] = -np.inf
    state = max(graph.last, key=lambda each: reached[each])
    if not np.isfinite(reached[state]):
        raise ConfigInvalid(
            f"it has more phones than the recording has frames, {frames} of 10 ms; is it what "
            "is said in another one?",
            field="said",
        )
    path = np.empty(frames, np.intp)
    for frame in range(frames - 1, -1, -1):
        path[frame] = state
        if chosen[frame, state]:
            state = table[chosen[frame, state] - 1, state]
    return path


def check_size(frames: int, states: int, ways: int) -> None:
    """Raise ConfigInvalid if it would take more than a gibibyte, or ways than a byte tells."""
    if frames * states > MOST_STEPS:
        raise ConfigInvalid(
            f"{frames} frames by {states} phones and silences are more than the {MOST_STEPS} "
            "that are aligned at once, about twelve minutes of speech; cut the recording "
            "where sentences end, and align the pieces by a --manifest",
            field="said",
        )
    if ways > MOST_WAYS:
        raise ConfigInvalid(
            f"a word with more than {MOST_WAYS - 1} pronunciations is not aligned; "
            "leave some out",
            field="lexicon",
        )
