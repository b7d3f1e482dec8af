"""Whether the upper part of the spectrum is empty, as it is in audio that was upsampled.

A lower sampling rate leaves a cliff: below it the spectrum is full, above it there is nothing
but the rounding to 16 bits, which is as loud at every frequency. A quiet voice fades into that
rounding slowly, and a few tones leave gaps between them; neither is a cliff.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.audio import SAMPLE_RATE_HZ
from vau.honesty.block import BLOCK_SAMPLES, Samples

WINDOW: Final = 256
BINS: Final = WINDOW // 2
BIN_HZ: Final = SAMPLE_RATE_HZ / WINDOW
WINDOWS: Final = BLOCK_SAMPLES // WINDOW
BAND_BINS: Final = 4

# Source of the figures: docs/audio-honesty.md, where they come from.
EMPTY: Final = 2.0
"""Power of a bin in squared steps of 16 bits: rounding has 1/12, with its usual dither 1/4."""

LOWEST_HZ, HIGHEST_HZ = 2000, 5650
"""Where the cliff is looked for: up to half of 11.025 kHz, and the two bins by which our window
spreads it. Above, lossy coders have theirs."""

CLIFF: Final = 100.0
"""So many times the power stands at the cliff's edge than at its foot."""

LOUD_LEVEL: Final = 128
"""Of sound that never comes to this mean magnitude, rounding hides the upper spectrum."""

FULL_SHARE: Final = 0.9
"""Such a share of the bins below the cliff must not be empty."""

_taper: Final = np.sin(np.pi * np.arange(WINDOW) / WINDOW).astype(np.float32) ** 2
_taper_power: Final = float(np.sum(_taper**2))


@dataclass(slots=True)
class Spectrum:
    """The mean power spectrum of some blocks."""

    _power: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))
    _windows: int = 0

    def hear(self, samples: Samples) -> None:
        """Add a block."""
        windows = samples[: WINDOWS * WINDOW].reshape(WINDOWS, WINDOW) * _taper
        spectra = np.fft.rfft(windows)[:, :BINS]
        self._power += (spectra.real**2 + spectra.imag**2).sum(axis=0)
        self._windows += WINDOWS

    def limit_hz(self) -> float | None:
        """Return above which frequency there is nothing; None if there is no such cliff."""
        power = self._power / (self._windows * _taper_power)
        bands = power.reshape(-1, BAND_BINS).mean(axis=1)
        filled = np.flatnonzero(bands >= EMPTY)
        top = int(filled[-1]) if len(filled) else 0
        full = np.flatnonzero(power[: (top + 2) * BAND_BINS] >= EMPTY)
        limit_hz = BIN_HZ * (int(full[-1]) + 1) if len(full) else 0.0
        if not LOWEST_HZ <= limit_hz <= HIGHEST_HZ:
            return None
        foot = float(bands[top + 2 :].max())
        edge = float(bands[top - 2 : top].min())
        below = power[BAND_BINS : top * BAND_BINS]
        is_full = np.count_nonzero(below >= EMPTY) >= FULL_SHARE * len(below)
        if not is_full or edge < CLIFF * foot:
            return None
        return limit_hz
