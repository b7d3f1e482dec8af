"""Recordings made worse on purpose: what a network is trained on, and tested with.

All functions take and return samples at 16 kHz as float64, full scale at 1.0; nothing here
rounds or clips to 16 bits (``vau.audio.to_int16`` does). Randomness comes from the caller's
generator alone.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

Samples = NDArray[np.float64]

WHITE: Final = 0.0
PINK: Final = 1.0
BROWN: Final = 2.0
"""Colours of noise, as the power of 1 / frequency that its spectrum falls with."""


def noise(count: int, colour: float, rng: np.random.Generator) -> Samples:
    """Return ``count`` samples of Gaussian noise with power ~ 1 / frequency ** colour."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    bins = np.maximum(np.arange(len(spectrum)), 1)
    shaped: Samples = np.fft.irfft(spectrum * bins ** (-colour / 2), count)
    return shaped


def mix(samples: Samples, disturbance: Samples, snr_db: float) -> Samples:
    """Add ``disturbance``, as long as ``samples``, at a ratio of mean powers over the whole."""
    power, disturbing = np.mean(samples**2), np.mean(disturbance**2)
    if not disturbing:
        return samples
    mixed: Samples = samples + disturbance * np.sqrt(power / disturbing / 10 ** (snr_db / 10))
    return mixed


def limit_band(samples: Samples) -> Samples:
    """Take away what a sampling rate of 8 kHz cannot carry."""
    narrow = resample_poly(resample_poly(samples, 1, 2), 2, 1)
    limited: Samples = narrow[: len(samples)]
    return limited


def clip(samples: Samples, share: float) -> Samples:
    """Cut off the largest ``share`` of the samples, as a microphone set too loud does."""
    limit = np.quantile(np.abs(samples), 1 - share)
    return samples.clip(-limit, limit)


def scale(samples: Samples, gain_db: float) -> Samples:
    """Make louder or quieter."""
    scaled: Samples = samples * 10 ** (gain_db / 20)
    return scaled
