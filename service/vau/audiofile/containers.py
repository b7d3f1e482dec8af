"""What formats are told by, and whether a file is all there, which decoders do not notice."""

import io
import math
import os
import re
import struct
from typing import TYPE_CHECKING, BinaryIO, Final, Literal

from vau.errors import AudioCorrupt, AudioUnsupported

if TYPE_CHECKING:
    from typing_extensions import Buffer

Format = Literal["wav", "flac", "ogg", "mp3", "sphere"]
"""The container; ``ogg`` holds Vorbis or Opus."""

SUFFIXES: Final = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".sph")
"""What files of these formats are usually called; reading goes by content alone."""

READ_SAMPLES: Final = 1 << 16  # of a block while reading, all channels together

_MAGIC: Final[dict[bytes, Format]] = {
    b"RIFF": "wav",
    b"RIFX": "wav",
    b"RF64": "wav",
    b"fLaC": "flac",
    b"OggS": "ogg",
    b"NIST": "sphere",
}
_WAV_SAMPLES: Final = (1, 3, 0xFFFE)  # integers, floats, either: codings without blocks
MAX_WAV_CHUNKS: Final = 1000  # before the audio; what cameras and editors write is a dozen
SPHERE_LINES: Final = len("NIST_1A\n   1024\n")
SPHERE_COUNTS: Final = ("sample_count", "channel_count", "sample_n_bytes")
_SIZE_UNKNOWN: Final = 0xFFFFFFFF  # as ffmpeg writes it into a pipe
_SIZE_UNKNOWN_SIGNED: Final = range(0x7FFF_0000, 0x8000_0001)  # sox, arecord: about 2 GiB


def sniff(file: BinaryIO, name: str) -> Format:
    """Return the format that the first bytes announce."""
    file.seek(0)
    start = file.read(4)
    if not start:
        raise AudioCorrupt(f"{name}: is empty (0 bytes); give a file with audio", field="audio")
    if start in _MAGIC:
        return _MAGIC[start]
    is_layered = start[0] == 0xFF and start[1:2] >= b"\xe0" and start[1] & 0b110  # AAC has none
    if start[:3] == b"ID3" or is_layered:
        return "mp3"
    raise AudioUnsupported(
        f"{name}: is not WAV, FLAC, OGG, Opus, MP3 or NIST SPHERE; convert it to one of these, "
        "for example with ffmpeg",
        field="audio",
    )


def checked_wav(file: BinaryIO, name: str) -> BinaryIO:
    """Return ``file`` if its data chunk is all there; if its size is 0, with that mended."""
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    riff = file.read(12)
    order = ">" if riff[:4] == b"RIFX" else "<"
    big_size = None
    block_bytes = 1
    for _ in range(MAX_WAV_CHUNKS):
        if len(head := file.read(8)) < 8:
            raise cut_short(name, "it has no data chunk")
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
                size_field = struct.pack(order + "I", present)
                return io.BufferedReader(_Mended(file, start - 4, size_field))
            if size > present and size != _SIZE_UNKNOWN and size not in _SIZE_UNKNOWN_SIGNED:
                raise cut_short(
                    name, f"the header states {size} bytes of audio, {present} are there"
                )
            if size <= present and size % block_bytes:
                raise cut_short(name, f"{size} bytes are not whole samples of {block_bytes}")
            return file
        file.seek(start + size + size % 2)
    raise cut_short(name, f"it has more than {MAX_WAV_CHUNKS} chunks before its audio")


class _Mended(io.RawIOBase):
    """A file of which a few bytes read otherwise than they are."""

    def __init__(self, file: BinaryIO, at: int, patch: bytes) -> None:
        """Begin where ``file`` stands; it stays the caller's to close."""
        self._file, self._at, self._patch = file, at, patch

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def readinto(self, buffer: "Buffer", /) -> int:
        view = memoryview(buffer).cast("B")
        start = self._file.tell()
        data = bytearray(self._file.read(len(view)))
        for place, byte in enumerate(self._patch, self._at - start):
            if 0 <= place < len(data):
                data[place] = byte
        view[: len(data)] = data
        return len(data)


def check_ogg_ends(file: BinaryIO, name: str) -> None:
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
        raise cut_short(name, "its last page is not marked as the end of the stream")


def check_flac_sum(file: BinaryIO, found: bytes, name: str) -> None:
    """Raise AudioCorrupt if the samples, of which ``found`` is the MD5, are not the encoded.

    Ref: RFC 9639, section 8.2: STREAMINFO comes first and ends with the MD5 of the samples,
         interleaved and little-endian; zeros if unknown.
    """
    file.seek(4 + 4 + 18)
    stated = file.read(16)
    if stated not in (bytes(16), found):
        raise AudioCorrupt(
            f"{name}: the MD5 of its samples is {found.hex()}, its header says {stated.hex()}; "
            "it is damaged: export or copy it again",
            field="audio",
        )


def check_sphere(file: BinaryIO, name: str) -> None:
    """Raise unless the file is as long as its header states, and its samples are not packed.

    Ref: NIST SPHERE 2.6: the second line is the size of the header, then a field a line:
         name, type and value.
    """
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    start = file.read(SPHERE_LINES)
    header_bytes = start[len("NIST_1A\n") :]
    file.seek(0)
    text = file.read(int(header_bytes) if header_bytes.strip().isdigit() else 0)
    fields = {
        words[0]: words[2]
        for line in text.decode("latin-1").splitlines()
        if len(words := line.split(None, 2)) == 3
    }
    coding = fields.get("sample_coding", "pcm").lower()
    if coding not in ("pcm", "ulaw", "alaw"):
        raise AudioUnsupported(
            f"{name}: its samples are packed ({coding}); unpack it with sph2pipe -p -f wav",
            field="audio",
        )
    counts = [fields.get(each, "") for each in SPHERE_COUNTS]
    if not all(re.fullmatch("[0-9]{1,12}", count) for count in counts):
        raise cut_short(name, f"its header does not state {', '.join(SPHERE_COUNTS)}")
    stated = math.prod(map(int, counts))
    present = size_bytes - len(text)
    if stated != present:
        raise cut_short(name, f"the header states {stated} bytes of audio, {present} are there")


def cut_short(name: str, what: str) -> AudioCorrupt:
    """Return the error of a file of which something lacks."""
    return AudioCorrupt(
        f"{name}: is cut short or damaged: {what}; export or copy it again", field="audio"
    )
