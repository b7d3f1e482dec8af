"""Audio files to PCM, and PCM of any rate and channel count to 16 kHz mono.

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
from typing import BinaryIO, Final, Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from vau.audio import FULL_SCALE, SAMPLE_RATE_HZ, to_int16
from vau.counted import counted
from vau.errors import AudioCorrupt, AudioError, AudioUnsupported

Format = Literal["wav", "flac", "ogg", "mp3"]
"""The container; ``ogg`` holds Vorbis or Opus."""

Channel = int | Literal["mix"]
"""Which channel to take, the first is 1; or the mean of all."""

SUFFIXES: Final = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3")
"""What files of these formats are usually called; reading goes by content alone."""

READ_FRAMES: Final = 1 << 16  # a block while reading: bounds memory beyond the result's
RATES_HZ: Final = range(1_000, 1_000_001)
"""No recording has another; a header that states a lower one is a lie that would fill the
memory with samples at 16 kHz."""

MP3_SAMPLES_PER_BYTE: Final = 24  # of MPEG-2 at 24 kHz and 8 kbit/s, the sparsest there is
MP3_FRAME_BYTES: Final = 1 << 10  # so much may lack at either end
RESAMPLING_QUALITY: Final = "VHQ"

_MAGIC: Final[dict[bytes, Format]] = {
    b"RIFF": "wav",
    b"RIFX": "wav",
    b"RF64": "wav",
    b"fLaC": "flac",
    b"OggS": "ogg",
}
_WAV_SAMPLES: Final = (1, 3, 0xFFFE)  # integers, floats, either: codings without blocks
MAX_WAV_CHUNKS: Final = 1000  # before the audio; what cameras and editors write is a dozen
_SIZE_UNKNOWN: Final = 0xFFFFFFFF  # as ffmpeg writes it into a pipe
_SIZE_UNKNOWN_SIGNED: Final = range(0x7FFF_0000, 0x8000_0001)  # sox, arecord: about 2 GiB


@dataclass(frozen=True, slots=True)
class Pcm:
    """A decoded file."""

    samples: NDArray[np.int16]
    """Shape (frames, channels)."""

    rate_hz: int
    format: Format


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
    return _sniff(source, "audio")


def header(source: BinaryIO) -> Header:
    """Read the header of such a file. Raises what ``read_pcm`` raises."""
    with _opened(source, "audio") as (decoder, kind):
        return Header(decoder.samplerate, decoder.channels, decoder.frames, kind)


@dataclass(frozen=True, slots=True)
class Recording:
    """A file as a model hears it."""

    samples: NDArray[np.int16]
    """At 16 kHz, shape (samples,); one at least."""

    sha256: str
    """Hex digest of the bytes that were read."""


def read_recording(file: Path, channel: Channel = "mix") -> Recording:
    """Decode a file to 16 kHz mono: one channel, or the mean of all.

    Raises AudioError as ``read_pcm`` and ``to_mono_16k`` do, and AudioCorrupt if it is so
           short that no sample is left at 16 kHz.
    """
    with _open_file(file) as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        pcm = _read(opened, str(file))
    samples = to_mono_16k(pcm, channel)
    if not len(samples):
        raise AudioCorrupt(
            f"{file}: its length of {len(pcm.samples)} at {pcm.rate_hz} Hz is less than a "
            "sample at 16 kHz; give a file with audio",
            field="audio",
        )
    return Recording(samples, sha256)


def read_pcm(source: Path | BinaryIO) -> Pcm:
    """Decode a WAV, FLAC, Ogg Vorbis, Ogg Opus or MP3 file.

    source: a path, or a binary file that can seek.
    16-bit integers are taken as they are; all else is scaled as ``vau.audio.to_int16`` says.
    Raises  AudioCorrupt if it is cut short, empty, damaged or holds a NaN,
            AudioUnsupported if it is of another format, AudioError if it cannot be opened.
    """
    if isinstance(source, Path):
        with _open_file(source) as file:
            return _read(file, str(source))
    return _read(source, "audio")


def to_mono_16k(pcm: Pcm, channel: Channel = "mix") -> NDArray[np.int16]:
    """Return one channel of ``pcm``, or the mean of all, at 16 kHz; shape (samples,).

    Raises AudioUnsupported if it has no such channel.
    """
    converter = Converter(pcm.rate_hz, pcm.samples.shape[1], channel)
    starts = range(0, len(pcm.samples), READ_FRAMES)
    blocks = [converter.push(pcm.samples[at : at + READ_FRAMES]) for at in starts]
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


@contextmanager
def _opened(file: BinaryIO, name: str) -> Iterator[tuple[soundfile.SoundFile, Format]]:
    """Open a decoder for ``file``, after what it would not notice has been checked."""
    kind = _sniff(file, name)
    if kind == "wav":
        with _decoding(name):
            file = _checked_wav(file, name)
    if kind == "ogg":
        _check_ogg_ends(file, name)
    file_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    with _decoding(name), soundfile.SoundFile(file) as decoder:
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
        raise _cut_short(name, f"{decoder.frames} samples are stated in {file_bytes} bytes")
    if decoder.samplerate not in RATES_HZ:
        raise AudioUnsupported(
            f"{name}: its header states {decoder.samplerate} Hz, which is outside "
            f"{RATES_HZ.start}..{RATES_HZ.stop - 1}; export it again",
            field="audio",
            found=decoder.samplerate,
        )


@contextmanager
def _open_file(file: Path) -> Iterator[io.BufferedReader]:
    """Open a file; what the system has against it, then or later, becomes an AudioError."""
    try:
        with file.open("rb") as opened:
            yield opened
    except OSError as cause:
        reason = cause.strerror or str(cause)
        raise AudioError(f"{file}: {reason}; check the path", field="audio") from cause


def _read(file: BinaryIO, name: str) -> Pcm:
    with _opened(file, name) as (decoder, kind):
        samples = _decoded(decoder, kind, name)
        rate_hz, frames, subtype = decoder.samplerate, decoder.frames, decoder.subtype
    if not len(samples):
        raise AudioCorrupt(f"{name}: holds no sample; give a file with audio", field="audio")
    if len(samples) < frames:
        raise _cut_short(name, f"{len(samples)} of {frames} samples could be decoded")
    if kind == "flac" and subtype == "PCM_16":
        _check_flac_sum(file, samples, name)
    return Pcm(samples, rate_hz, kind)


def _sniff(file: BinaryIO, name: str) -> Format:
    """Return the format that the first bytes announce."""
    file.seek(0)
    start = file.read(4)
    if not start:
        raise AudioCorrupt(f"{name}: is empty (0 bytes); give a file with audio", field="audio")
    if start in _MAGIC:
        return _MAGIC[start]
    if start[:3] == b"ID3" or (start[0] == 0xFF and start[1:2] >= b"\xe0"):
        return "mp3"
    raise AudioUnsupported(
        f"{name}: is not WAV, FLAC, OGG, Opus or MP3; convert it to one of these", field="audio"
    )


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Translate what a broken file raises.

    TypeError is the library's answer to a name in .raw, struct.error our own to a chunk
    that ends too soon.
    """
    try:
        yield
    except (soundfile.SoundFileError, TypeError, struct.error) as cause:
        raise AudioCorrupt(
            f"{name}: cannot be decoded ({cause}); it is damaged or cut short: "
            "export or copy it again",
            field="audio",
        ) from cause


def _decoded(decoder: soundfile.SoundFile, kind: Format, name: str) -> NDArray[np.int16]:
    """Decode to the end, shape (frames, channels)."""
    dtype = "int16" if decoder.subtype == "PCM_16" else "float64"
    # After each read the library seeks to where it stands, and an MP3 decoder that seeks
    # loses what earlier frames left for later ones.
    size = -1 if kind == "mp3" else READ_FRAMES
    blocks: list[NDArray[np.int16]] = []
    done = 0
    while len(block := decoder.read(size, dtype=dtype, always_2d=True)):
        blocks.append(block if dtype == "int16" else _scaled(block, done, name))
        done += len(block)
        if size < 0:
            break
    return np.concatenate(blocks) if blocks else np.zeros((0, decoder.channels), np.int16)


def _scaled(block: NDArray[np.float64], first_frame: int, name: str) -> NDArray[np.int16]:
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


def _checked_wav(file: BinaryIO, name: str) -> BinaryIO:
    """Return ``file`` if its data chunk is all there, or a mended copy if its size is 0."""
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    riff = file.read(12)
    order = ">" if riff[:4] == b"RIFX" else "<"
    big_size = None
    block_bytes = 1
    for _ in range(MAX_WAV_CHUNKS):
        if len(head := file.read(8)) < 8:
            raise _cut_short(name, "it has no data chunk")
        size = struct.unpack(order + "4xI", head)[0]
        start = file.tell()
        if head[:4] == b"ds64":
            big_size = struct.unpack("<8xQ", file.read(16))[0]
        if head[:4] == b"fmt ":
            coding, align = struct.unpack(order + "H10xH", file.read(14))
            block_bytes = align if coding in _WAV_SAMPLES and align else 1
        if head[:4] == b"data":
            present = size_bytes - start
            if size == _SIZE_UNKNOWN and big_size is not None:
                size = big_size
            if size == 0 and present and riff[4:8] != struct.pack(order + "I", size_bytes - 8):
                return _with_size(file, start - 4, struct.pack(order + "I", present))
            if size > present and size != _SIZE_UNKNOWN and size not in _SIZE_UNKNOWN_SIGNED:
                raise _cut_short(
                    name, f"the header states {size} bytes of audio, {present} are there"
                )
            if size <= present and size % block_bytes:
                raise _cut_short(name, f"{size} bytes are not whole samples of {block_bytes}")
            return file
        file.seek(start + size + size % 2)
    raise _cut_short(name, f"it has more than {MAX_WAV_CHUNKS} chunks before its audio")


def _with_size(file: BinaryIO, at: int, size: bytes) -> BinaryIO:
    """Copy a WAV that was written as a stream, its data size filled in."""
    file.seek(0)
    content = bytearray(file.read())
    content[at : at + 4] = size
    return io.BytesIO(content)


def _check_ogg_ends(file: BinaryIO, name: str) -> None:
    """Raise AudioCorrupt unless the last page is complete and marked as the last.

    Ref: RFC 3533, section 6: a page's header has 27 bytes, then one length per segment.
    """
    size_bytes = file.seek(0, os.SEEK_END)
    at, is_last = 0, False
    while at < size_bytes:
        file.seek(at)
        head = file.read(27)
        if len(head) < 27 or head[:4] != b"OggS":
            break  # what follows a last page is no audio: a tag, or padding
        end = at + 27 + head[26] + sum(file.read(head[26]))
        is_last = bool(head[5] & 4) and end <= size_bytes
        at = end
    if not is_last:
        raise _cut_short(name, "its last page is not marked as the end of the stream")


def _check_flac_sum(file: BinaryIO, samples: NDArray[np.int16], name: str) -> None:
    """Raise AudioCorrupt if the samples are not those that were encoded.

    Ref: RFC 9639, section 8.2: STREAMINFO comes first and ends with the MD5 of the samples,
         interleaved and little-endian; zeros if unknown.
    """
    file.seek(4 + 4 + 18)
    stated = file.read(16)
    found = hashlib.md5(samples.astype("<i2").tobytes(), usedforsecurity=False).digest()
    if stated not in (bytes(16), found):
        raise AudioCorrupt(
            f"{name}: the MD5 of its samples is {found.hex()}, its header says {stated.hex()}; "
            "it is damaged: export or copy it again",
            field="audio",
        )


def _cut_short(name: str, what: str) -> AudioCorrupt:
    return AudioCorrupt(
        f"{name}: is cut short or damaged: {what}; export or copy it again", field="audio"
    )
