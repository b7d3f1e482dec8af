"""Files that appear under their name once they are whole, and not before."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from vau.errors import ConfigInvalid


class Unwritable(ConfigInvalid):
    """Examples: a full disk, or a folder that belongs to somebody else."""


def write_whole(target: Path, fill: Callable[[BinaryIO], object]) -> Path:
    """Write under a temporary name in the same folder, then rename; return ``target``.

    Raises Unwritable if the folder cannot be written to.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            fill(file)
        temporary.replace(target)
    except OSError as cause:
        raise unwritable(target, cause) from cause
    finally:
        with suppress(OSError):  # most often it is gone: it has its real name
            temporary.unlink()
    return target


def write_text_whole(target: Path, text: str) -> Path:
    r"""Write a text in UTF-8, as ``write_whole`` writes. Raises Unwritable if it cannot.

    Bytes of a file's name that are no UTF-8 become an escape, ``\udcff``, which JSON reads.
    """
    return write_whole(target, lambda file: file.write(text.encode(errors="backslashreplace")))


def unwritable(path: Path, cause: OSError) -> Unwritable:
    """Return the error that says why, and what to do."""
    is_full = cause.errno in (errno.ENOSPC, errno.EDQUOT)
    remedy = "make room there, or choose" if is_full else "choose"
    return Unwritable(
        f"{path}: cannot be written: {cause.strerror or cause}; {remedy} another folder",
        field="out",
    )
