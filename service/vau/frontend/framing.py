"""Samples to frames: the audio of a whole call on one tape, pre-emphasised in one go.

Each utterance puts there what it has kept and what is new, and keeps what its next frame
will need. Where two meet, a sample of one is emphasised by the other's; no frame has it.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.audio import FRAME_SAMPLES, HOP_SAMPLES, frame_count
from vau.frontend.config import FrontendConfig, Rows
from vau.frontend.utterance import Piece

Samples = NDArray[np.float64]
PADDING: Final = np.zeros(FRAME_SAMPLES, np.int16)


def completed_frames(piece: Piece) -> int:
    """Count the frames that the piece completes; the last one also what is left over."""
    utterance = piece.utterance
    held = len(utterance.samples) - 1 + len(piece.samples)
    if piece.is_last:
        return frame_count(utterance.frames * HOP_SAMPLES + held) - utterance.frames
    return max(0, 1 + (held - FRAME_SAMPLES) // HOP_SAMPLES)


class Framer:
    """Pre-emphasis and window of one configuration."""

    def __init__(self, config: FrontendConfig) -> None:
        """Build the window, as long as the transform and 0 beyond the frame."""
        self._pre_emphasis = config.pre_emphasis
        self._window = np.zeros(config.fft_points)
        self._window[:FRAME_SAMPLES] = np.hamming(FRAME_SAMPLES)
        self._overhang = np.zeros(config.fft_points - FRAME_SAMPLES)

    def cut(self, pieces: Sequence[Piece], counts: Sequence[int]) -> Rows:
        """Return the windowed frames of all pieces, shape (frames, fft_points).

        counts: how many each piece completes. Its utterance keeps what the next one needs.
        """
        tape = self._tape(pieces)
        emphasised = tape[1:] - self._pre_emphasis * tape[:-1]
        frames = np.empty((sum(counts), len(self._window)))
        start = row = 0
        for piece, count in zip(pieces, counts, strict=True):
            utterance = piece.utterance
            end = start + len(utterance.samples) + len(piece.samples)
            left = tape[start + count * HOP_SAMPLES : end]
            utterance.samples = left.copy()  # a view would keep the whole tape
            if piece.is_last:
                emphasised[end - 1] = 0.0  # the library pads behind the pre-emphasis
                end += len(PADDING)
            if count:
                windows = _windows(emphasised, start, (count, len(self._window)))
                np.multiply(windows, self._window, out=frames[row : row + count])
            start = end
            row += count
        return frames

    def _tape(self, pieces: Sequence[Piece]) -> Samples:
        """Put all samples end to end, then what the last window covers beyond its frame."""
        parts: list[NDArray[np.float64 | np.int16]] = []
        for piece in pieces:
            parts += (piece.utterance.samples, piece.samples)
            if piece.is_last:
                parts.append(PADDING)
        parts.append(self._overhang)
        try:
            return np.concatenate(parts, dtype=np.float64)
        except ValueError as cause:  # numpy joins no other shape to one of one dimension
            shapes = [str(piece.samples.shape) for piece in pieces if piece.samples.ndim != 1]
            raise ValueError(
                f"samples of shape {', '.join(shapes)}: give one channel, shape (samples,)"
            ) from cause


def _windows(samples: Samples, start: int, shape: tuple[int, int]) -> Rows:
    """Return a view of ``samples``: from ``start`` on, one overlapping row every hop.

    The same from numpy's ``sliding_window_view`` takes longer than windowing ten frames.
    """
    step = samples.itemsize
    return np.ndarray(shape, np.float64, samples, start * step, (HOP_SAMPLES * step, step))
