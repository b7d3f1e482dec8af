"""Something like a voice: vowels, hissing, pauses and breath, made of numbers.

What it says means nothing, but a voice's loudness changes like this, and its spectrum falls
and reaches to the top like this. Whatever knows speech from something else is tried on it
first, and then on the recording that ``vau demo`` plays, where there is one.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

from vau.audio import SAMPLE_RATE_HZ

VOWELS: Final = ((700, 1200, 2500), (300, 2300, 3000), (350, 800, 2400), (500, 1700, 2500))
LEVEL: Final = 2000.0
"""Root mean square of the whole, on the scale of int16."""


def voice(seconds: float, seed: int = 0) -> NDArray[np.float64]:
    """Return someone who talks; the first word begins at once."""
    rng = np.random.default_rng(seed)
    pitch_hz = rng.uniform(90, 220)
    words: list[NDArray[np.float64]] = []
    count = round(seconds * SAMPLE_RATE_HZ)
    while sum(map(len, words)) < count:
        words += [_hiss(rng), _vowel(rng, pitch_hz), _vowel(rng, pitch_hz)]
        words.append(np.zeros(round(rng.uniform(0.02, 0.25) * SAMPLE_RATE_HZ)))
    no_offset = butter(2, 70, "highpass", fs=SAMPLE_RATE_HZ, output="sos")
    spoken = sosfilt(no_offset, np.concatenate(words)[:count])
    spoken *= LEVEL / np.sqrt(np.mean(spoken**2))
    return spoken + _room(count, rng)


def _vowel(rng: np.random.Generator, pitch_hz: float) -> NDArray[np.float64]:
    count = round(rng.uniform(0.08, 0.2) * SAMPLE_RATE_HZ)
    glide = pitch_hz * np.linspace(rng.uniform(0.9, 1.1), rng.uniform(0.9, 1.1), count)
    phase = np.cumsum(glide / SAMPLE_RATE_HZ)
    source = np.diff(np.floor(phase), prepend=0.0) + 0.01 * rng.standard_normal(count)
    source = lfilter([1.0], [1.0, -0.95], source)
    formants = [*VOWELS[rng.integers(len(VOWELS))], 3500, 4500, 5500, 6500, 7400]
    sound = sum(
        lfilter([gain], _resonance(hz, 60 + hz / 25), source)
        for gain, hz in zip(0.7 ** np.arange(len(formants)), formants, strict=True)
    )
    shaped: NDArray[np.float64] = sound * np.hanning(count) / np.abs(sound).max()
    return shaped


def _resonance(hz: float, width_hz: float) -> list[float]:
    radius = np.exp(-np.pi * width_hz / SAMPLE_RATE_HZ)
    return [1.0, -2 * radius * np.cos(2 * np.pi * hz / SAMPLE_RATE_HZ), radius**2]


def _hiss(rng: np.random.Generator) -> NDArray[np.float64]:
    count = round(rng.uniform(0.04, 0.12) * SAMPLE_RATE_HZ)
    band = butter(2, [3000, 7500], "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
    shaped: NDArray[np.float64] = 0.1 * sosfilt(band, rng.standard_normal(count))
    return shaped * np.hanning(count)


def _room(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the hum and the rustle of where it was recorded."""
    hum = 5 * np.sin(2 * np.pi * 50 * np.arange(count) / SAMPLE_RATE_HZ)
    rustle: NDArray[np.float64] = hum + 4 * rng.standard_normal(count)
    return rustle
