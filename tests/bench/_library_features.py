"""Features with python-speech-features: of a whole signal, and of a live stream, exactly.

The library knows whole signals only. So each call for a stream gets the new samples behind
those that their first frame overlaps with, and deltas are taken over the new frames and the
four on either side that they look at. What comes out is what the library says to the whole
signal.
"""

from typing import Final

import numpy as np
import python_speech_features as psf
from numpy.typing import NDArray

from vau.audio import FRAME_SAMPLES, HOP_SAMPLES, SAMPLE_RATE_HZ
from vau.frontend import FBANK

DELTA_FRAMES: Final = 2  # on either side, which a delta is taken over
CONTEXT_FRAMES: Final = 2 * DELTA_FRAMES  # the deltas' deltas look so far

Rows = NDArray[np.float64]


def features_of_whole(samples: NDArray[np.int16]) -> Rows:
    """Return the features of a whole signal; 123 a frame, as ``vau.frontend`` orders them."""
    power, energy = psf.fbank(
        samples,
        SAMPLE_RATE_HZ,
        nfilt=FBANK.mel_bands,
        nfft=FBANK.fft_points,
        preemph=FBANK.pre_emphasis,
        winfunc=np.hamming,
    )
    statics = np.column_stack([np.log(power), np.log(energy)])
    deltas = psf.delta(statics, DELTA_FRAMES)
    return np.column_stack([statics, deltas, psf.delta(deltas, DELTA_FRAMES)])


class LibraryFeatures:
    """The features of one stream so far; 123 a frame, as ``vau.frontend`` orders them."""

    def __init__(self) -> None:
        """Begin at sample 0."""
        self._last_sample: NDArray[np.float64] = np.empty(0)
        self._emphasised: NDArray[np.float64] = np.empty(0)
        self._statics: Rows = np.empty((0, FBANK.mel_bands + 1))
        self._taken = False
        self._given = 0  # of ``_statics``, those whose features were returned

    def push(self, samples: NDArray[np.int16], *, is_last: bool) -> Rows:
        """Return the features that become final, shape (frames, 123)."""
        self._take(samples, is_last=is_last)
        ready = len(self._statics) - (0 if is_last else CONTEXT_FRAMES)
        if ready <= self._given:
            return np.empty((0, 3 * self._statics.shape[1]))
        deltas = psf.delta(self._statics, DELTA_FRAMES)
        rows = np.hstack([self._statics, deltas, psf.delta(deltas, DELTA_FRAMES)])
        found: Rows = rows[self._given : ready]
        forgotten = max(0, ready - CONTEXT_FRAMES)
        self._statics, self._given = self._statics[forgotten:], ready - forgotten
        return found

    def _take(self, samples: NDArray[np.int16], *, is_last: bool) -> None:
        """Put the static features of the new frames behind those there are.

        Of the last one there may be a part only: the library fills it up with zeros.
        """
        heard = np.concatenate([self._last_sample, samples])
        if len(samples):
            emphasised = psf.sigproc.preemphasis(heard, FBANK.pre_emphasis)
            self._emphasised = np.concatenate(
                [self._emphasised, emphasised[len(self._last_sample) :]]
            )
            self._last_sample = heard[-1:]
        there = len(self._emphasised)
        frames = max(0, (there - FRAME_SAMPLES) // HOP_SAMPLES + 1)
        if is_last and there:
            is_first = not self._taken
            frames = max(int(is_first), -((FRAME_SAMPLES - there) // HOP_SAMPLES) + 1)
        if not frames:
            return
        power, energy = psf.fbank(
            self._emphasised[: FRAME_SAMPLES + (frames - 1) * HOP_SAMPLES],
            SAMPLE_RATE_HZ,
            nfilt=FBANK.mel_bands,
            nfft=FBANK.fft_points,
            preemph=0.0,  # done above, where the sample before the first one is known
            winfunc=np.hamming,
        )
        statics = np.column_stack([np.log(power), np.log(energy)])
        self._statics = np.concatenate([self._statics, statics])
        self._emphasised = self._emphasised[frames * HOP_SAMPLES :]
        self._taken = True
