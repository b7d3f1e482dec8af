"""Audio files to PCM.

A file that was cut short is an error, never a shorter transcript. WAV states its size, FLAC
its number of samples and a checksum, and the last page of an Ogg stream (Vorbis or Opus) is
marked. An MP3 states its length only in an optional first frame; one without it that lost
its end on a frame boundary cannot be told from a whole one.
"""

import hashlib
import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from vau.audio import to_int16
from vau.audiofile.containers import (
    READ_SAMPLES,
    Format,
    check_flac_sum,
    check_ogg_ends,
    check_sphere,
    checked_wav,
    cut_short,
    sniff,
)
from vau.audiofile.converting import Pcm
from vau.errors import AudioCorrupt, AudioError, AudioUnsupported

RATES_HZ: Final = range(1_000, 1_000_001)
"""No recording has another; a header that states a lower one is a lie that would fill the
memory with samples at 16 kHz."""
MP3_SAMPLES_PER_BYTE: Final = 24  # of MPEG-2 at 24 kHz and 8 kbit/s, the sparsest there is
MP3_FRAME_BYTES: Final = 1 << 10  # so much may lack at either end


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself before any of it is decoded."""

    rate_hz: int
    channels: int
    frames: int
    """As stated; how many there really are shows when they are decoded."""

    format: Format


def format_of(source: BinaryIO) -> Format:
    """Tell what a file is by its first bytes alone. Raises what ``read_pcm`` raises."""
    return sniff(source, "audio")


def header(source: BinaryIO) -> Header:
    """Read the header of such a file. Raises what ``read_pcm`` raises."""
    with _opened(source, "audio") as (decoder, kind):
        return Header(decoder.samplerate, decoder.channels, decoder.frames, kind)


def read_pcm(source: Path | BinaryIO) -> Pcm:
    """Decode a WAV, FLAC, Ogg Vorbis, Ogg Opus, MP3 or NIST SPHERE file.

    source: a path, or a binary file that can seek.
    16-bit integers are taken as they are; all else is scaled as ``vau.audio.to_int16`` says.
    Raises  AudioCorrupt if it is cut short, empty, damaged or holds a NaN,
            AudioUnsupported if it is of another format, AudioError if it cannot be opened.
    """
    if isinstance(source, Path):
        with open_file(source) as file:
            return _read(file, str(source))
    return _read(source, "audio")


class _Decoder(soundfile.SoundFile):  # type: ignore[misc] # the library has no types
    """Decodes from the first sample to the last.

    The library seeks to where it stands after each read of a file that can. That costs time,
    and an MP3 decoder that seeks loses what earlier frames left for later ones.
    """

    def seekable(self) -> bool:
        """Tell it that this file cannot."""
        return False


@contextmanager
def _opened(file: BinaryIO, name: str) -> Iterator[tuple[_Decoder, Format]]:
    """Open a decoder for ``file``, after what it would not notice has been checked."""
    kind = sniff(file, name)
    if kind == "wav":
        with _decoding(name):
            file = checked_wav(file, name)
    if kind == "ogg":
        check_ogg_ends(file, name)
    if kind == "sphere":
        check_sphere(file, name)
    file_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    with _decoding(name):
        decoder = _Decoder(file)
    with decoder:
        _check_header(decoder, kind, file_bytes, name)
        yield decoder, kind


def _check_header(
    decoder: soundfile.SoundFile, kind: Format, file_bytes: int, name: str
) -> None:
    """Raise unless the file may be what its header states; memory is taken by its word."""
    if kind == "flac" and decoder.frames >= 1 << 36:  # wider than the header's field
        raise AudioCorrupt(
            f"{name}: its header states no length; encode it into a file, not a pipe",
            field="audio",
        )
    if kind == "mp3" and decoder.frames > MP3_SAMPLES_PER_BYTE * (file_bytes + MP3_FRAME_BYTES):
        raise cut_short(name, f"{decoder.frames} samples are stated in {file_bytes} bytes")
    check_rate(decoder.samplerate, name)


def check_rate(rate_hz: int, name: str) -> None:
    """Raise AudioUnsupported for a rate that no recording has."""
    if rate_hz not in RATES_HZ:
        raise AudioUnsupported(
            f"{name}: its header states {rate_hz} Hz, which is outside "
            f"{RATES_HZ.start}..{RATES_HZ.stop - 1}; export it again",
            field="audio",
            found=rate_hz,
        )


@contextmanager
def opened_pcm(
    file: BinaryIO, name: str
) -> Iterator[tuple[Header, Iterator[NDArray[np.int16]]]]:
    """Yield what a file says of itself and its samples, in blocks of shape (frames, channels).

    Raises  what ``read_pcm`` raises: of the end of a file, behind its last block.
    """
    with _opened(file, name) as (decoder, kind):
        said = Header(decoder.samplerate, decoder.channels, decoder.frames, kind)
        yield said, _blocks(decoder, said, file, name)


@contextmanager
def open_file(file: Path) -> Iterator[io.BufferedReader]:
    """Open a file; what the system has against it, then or later, becomes an AudioError."""
    try:
        try:
            opened = file.open("rb")
        except ValueError as cause:  # a NUL in its name, or half of a surrogate pair
            raise OSError(f"no file has such a name: {cause}") from cause
        with opened:
            yield opened
    except OSError as cause:
        reason = cause.strerror or str(cause)
        raise AudioError(f"{file}: {reason}; check the path", field="audio") from cause


def _read(file: BinaryIO, name: str) -> Pcm:
    with opened_pcm(file, name) as (said, blocks):
        return Pcm(np.concatenate(list(blocks)), said.rate_hz, said.format)


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Translate what a broken file raises.

    TypeError is the library's answer to a name in .raw, struct.error our own to a chunk
    that ends too soon.
    """
    try:
        yield
    except struct.error as cause:
        raise cut_short(name, "it ends within a header") from cause
    except (soundfile.SoundFileError, TypeError) as cause:
        raise AudioCorrupt(
            f"{name}: cannot be decoded ({cause}); it is damaged or cut short: "
            "export or copy it again",
            field="audio",
        ) from cause


def _blocks(
    decoder: _Decoder, said: Header, file: BinaryIO, name: str
) -> Iterator[NDArray[np.int16]]:
    """Decode to the end, then look whether it is the end of a whole file."""
    dtype = "int16" if decoder.subtype == "PCM_16" else "float64"
    size = max(1, READ_SAMPLES // said.channels)
    md5 = hashlib.md5(usedforsecurity=False)
    is_summed = said.format == "flac" and dtype == "int16"
    done = 0
    while True:
        with _decoding(name):
            block = decoder.read(size, dtype=dtype, always_2d=True)
        if not len(block):
            break
        if is_summed:
            md5.update(block.astype("<i2", copy=False).data)
        yield block if dtype == "int16" else scaled(block, done, name)
        done += len(block)
    if not done:
        raise AudioCorrupt(f"{name}: holds no sample; give a file with audio", field="audio")
    if done < said.frames:
        raise cut_short(name, f"{done} of {said.frames} samples could be decoded")
    if is_summed:
        check_flac_sum(file, md5.digest(), name)


def scaled(block: NDArray[np.float64], first_frame: int, name: str) -> NDArray[np.int16]:
    """Return 16 bits of each sample. Raises AudioCorrupt, with its place, for a NaN.

    block: shape (frames, channels), full scale 1.0.
    """
    bad = np.argwhere(~np.isfinite(block))
    if len(bad):
        frame, channel = (int(index) for index in bad[0])
        raise AudioCorrupt(
            f"{name}: sample {first_frame + frame} of channel {channel + 1} is "
            f"{block[frame, channel]}; write finite numbers, full scale 1.0",
            field="audio",
            sample=first_frame + frame,
        )
    return to_int16(block)
