"""Frames to statics: log energies of mel bands and of the frame, or cepstra."""

from typing import Final

import numpy as np

from vau.frontend.config import FrontendConfig, Rows

BLOCK_FRAMES: Final = 64  # each needs 16 kB on the way: what a block needs stays in the cache
FLOOR_POWER: Final = float(np.finfo(np.float64).eps)  # stands in for 0, whose log is -inf


class Analyser:
    """Filter bank and, for MFCC, cosine table of one configuration."""

    def __init__(self, config: FrontendConfig) -> None:
        """Build the tables: of the filter bank, the weights that are not 0."""
        self._fft_points = config.fft_points
        bank = config.filter_bank()
        band, self._bins = np.nonzero(bank)
        self._band_starts = np.searchsorted(band, np.arange(config.mel_bands))
        self._weights = bank[band, self._bins]
        self._cosines = _liftered_cosines(config) if config.kind == "mfcc" else None

    def statics(self, frames: Rows) -> Rows:
        """Turn windowed frames, shape (frames, fft_points), into (frames, static_dim)."""
        energies = np.empty((len(frames), len(self._band_starts) + 1))
        for at in range(0, len(frames), BLOCK_FRAMES):
            block = slice(at, at + BLOCK_FRAMES)
            self._measure(frames[block], energies[block])
        if np.count_nonzero(energies) < energies.size:  # digital silence
            energies[energies == 0.0] = FLOOR_POWER
        np.log(energies, out=energies)
        return energies if self._cosines is None else _cepstra(energies, self._cosines)

    def _measure(self, frames: Rows, energies: Rows) -> None:
        """Fill ``energies``, shape (frames, mel_bands + 1): the bands, then the whole frame.

        A band is the sum over its own bins alone, in an order that is always the same.
        """
        spectrum = np.fft.rfft(frames)
        power = np.square(spectrum.real)
        power += np.square(spectrum.imag)
        products = power.take(self._bins, axis=1)
        products *= self._weights
        np.add.reduceat(products, self._band_starts, axis=1, out=energies[:, :-1])
        np.add.reduce(power, axis=1, out=energies[:, -1])
        energies /= self._fft_points  # of a power of two: as exact here as before the sums


def _cepstra(log_energies: Rows, cosines: Rows) -> Rows:
    """Transform the bands, in a fixed order too; the frame's energy replaces cepstrum 0."""
    cepstra: Rows = (log_energies[:, :-1, np.newaxis] * cosines).sum(axis=1)
    cepstra[:, 0] = log_energies[:, -1]
    return cepstra


def _liftered_cosines(config: FrontendConfig) -> Rows:
    """Return the orthonormal DCT-II of the bands, cepstra liftered, shape (bands, cepstra)."""
    band = np.arange(config.mel_bands)[:, np.newaxis]
    cepstrum = np.arange(config.cepstra)
    cosines = np.cos(np.pi * cepstrum * (2 * band + 1) / (2 * config.mel_bands))
    scale = np.where(cepstrum == 0, 1, 2) / config.mel_bands
    lift = 1 + config.lifter / 2 * np.sin(np.pi * cepstrum / config.lifter)
    return cosines * np.sqrt(scale) * lift
