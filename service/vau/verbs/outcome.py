"""What becomes of a verb: its exit status, and what it says of errors."""

import signal
import sys
from pathlib import Path
from typing import Final

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


def complain(
    error: VauError, file: Path | None = None, context: typer.Context | None = None
) -> int:
    """Say in one line what went wrong, of a file or of a command; return the exit status."""
    if context is not None:
        reword(context, error)
    text = " ".join(str(error).split())
    where = f"{file}: " if file is not None and str(file) not in text else ""
    print(f"vau: error: {where}{text}", file=sys.stderr)
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)


def warn(text: str) -> None:
    """Say what is worth knowing and no error."""
    print("vau: notice:", text, file=sys.stderr, flush=True)


def inform(text: str) -> None:
    """Say how something goes on."""
    print(f"vau: {text}", file=sys.stderr, flush=True)


def written(file: Path) -> None:
    """Say where something was written."""
    inform(f"written: {file}")
