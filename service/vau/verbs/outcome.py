"""What becomes of a verb: its exit status, and what it says of errors."""

import signal
import sys
from pathlib import Path
from typing import Final, TextIO

import typer

from vau import errors
from vau.commands.flags.said import reword
from vau.errors import VauError
from vau.wholefile import Unwritable

DONE, SOME_FAILED, USAGE, UNUSABLE, BAD_AUDIO, LOST, REFUSED = range(7)
DEFECT: Final = 70
UNWRITTEN: Final = 74  # EX_IOERR of sysexits.h
INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM

EXIT_CODES: Final[dict[type[VauError], int]] = {
    VauError: DEFECT,
    errors.ServerDefect: DEFECT,
    errors.ConfigError: USAGE,
    Unwritable: UNWRITTEN,
    errors.AudioError: BAD_AUDIO,
    errors.ModelError: UNUSABLE,
    errors.BackendError: UNUSABLE,
    errors.BackendBusy: REFUSED,
    errors.SlotsExhausted: REFUSED,
    errors.AuthError: REFUSED,
    errors.QuotaExceeded: REFUSED,
    errors.CapabilityMissing: UNUSABLE,
    errors.BadSnapshot: UNUSABLE,
    errors.ResumeError: LOST,
    errors.StreamEnded: LOST,
    errors.Draining: LOST,
    errors.Unreachable: LOST,
}


def write_line(text: str, stream: TextIO) -> None:
    """Write a line at once, so that no thread's line of the log stands within it.

    Where Python does not buffer, as in a container, ``print`` writes the end of a line apart.
    """
    stream.write(f"{text}\n")
    stream.flush()


def complain(
    error: VauError, file: Path | None = None, context: typer.Context | None = None
) -> int:
    """Say in one line what went wrong, of a file or of a command; return the exit status."""
    if context is not None:
        reword(context, error)
    text = " ".join(str(error).split())
    where = f"{file}: " if file is not None and str(file) not in text else ""
    write_line(f"vau: error: {where}{text}", sys.stderr)
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)


def warn(text: str) -> None:
    """Say what is worth knowing and no error."""
    write_line(f"vau: notice: {text}", sys.stderr)


def inform(text: str) -> None:
    """Say how something goes on."""
    write_line(f"vau: {text}", sys.stderr)


def written(file: Path) -> None:
    """Say where something was written."""
    inform(f"written: {file}")
