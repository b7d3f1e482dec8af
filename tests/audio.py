"""Sound made of numbers, and files of it in any format."""

import io
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from vau.audiofile import read_recording
from vau.commands.clip import default_clip
from vau.errors import AudioError

RATE_HZ: Final = 16_000


def noise(frames: int = 8_000, channels: int = 1, seed: int = 0) -> NDArray[np.int16]:
    """Return noise of the loudness of speech, shape (frames, channels)."""
    rng = np.random.default_rng(seed)
    return rng.normal(0.0, 3000.0, (frames, channels)).astype(np.int16)


def clip_or_noise() -> NDArray[np.int16]:
    """Return real speech where there is some, shape (samples,)."""
    try:
        return read_recording(default_clip()).samples
    except AudioError:
        return noise(10 * RATE_HZ)[:, 0]


def tone(frames: int, rate_hz: int, frequency_hz: float = 440.0) -> NDArray[np.int16]:
    """Return a sine of half the full scale, shape (frames, 1)."""
    phase = 2 * np.pi * frequency_hz * np.arange(frames) / rate_hz
    samples: NDArray[np.int16] = np.rint(16_384 * np.sin(phase)).astype(np.int16)
    return samples.reshape(-1, 1)


def encoded(
    samples: NDArray[np.int16] | NDArray[np.float64],
    container: str = "WAV",
    subtype: str = "PCM_16",
    rate_hz: int = RATE_HZ,
) -> bytes:
    """Return the bytes of a file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=container, subtype=subtype)
    return file.getvalue()


def recording(path: Path, seconds: float = 0.5, seed: int = 0) -> Path:
    """Write a FLAC of noise and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(noise(round(seconds * RATE_HZ), seed=seed), "FLAC"))
    return path
