"""Audio files: valid ones of every kind that is read, damaged, and headers that lie."""

import io
import struct
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
import soundfile

from tests.audio import noise
from tests.fuzz.case import Parts
from tests.fuzz.mutate import EDGES, mutated
from tests.fuzz.target import Target, resident_bytes
from vau.audio import SAMPLE_RATE_HZ
from vau.audiofile import format_of, header, read_pcm, to_mono_16k
from vau.errors import VauError

_KINDS: Final = (
    *(("WAV", subtype) for subtype in ("PCM_16", "PCM_24", "PCM_U8", "FLOAT", "DOUBLE")),
    *(("WAV", subtype) for subtype in ("ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610")),
    *(("RF64", "PCM_16"), ("WAVEX", "PCM_16"), ("WAVEX", "FLOAT")),
    *(("NIST", "PCM_16"), ("NIST", "PCM_24"), ("NIST", "ULAW")),
    *(("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("FLAC", "PCM_S8")),
    *(("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")),
)
_FIELDS: Final = (b"RIFF", b"fmt ", b"data", b"ds64", b"fact", b"fLaC", b"OggS", b"OpusHead")
"""Behind these stand the sizes and counts by which a header may lie."""

MOST_SAMPLES: Final = 1 << 24  # what no input here may become: each is smaller than 1 MiB


@cache
def files() -> tuple[bytes, ...]:
    """Return a short file of each kind, mono and stereo."""
    made = []
    for container, subtype in _KINDS:
        for channels, rate_hz in ((1, SAMPLE_RATE_HZ), (2, 48_000)):
            if subtype == "GSM610" and channels == 2:
                continue
            file = io.BytesIO()
            samples = noise(2400, channels)
            soundfile.write(file, samples, rate_hz, format=container, subtype=subtype)
            made.append(file.getvalue())
    big_endian = io.BytesIO()
    soundfile.write(big_endian, noise(800), 16_000, format="WAV", endian="BIG")
    return (*made, big_endian.getvalue())


def lie(random: Random, data: bytes) -> bytes:
    """Return ``data`` with a number behind the name of a field replaced."""
    found = [name for name in _FIELDS if name in data]
    if not found:
        return data
    at = data.index(random.choice(found)) + 4 + 2 * random.randrange(12)
    size = random.choice((2, 4, 8))
    number = random.choice((*EDGES, 3, 1000, 44_100, 1 << 24, 1 << 31, len(data)))
    return data[:at] + struct.pack("<Q", number)[:size] + data[at + size :]


def damaged(random: Random) -> bytes:
    """Return an audio file, most often a damaged one."""
    data = random.choice(files())
    what = random.random()
    if what < 0.01:
        return data
    if what < 0.03:
        return random.choice((b"", b"RIFF", b"fLaC", b"OggS", b"ID3")) + random.randbytes(
            random.randrange(400)
        )
    if what < 0.4:
        data = lie(random, data)
    return data if what < 0.25 else mutated(random, data, files())


class _Reader:
    """All that ``vau transcribe`` does to a file before it is heard."""

    def take(self, parts: Parts) -> bool:
        ((_, data),) = parts
        try:
            format_of(io.BytesIO(data))
            header(io.BytesIO(data))
            pcm = read_pcm(io.BytesIO(data))
            mono = to_mono_16k(pcm)
        except VauError:
            return False
        assert pcm.samples.dtype == np.int16
        assert mono.dtype == np.int16
        assert len(pcm.samples) > 0
        assert max(pcm.samples.size, len(mono)) <= MOST_SAMPLES, "a bomb"
        return True

    def check(self) -> None:
        data = files()[0]
        np.testing.assert_array_equal(read_pcm(io.BytesIO(data)).samples, noise(2400))

    def resident_bytes(self) -> int:
        return resident_bytes()

    def close(self) -> None:
        pass


def _open(_folder: Path) -> _Reader:
    return _Reader()


def _make(random: Random) -> Parts:
    return (("file", damaged(random)),)


TARGET: Final = Target(share=32, make=_make, open=_open)
