"""PCM of any rate and channel count to 16 kHz mono."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import soxr
from numpy.typing import NDArray

from vau.audio import FULL_SCALE, SAMPLE_RATE_HZ, to_int16
from vau.audiofile.containers import READ_SAMPLES, Format
from vau.counted import counted
from vau.errors import AudioUnsupported

Channel = int | Literal["mix"]
"""Which channel to take, the first is 1; or the mean of all."""

RESAMPLING_QUALITY: Final = "VHQ"


@dataclass(frozen=True, slots=True)
class Pcm:
    """A decoded file."""

    samples: NDArray[np.int16]
    """Shape (frames, channels)."""

    rate_hz: int
    format: Format


def to_mono_16k(pcm: Pcm, channel: Channel = "mix") -> NDArray[np.int16]:
    """Return one channel of ``pcm``, or the mean of all, at 16 kHz; shape (samples,).

    Raises AudioUnsupported if it has no such channel.
    """
    converter = Converter(pcm.rate_hz, pcm.samples.shape[1], channel)
    starts = range(0, len(pcm.samples), READ_SAMPLES)
    blocks = [converter.push(pcm.samples[at : at + READ_SAMPLES]) for at in starts]
    return np.concatenate([*blocks, converter.finish()])


class Converter:
    """PCM of any rate and channel count, in any chunks, to 16 kHz mono.

    However the samples were cut, the result is the same to the bit.
    """

    def __init__(self, rate_hz: int, channels: int, channel: Channel = "mix") -> None:
        """Begin a stream. Raises AudioUnsupported if there is no such channel."""
        if channel != "mix" and not 1 <= channel <= channels:
            raise AudioUnsupported(
                f"channel: {channel} was asked for, but the audio has "
                f"{counted(channels, 'channel')}; choose 1..{channels} or 'mix'",
                field="channel",
                channels=channels,
            )
        self._channel = channel
        self._resampler: soxr.ResampleStream | None = None
        if rate_hz != SAMPLE_RATE_HZ:
            self._resampler = soxr.ResampleStream(
                rate_hz, SAMPLE_RATE_HZ, 1, dtype="float64", quality=RESAMPLING_QUALITY
            )

    def push(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """Take samples of shape (frames, channels); return those they complete, (samples,)."""
        if self._channel != "mix":
            mono = samples[:, self._channel - 1]
        elif samples.shape[1] == 1:
            mono = samples[:, 0]
        else:
            mean = samples.mean(axis=1, dtype=np.float64) / FULL_SCALE
            return self._resampled(mean)
        if self._resampler is None:
            return mono
        return self._resampled(mono / FULL_SCALE)

    def finish(self) -> NDArray[np.int16]:
        """Return what the resampler still holds."""
        if self._resampler is None:
            return np.zeros(0, np.int16)
        return to_int16(self._resampler.resample_chunk(np.zeros(0), last=True))

    def _resampled(self, mono: NDArray[np.float64]) -> NDArray[np.int16]:
        if self._resampler is not None:
            mono = self._resampler.resample_chunk(mono)
        return to_int16(mono)
