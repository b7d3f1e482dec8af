"""Files of a few kilobytes that somebody names: keys, certificates, tokens.

A name may lead anywhere. A pipe would be waited for without a word, and a device may
have no end. And what decides who comes in must not be everybody's to change, nor a secret
everybody's to read: ``read_trusted`` and ``read_secret`` refuse such files.
"""

import errno
import os
import stat
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 1 << 20
"""Ten thousand tokens are no more than that."""


def read_small(file: Path) -> bytes:
    """Return what is in a regular file of at most ``MOST_BYTES``.

    Raises OSError, whose ``strerror`` says what is wrong, for anything else; what is no regular
    file is not read from.
    """
    return _read(file, forbidden=0, remedy="")


def read_trusted(file: Path) -> bytes:
    """Do the same with a file that decides something: everybody may read, not change it."""
    return _read(file, forbidden=stat.S_IWOTH, remedy="others may change it; chmod o-w it")


def read_secret(file: Path) -> bytes:
    """Do the same with a secret: it is for its owner, and a group that its owner chose."""
    return _read(
        file, forbidden=stat.S_IRWXO, remedy="others may read or change it; chmod o= it"
    )


def _read(file: Path, *, forbidden: int, remedy: str) -> bytes:
    """Read, unless the mode of the very file that was opened has a bit of ``forbidden``."""
    with open(file, "rb", opener=_without_waiting) as opened:
        mode = os.fstat(opened.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(file))
        if mode & forbidden:
            raise OSError(errno.EACCES, remedy, str(file))
        content = opened.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(errno.EFBIG, f"it holds more than {MOST_BYTES >> 20} MiB", str(file))
    return content


def _without_waiting(file: str, flags: int) -> int:
    """Open, but do not wait for somebody who writes into a pipe."""
    return os.open(file, flags | os.O_NONBLOCK)
