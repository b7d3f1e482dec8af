"""Files that appear under their name once they are whole, and not before."""

import errno
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import BinaryIO, Final

from vau.errors import ConfigInvalid

TEMPORARY: Final = re.compile(r"\.(.+)\.[0-9]+\.tmp", re.DOTALL)
"""What a file is called while it is written: its name, and the process."""


class Unwritable(ConfigInvalid):
    """Examples: a full disk, or a folder that belongs to somebody else."""


def write_whole(target: Path, fill: Callable[[BinaryIO], object]) -> Path:
    """Write under a temporary name in the same folder, then rename; return ``target``.

    Raises Unwritable if the folder cannot be written to.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(temporary):
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


def clear_left_over(stems: Iterable[Path]) -> None:
    """Remove what writers of files of these names left behind when they were killed.

    stems:  where files were to be, without what stands behind a dot of their names.
    Whoever still writes holds a lock on it, and keeps it.
    Raises Unwritable for one that cannot be removed.
    """
    names: defaultdict[Path, set[str]] = defaultdict(set)
    for stem in stems:
        names[stem.parent].add(stem.name)
    for folder, wanted in names.items():
        for path in folder.glob(".*.tmp"):
            found = TEMPORARY.fullmatch(path.name)
            if found is not None and not wanted.isdisjoint(_before_dots(found[1])):
                _remove_unless_locked(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Make a file, and keep it from who clears away until the end, or our death."""
    while True:
        with path.open("ab") as file:
            with suppress(OSError):  # of a file system without locks: nobody clears away there
                flock(file, LOCK_EX)
            if _is_at(path, file):  # or it was cleared away before it was locked
                yield
                return


def _is_at(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _remove_unless_locked(path: Path) -> None:
    try:
        with path.open("r+b") as file, suppress(BlockingIOError):
            flock(file, LOCK_EX | LOCK_NB)
            if _is_at(path, file):
                path.unlink()
    except FileNotFoundError:  # it has just got its real name
        return
    except OSError as cause:
        raise unwritable(path, cause) from cause


def unwritable(path: Path, cause: OSError) -> Unwritable:
    """Return the error that says why, and what to do."""
    is_full = cause.errno in (errno.ENOSPC, errno.EDQUOT)
    remedy = "make room there, or choose" if is_full else "choose"
    reason = cause.strerror or str(cause)
    there = next(each for each in path.absolute().parents if os.path.lexists(each))
    if cause.errno == errno.ENOENT:
        reason = f"nothing can be made in {there}"
    elif cause.errno == errno.ENOTDIR:
        reason = f"{reason}: {there}"
    return Unwritable(
        f"{path}: cannot be written: {reason}; {remedy} another folder", field="out"
    )


def _before_dots(name: str) -> Iterable[str]:
    return (name[:at] for at, character in enumerate(name) if character == ".")
