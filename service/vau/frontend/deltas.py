"""Statics to features: deltas, and deltas of deltas, of all utterances in the same few slices.

The rows of a call lie in one table, utterance after utterance, and slopes are taken down the
whole of it. Where two utterances meet, a slope mixes both. So each begins with rows that it
had before, as many as the slopes handed out look back on, and the mixed ones are never read.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from vau.frontend.config import Rows
from vau.frontend.utterance import Piece

DELTA_SPAN: Final = 2  # frames to each side that one delta stage looks at
LOOK_AHEAD_FRAMES: Final = 2 * DELTA_SPAN  # deltas of deltas
HISTORY_FRAMES: Final = 2 * LOOK_AHEAD_FRAMES  # those that wait, and what they look back on


def with_deltas(pieces: Sequence[Piece], counts: Sequence[int], statics: Rows) -> list[Rows]:
    """Return the features that each piece completes, shape (frames, 3 * static_dim).

    counts:  how many frames each piece adds to its utterance.
    statics: of all these frames, piece by piece, shape (frames, static_dim).
    """
    parts, lengths = _stretches(pieces, counts, statics)
    static = np.concatenate(parts)
    delta = _slopes(static)
    complete: list[slice] = []
    start = 0
    for piece, count, length in zip(pieces, counts, lengths, strict=True):
        utterance, end = piece.utterance, start + length
        # A row of features has its statics LOOK_AHEAD_FRAMES further down the table.
        before_first = max(0, LOOK_AHEAD_FRAMES - utterance.frames)
        rows = slice(start + before_first, max(start, end - 2 * LOOK_AHEAD_FRAMES))
        if rows.start < rows.stop and (piece.is_last or utterance.frames < HISTORY_FRAMES):
            _repeat_outermost(delta[start : end - 2 * DELTA_SPAN], piece)
        if count:
            utterance.statics = static[end - HISTORY_FRAMES : end].copy()
            utterance.frames += count
        complete.append(rows)
        start = end
    around = slice(LOOK_AHEAD_FRAMES, -LOOK_AHEAD_FRAMES)
    features = np.concatenate(
        [static[around], delta[DELTA_SPAN:-DELTA_SPAN], _slopes(delta)], axis=1
    )
    return [features[rows] for rows in complete]


def _stretches(
    pieces: Sequence[Piece], counts: Sequence[int], statics: Rows
) -> tuple[list[Rows], list[int]]:
    """Return the parts of the table, and how many of its rows are each utterance's.

    These are ``HISTORY_FRAMES`` rows that it had, the new ones and, at its end, as many more
    as frames still wait. Before the first and after the last frame the outermost row repeats.
    An utterance without any frame has no rows.
    """
    parts: list[Rows] = []
    lengths: list[int] = []
    taken = 0
    for piece, count in zip(pieces, counts, strict=True):
        new = statics[taken : taken + count]
        history = piece.utterance.statics
        if history is None:
            history = np.repeat(new[:1], HISTORY_FRAMES, axis=0)
        parts += (history, new)
        lengths.append(len(history) + count)
        if piece.is_last:
            newest = new if count else history
            parts.append(np.repeat(newest[-1:], LOOK_AHEAD_FRAMES, axis=0))
            lengths[-1] += len(parts[-1])
        taken += count
    return parts, lengths


def _slopes(rows: Rows) -> Rows:
    """Return the slope of the regression line at each row but ``DELTA_SPAN`` at either end.

    Source: ``delta`` of the library. Each element is the same five operations in one order.
    """
    slopes = rows[3:-1] - rows[1:-3]
    farther = rows[4:] - rows[:-4]
    farther *= 2.0
    slopes += farther
    slopes /= 2.0 * (1**2 + 2**2)
    return slopes


def _repeat_outermost(delta: Rows, piece: Piece) -> None:
    """Put the utterance's first and last delta beyond its edges, as the library does.

    What stands there are deltas of repeated statics, which is not the same.

    delta: the rows of this utterance; it begins ``DELTA_SPAN`` later than the statics do.
    """
    first = HISTORY_FRAMES - DELTA_SPAN - piece.utterance.frames
    if first >= 0:
        delta[max(0, first - DELTA_SPAN) : first] = delta[first]
    if piece.is_last:
        delta[-DELTA_SPAN:] = delta[-DELTA_SPAN - 1]
