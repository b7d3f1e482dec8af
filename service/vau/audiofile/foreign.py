"""Audio files of formats that take PyAV to decode, which is the extra ``av``.

A file that was cut short is an error here too where its container states how long it is: MP4
and its relatives, AIFF, ASF, and Matroska and WebM but for those that were recorded live. AMR
and AAC state no length: one that lost its end in the middle of a frame is told, and one that
lost it on a frame boundary cannot be told from a whole one.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from vau.audiofile.containers import READ_SAMPLES, cut_short
from vau.audiofile.foreign_ends import ENDS
from vau.audiofile.reading import check_rate, open_file, scaled
from vau.errors import AudioCorrupt, AudioError, AudioUnsupported

FOREIGN_SUFFIXES: Final = (
    *(".m4a", ".mp4", ".m4b", ".mov", ".3gp", ".webm", ".mka", ".mkv"),
    *(".aac", ".amr", ".wma", ".aif", ".aiff"),
)
"""What files of these formats are usually called; reading goes by content alone."""

LONGEST_MAGIC: Final = 12


@dataclass(frozen=True, slots=True)
class Kind:
    """A container."""

    name: str
    demuxer: str
    """What libav calls it. It is told, so that no file makes it read another one."""


_MP4: Final = Kind("MP4", "mov")
_AAC: Final = Kind("AAC", "aac")
_KINDS: Final[tuple[tuple[int, bytes, Kind], ...]] = (
    (4, b"ftyp", _MP4),
    (0, b"\x1a\x45\xdf\xa3", Kind("Matroska or WebM", "matroska")),
    (0, b"\xff\xf1", _AAC),
    (0, b"\xff\xf9", _AAC),
    (0, b"#!AMR", Kind("AMR", "amr")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Kind("ASF", "asf")),
    (8, b"AIFF", Kind("AIFF", "aiff")),
    (8, b"AIFC", Kind("AIFF", "aiff")),
)
"""Where in a file which bytes stand, and what it is then."""

_SCALES: Final = {"s32": 1 << 31, "u8": 1 << 7, "flt": 1, "dbl": 1}
"""Full scale of what libav calls the form of a sample; that of s16 is ours."""


@dataclass(frozen=True, slots=True)
class Track:
    """What is decoded."""

    rate_hz: int
    channels: int


def kind_of(file: BinaryIO) -> Kind | None:
    """Tell what a file is by its first bytes alone; None if it is no such format."""
    file.seek(0)
    start = file.read(LONGEST_MAGIC)
    return next((kind for at, magic, kind in _KINDS if start[at:].startswith(magic)), None)


def is_foreign_readable() -> bool:
    """Tell whether the extra is installed."""
    return find_spec("av") is not None


def foreign_s(file: Path) -> float:
    """Return how many seconds such a file lasts, as far as its container knows.

    0 if it is none, cannot be read, or does not say.
    """
    try:
        with open_file(file) as opened:
            kind = kind_of(opened)
            if kind is None or not is_foreign_readable():
                return 0.0
            with _opened(opened, str(file), kind) as container:
                return float((container.duration or 0) / 1e6)
    except AudioError:
        return 0.0


@contextmanager
def opened_foreign(
    file: BinaryIO, name: str, kind: Kind
) -> Iterator[tuple[Track, Iterator[NDArray[np.int16]]]]:
    """Yield the first audio track of a file, in blocks of shape (frames, channels).

    Samples of 16 bits are taken as they are; all else is scaled as ``to_int16`` says.
    Raises AudioUnsupported without the extra, or if there is no audio, AudioCorrupt if it is
           cut short or damaged: of the end of a file, behind its last block.
    """
    with _opened(file, name, kind) as container:
        tracks = container.streams.audio
        if not tracks:
            raise AudioUnsupported(
                f"{name}: holds no audio; name a file that does", field="audio"
            )
        with _decoding(name):
            frames = container.decode(tracks[0])
            first = next(frames, None)
        if first is None:
            raise cut_short(name, "no sample of it could be decoded")
        track = Track(first.sample_rate, first.layout.nb_channels)
        check_rate(track.rate_hz, name)
        yield track, _blocks(chain([first], frames), track, name)


@contextmanager
def _opened(file: BinaryIO, name: str, kind: Kind) -> Iterator[Any]:
    """Open a container; raises as ``opened_foreign`` does."""
    try:
        import av  # noqa: PLC0415 - an extra
    except ImportError as cause:
        raise AudioUnsupported(
            f"{name}: is {kind.name}, which needs PyAV, and that cannot be used ({cause}); "
            "install it: pip install 'vau[av]', or convert the file to WAV or FLAC",
            field="audio",
        ) from cause
    with _decoding(name):
        if (ends := ENDS.get(kind.demuxer)) is not None:
            ends(file, name)
        file.seek(0)
        container = av.open(file, format=kind.demuxer, metadata_errors="ignore")
    with container:
        yield container


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Translate what a broken file raises: libav's errors, or ours if its end is missing."""
    from av.error import FFmpegError  # noqa: PLC0415 - an extra

    try:
        yield
    except struct.error as cause:
        raise cut_short(name, "it ends within a header") from cause
    except (FFmpegError, ValueError) as cause:
        raise AudioCorrupt(
            f"{name}: cannot be decoded ({cause}); it is damaged or cut short: "
            "export or copy it again",
            field="audio",
        ) from cause


def _blocks(frames: Iterator[Any], track: Track, name: str) -> Iterator[NDArray[np.int16]]:
    """Decode to the end; many a frame makes a block."""
    held: list[NDArray[np.int16]] = []
    first = done = 0
    while True:
        with _decoding(name):
            frame = next(frames, None)
        if frame is None:
            break
        if frame.is_corrupt:
            raise cut_short(name, f"what stands behind sample {done} is no audio")
        if Track(frame.sample_rate, frame.layout.nb_channels) != track:
            raise AudioUnsupported(
                f"{name}: its rate or channels change at sample {done}; export it again",
                field="audio",
            )
        held.append(_samples(frame, done, name))
        done += len(held[-1])
        if (done - first) * track.channels >= READ_SAMPLES:
            yield np.concatenate(held)
            held, first = [], done
    if held:
        yield np.concatenate(held)


def _samples(frame: Any, first: int, name: str) -> NDArray[np.int16]:  # noqa: ANN401
    """Return the samples of a frame, shape (frames, channels)."""
    array = frame.to_ndarray()
    form = frame.format.name.removesuffix("p")
    planes = array.T if frame.format.is_planar else array.reshape(frame.samples, -1)
    if form == "s16":
        return np.ascontiguousarray(planes)
    if form not in _SCALES:
        raise AudioUnsupported(
            f"{name}: its samples are {form}, of which nothing is known; convert it to WAV",
            field="audio",
        )
    middle = 128 if form == "u8" else 0
    return scaled((planes.astype(np.float64) - middle) / _SCALES[form], first, name)
