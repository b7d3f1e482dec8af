"""Where Vau writes: is there room, and a right to."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from vau.commands.doctor.check import Asked, Check, Checks

LEAST_MIB: Final = 500  # a virtual board that was built takes about 100 of them

CACHE_USE: Final = "virtual boards are built into it"
TEMPORARY_USE: Final = "recordings and posteriors that wait go through it"


def examine(_asked: Asked) -> Checks:
    """Look at the folders that Vau writes into unasked."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    yield folder("places.cache", cache, CACHE_USE, "XDG_CACHE_HOME")
    yield folder("places.temporary", temporary(), TEMPORARY_USE, "TMPDIR")


def temporary() -> Path:
    """Return where temporary files would go, writable or not."""
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        return Path(os.environ.get("TMPDIR", "/tmp"))  # noqa: S108 - it is looked at alone


def folder(name: str, path: Path, use: str, variable: str) -> Check:
    """Judge a folder, or where it would be made."""
    there = next(each for each in (path, *path.parents) if each.exists())
    elsewhere = f"name a folder that you can write to in {variable}"
    if not (there.is_dir() and _is_writable(there)):
        return Check(
            name=name,
            status="warning",
            found=f"{path} cannot be written to",
            meaning=f"{use}; a server that does not needs none of it",
            remedy=elsewhere,
        )
    free_mib = shutil.disk_usage(there).free >> 20
    found = f"{path}: {free_mib} MiB free"
    if free_mib < LEAST_MIB:
        return Check(
            name=name,
            status="warning",
            found=found,
            meaning=f"{use}, and it may not do",
            remedy=f"free some, or {elsewhere}",
        )
    return Check(name=name, status="ok", found=found)


def _is_writable(there: Path) -> bool:
    """Tell whether a file can be made in a folder, by making one that has no name."""
    try:
        with tempfile.TemporaryFile(dir=there):
            return True
    except OSError:
        return False
