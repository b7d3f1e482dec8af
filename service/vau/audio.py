"""The clock of the whole service: the sample rate, the frame grid, and raw samples.

Frame i of an utterance covers the 400 samples from 160 * i on. Whoever counts in samples,
frames or seconds takes the numbers from here.
"""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from vau.counted import counted
from vau.errors import AudioCorrupt

SAMPLE_RATE_HZ: Final = 16_000
FRAME_S: Final = 0.025
HOP_S: Final = 0.010
FRAME_SAMPLES: Final = round(FRAME_S * SAMPLE_RATE_HZ)  # 400, with nothing to round
HOP_SAMPLES: Final = round(HOP_S * SAMPLE_RATE_HZ)  # 160, likewise
FRAMES_PER_S: Final = round(1 / HOP_S)  # 100, likewise
FRAME_BUDGET_S: Final = HOP_S
"""The time from a frame's last needed sample to its answer that keeps up with live audio."""

LIVE_PACE: Final = 1.1
"""Seconds of audio in a second that are live at most: more than clocks that differ."""

FULL_SCALE: Final = 32_768  # the int16 value of 1.0
Encoding = Literal["linear16", "float32"]
"""Raw samples on the wire, both little-endian; float32 has full scale 1.0."""

SAMPLE_BYTES: Final[dict[Encoding, int]] = {"linear16": 2, "float32": 4}


def frame_count(samples: int) -> int:
    """Return how many frames an utterance of so many samples has, its padded last one too.

    Source: docs/adr/0003; the rule of python-speech-features, with 0 for no audio.
    """
    if samples == 0:
        return 0
    return 1 + max(0, -(-(samples - FRAME_SAMPLES) // HOP_SAMPLES))


def answerable_frames(samples: int, look_ahead_frames: int) -> int:
    """Return how many frames of an utterance that goes on so many samples let be answered.

    look_ahead_frames: so many must follow a frame.
    """
    if samples < FRAME_SAMPLES:
        return 0
    return max(0, 1 + (samples - FRAME_SAMPLES) // HOP_SAMPLES - look_ahead_frames)


def to_int16(
    samples: NDArray[np.float32] | NDArray[np.float64], first_sample: int = 0
) -> NDArray[np.int16]:
    """Scale audio of full scale 1.0 to int16: times 32768, round half to even, clip.

    samples:      any shape.
    first_sample: where they stand in their stream, for the message.
    Raises        AudioCorrupt if a sample is not a number or infinite.
    """
    bad = np.flatnonzero(~np.isfinite(samples))
    if bad.size:
        at, value = first_sample + int(bad[0]), samples.flat[bad[0]]
        raise AudioCorrupt(
            f"audio: sample {at} is {value}; send finite numbers, full scale 1.0",
            field="audio",
            sample=at,
        )
    # Clipped first, too: what is far too loud would overflow, and numpy would say so.
    scaled = np.rint(samples.astype(np.float64).clip(-1.0, 1.0) * FULL_SCALE)
    samples_s16: NDArray[np.int16] = scaled.clip(-FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    return samples_s16


class PcmReader:
    """Raw bytes in any split, even inside a sample, to int16 samples."""

    def __init__(self, encoding: Encoding) -> None:
        """Begin at sample 0."""
        self._encoding = encoding
        self._sample_bytes = SAMPLE_BYTES[encoding]
        self._rest = b""
        self.samples = 0
        """Whole samples read so far."""

    def read(self, data: bytes) -> NDArray[np.int16]:
        """Return the samples that ``data`` completes. Raises AudioCorrupt for a NaN."""
        data = self._rest + data
        whole = len(data) - len(data) % self._sample_bytes
        self._rest = data[whole:]
        first_sample = self.samples
        self.samples += whole // self._sample_bytes
        if self._encoding == "linear16":
            return np.frombuffer(data[:whole], "<i2").astype(np.int16, copy=False)
        floats = np.frombuffer(data[:whole], "<f4").astype(np.float32, copy=False)
        return to_int16(floats, first_sample)

    @property
    def rest(self) -> bytes:
        """What there is of a sample that is not complete yet."""
        return self._rest

    @property
    def rest_bytes(self) -> int:
        """Bytes of a sample that is not complete yet."""
        return len(self._rest)

    def check_complete(self) -> None:
        """Raise AudioCorrupt if the bytes so far end inside a sample."""
        if self._rest:
            raise AudioCorrupt(
                f"audio: ends {counted(len(self._rest), 'byte')} after sample {self.samples}, "
                f"but a sample has {self._sample_bytes}; send whole samples before the end",
                field="audio",
                sample=self.samples,
            )
