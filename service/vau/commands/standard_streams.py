"""The standard streams of a process: any of them may be closed, and the output full."""

import errno
import io
import os
import sys
from typing import Final

FULL: Final = {
    errno.ENOSPC: "no space is left where it goes",
    errno.EDQUOT: "the quota of where it goes is used up",
    errno.EFBIG: "what it goes to may not be so large",
    errno.EIO: "the device that it goes to fails",
}


def hold_standard_streams() -> None:
    """Lead those that are closed to nowhere, so that no other file takes their place.

    A path that is no UTF-8 leaves by the standard output with the bytes that it came with.
    """
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)
    # They live as long as the process.
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")


def why_unwritten(error: OSError) -> str:
    """Say why the standard output could not be written; nothing if that is not what failed."""
    return "" if error.filename is not None else FULL.get(error.errno or 0, "")


def abandon_output() -> None:
    """Write no more to the standard output, not even what still waits to be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
