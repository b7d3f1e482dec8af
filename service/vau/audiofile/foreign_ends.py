"""Whether a file of a container that states its length is all there: decoders do not notice."""

import os
import struct
from collections.abc import Callable
from typing import BinaryIO, Final

from vau.audiofile.containers import cut_short

MOST_BOXES: Final = 1_000_000  # of a recording in fragments, one a second: eleven days
_SEGMENT: Final = b"\x18\x53\x80\x67"
_FILE_PROPERTIES: Final = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_IS_BROADCAST: Final = 1


def _check_mp4(file: BinaryIO, name: str) -> None:
    """Raise AudioCorrupt unless every box is all there.

    Ref: ISO/IEC 14496-12, section 4.2: a box begins with its size and type, 4 bytes each. If
         the size is 1 it stands in the 8 bytes behind these; 0 is up to the end.
    """
    size_bytes, at = file.seek(0, os.SEEK_END), 0
    for _ in range(MOST_BOXES):
        file.seek(at)
        head = file.read(16)
        if not head:
            return
        size = struct.unpack(">I", head[:4])[0]
        if size == 1:
            size = struct.unpack(">8xQ", head)[0]
        if size == 0:
            return
        if size < 8:
            raise cut_short(name, f"at byte {at} there is no box of MP4")
        at += size
        if at > size_bytes:
            raise cut_short(name, f"it states {at} bytes, {size_bytes} are there")
    raise cut_short(name, f"it has more than {MOST_BOXES} boxes")


def _check_matroska(file: BinaryIO, name: str) -> None:
    """Raise AudioCorrupt unless the segment is all there; a live one states no size.

    Ref: RFC 8794, section 4: the size of an element has as many bytes as its first one has
         leading zero bits, and one more; all ones are unknown.
    """
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(4)
    header = _element_size(file)
    file.seek(header or 0, os.SEEK_CUR)
    if file.read(4) != _SEGMENT:
        raise cut_short(name, "it has no segment")
    size = _element_size(file)
    end = file.tell() + (size or 0)
    if size is not None and end > size_bytes:
        raise cut_short(name, f"it states {end} bytes, {size_bytes} are there")


def _element_size(file: BinaryIO) -> int | None:
    first = struct.unpack("B", file.read(1))[0]
    length = 9 - first.bit_length()
    if length > 8:
        return None
    bits = 7 * length
    size = int.from_bytes(bytes([first]) + file.read(length - 1), "big") & ((1 << bits) - 1)
    return None if size == (1 << bits) - 1 else size


def _check_aiff(file: BinaryIO, name: str) -> None:
    """Raise AudioCorrupt unless the file is as long as its first chunk states."""
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(4)
    end = 8 + struct.unpack(">I", file.read(4))[0]
    if end > size_bytes:
        raise cut_short(name, f"it states {end} bytes, {size_bytes} are there")


def _check_asf(file: BinaryIO, name: str) -> None:
    """Raise AudioCorrupt unless the file is as long as it states; a broadcast states nothing.

    Ref: Advanced Systems Format, section 3.2: the size is 40 bytes behind the start of the file
         properties, the flags are 88.
    """
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(16)
    header_bytes = struct.unpack("<Q", file.read(8))[0]
    file.seek(0)
    header = file.read(min(header_bytes, 1 << 20))
    at = header.find(_FILE_PROPERTIES)
    stated, flags = struct.unpack_from("<40xQ40xI", header, at if at >= 0 else len(header))
    if not flags & _IS_BROADCAST and stated > size_bytes:
        raise cut_short(name, f"it states {stated} bytes, {size_bytes} are there")


ENDS: Final[dict[str, Callable[[BinaryIO, str], None]]] = {
    "mov": _check_mp4,
    "matroska": _check_matroska,
    "aiff": _check_aiff,
    "asf": _check_asf,
}
"""By libav's name: what raises AudioCorrupt, or struct.error, for a file that is cut short."""
