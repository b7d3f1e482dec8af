"""Recordings as they arrive when something went wrong on the way, and when nothing did.

A damage takes float64 samples on the scale of int16, and a generator for what it needs of
chance. It returns what a server would read as its 16-bit samples.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfilt

from vau.audio import FULL_SCALE, SAMPLE_RATE_HZ
from vau.honesty import Kind

Wave = NDArray[np.float64]
Samples = NDArray[np.int16]
Apply = Callable[[Wave, np.random.Generator], Samples]


@dataclass(frozen=True, slots=True)
class Damage:
    """One way to go wrong."""

    name: str
    kind: Kind
    """What ought to be said of it."""

    apply: Apply
    longer: int = 1
    """So many times as long it becomes."""


def rounded(wave: Wave) -> Samples:
    """Return the nearest 16-bit samples."""
    samples: Samples = np.rint(wave.clip(-FULL_SCALE, FULL_SCALE - 1)).astype("<i2")
    return samples


def dithered(wave: Wave, rng: np.random.Generator) -> Samples:
    """Round as a studio does: with triangular noise, so that no silence is digital."""
    noise = rng.random(len(wave)) - rng.random(len(wave))
    return rounded(wave + noise)


def with_noise(wave: Wave, snr_db: float, rng: np.random.Generator) -> Wave:
    """Add white noise at a ratio of mean powers."""
    size = np.sqrt(np.mean(wave**2) / 10 ** (snr_db / 10))
    noisy: Wave = wave + size * rng.standard_normal(len(wave))
    return noisy


def byte_swapped(wave: Wave, _rng: np.random.Generator) -> Samples:
    return rounded(wave).byteswap()


def shifted(wave: Wave, _rng: np.random.Generator) -> Samples:
    octets = rounded(wave).tobytes()[1:]
    return np.frombuffer(octets[:-1], "<i2")


def as_floats(wave: Wave, _rng: np.random.Generator) -> Samples:
    return np.frombuffer((wave / FULL_SCALE).astype("<f4").tobytes(), "<i2")


def as_floats_of_integers(wave: Wave, rng: np.random.Generator) -> Samples:
    return as_floats(rounded(wave).astype(np.float64), rng)


def in_turn(left: Wave, right: Wave) -> Samples:
    return rounded(np.stack([left, right], axis=1).ravel())


def stereo(right: Callable[[Wave, np.random.Generator], Wave]) -> Apply:
    """Return how a recording and ``right`` of it become two channels in turn."""
    return lambda wave, rng: in_turn(wave, right(wave, rng))


def delayed(wave: Wave, _rng: np.random.Generator) -> Wave:
    """Return what a second microphone hears 0.3 ms later, and less loud."""
    return 0.8 * np.concatenate([np.zeros(5), wave[:-5]])


def upsampled_from(rate_hz: int) -> Apply:
    def apply(wave: Wave, _rng: np.random.Generator) -> Samples:
        narrow = soxr.resample(wave, SAMPLE_RATE_HZ, rate_hz, "VHQ")
        return rounded(soxr.resample(narrow, rate_hz, SAMPLE_RATE_HZ, "VHQ"))

    return apply


def upsampled_gently(wave: Wave, _rng: np.random.Generator) -> Samples:
    """Come back from 8 kHz through a short filter."""
    window = ("kaiser", 9.0)
    return rounded(resample_poly(resample_poly(wave, 1, 2, window=window), 2, 1, window=window))


def telephoned(wave: Wave, _rng: np.random.Generator) -> Samples:
    """Pass 300 to 3400 Hz at 8 kHz, in the 8 bits of a mu-law, then come back to 16 kHz."""
    band = butter(4, [300, 3400], "bandpass", fs=8000, output="sos")
    narrow = sosfilt(band, resample_poly(wave, 1, 2)) / FULL_SCALE
    code = np.round(np.log1p(255 * np.abs(narrow).clip(0, 1)) / np.log(256) * 127) / 127
    narrow = np.sign(narrow) * (256**code - 1) / 255 * FULL_SCALE
    return rounded(resample_poly(narrow, 2, 1, window=("kaiser", 9.0)))


def speaking(wave: Wave, size: int = 1600) -> NDArray[np.bool_]:
    """Tell in which blocks somebody speaks: those within 20 dB of the loudest."""
    blocks = wave[: len(wave) // size * size].reshape(-1, size)
    level = np.abs(blocks).mean(axis=1)
    is_loud: NDArray[np.bool_] = level >= level.max() / 10
    return is_loud


def clipped(share: float, *, to_full_scale: bool) -> Apply:
    """Cut off this share of the samples of the first second in which somebody speaks."""

    def apply(wave: Wave, _rng: np.random.Generator) -> Samples:
        blocks = wave[: len(wave) // 1600 * 1600].reshape(-1, 1600)
        heard = np.abs(blocks[speaking(wave)][:10])
        limit = max(1.0, float(np.quantile(heard, 1 - share)))
        cut = wave.clip(-limit, limit)
        return rounded(cut * FULL_SCALE / limit if to_full_scale else cut)

    return apply


def off_centre(share: float) -> Apply:
    return lambda wave, _rng: rounded(wave + share * FULL_SCALE)


def compressed(wave: Wave, _rng: np.random.Generator) -> Samples:
    """Return an Ogg Vorbis file without its beginning, as if it were samples."""
    file = io.BytesIO()
    soundfile.write(file, np.tile(rounded(wave), 4), SAMPLE_RATE_HZ, "VORBIS", format="OGG")
    octets = file.getvalue()[5000:]
    return np.frombuffer(octets[: len(octets) // 2 * 2], "<i2")


def as_text(wave: Wave, _rng: np.random.Generator) -> Samples:
    """Return the samples in decimal digits, as if those were samples."""
    octets = " ".join(map(str, rounded(wave)[:32_000])).encode()
    return np.frombuffer(octets[: len(octets) // 2 * 2], "<i2")


DAMAGES: Final = (
    Damage("byte-swapped", Kind.BYTE_ORDER, byte_swapped),
    Damage("shifted by a byte", Kind.MISALIGNED, shifted),
    Damage("32-bit floats", Kind.NOT_PCM, as_floats, 2),
    Damage("floats of integers", Kind.NOT_PCM, as_floats_of_integers, 2),
    Damage("compressed data", Kind.NOT_PCM, compressed),
    Damage("text", Kind.NOT_PCM, as_text),
    Damage("stereo, both alike", Kind.INTERLEAVED, stereo(lambda wave, _: wave), 2),
    Damage("stereo, right softer", Kind.INTERLEAVED, stereo(lambda wave, _: wave / 2), 2),
    Damage("stereo, right later", Kind.INTERLEAVED, stereo(delayed), 2),
    Damage("stereo, right silent", Kind.INTERLEAVED, stereo(lambda wave, _: 0 * wave), 2),
    Damage("stereo, right inverted", Kind.INTERLEAVED, stereo(lambda wave, _: -wave), 2),
    Damage(
        "stereo, two speakers",
        Kind.INTERLEAVED,
        stereo(lambda wave, _: np.roll(wave, len(wave) // 2)),
        2,
    ),
    Damage("upsampled from 8 kHz", Kind.BAND_LIMITED, upsampled_from(8000)),
    Damage("the same, short filter", Kind.BAND_LIMITED, upsampled_gently),
    Damage("upsampled from 11.025 kHz", Kind.BAND_LIMITED, upsampled_from(11_025)),
    Damage("telephone", Kind.BAND_LIMITED, telephoned),
    Damage("3 % clipped", Kind.CLIPPED, clipped(0.03, to_full_scale=False)),
    Damage("5 % clipped", Kind.CLIPPED, clipped(0.05, to_full_scale=False)),
    Damage("5 % clipped, full scale", Kind.CLIPPED, clipped(0.05, to_full_scale=True)),
    Damage("10 % clipped, full scale", Kind.CLIPPED, clipped(0.1, to_full_scale=True)),
    Damage("3 % off centre", Kind.DC, off_centre(0.03)),
    Damage("10 % off centre", Kind.DC, off_centre(0.1)),
)
