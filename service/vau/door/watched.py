"""Files that are read again when they change, and kept as they were when that fails."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, Literal, TypeVar

from vau.errors import ConfigInvalid

T = TypeVar("T")

Outcome = Literal["same", "renewed", "kept"]
"""Nothing changed; what was read is new; the files changed, and cannot be used as they are."""


class Watched(Generic[T]):
    """What some files together say. One thread may ``look`` while others take the value."""

    def __init__(self, files: Sequence[Path], read: Callable[[], T]) -> None:
        """Read them. Raises what ``read`` raises."""
        self._files = tuple(files)
        self._read = read
        self._seen = self._signature()
        self.value = read()
        self.failure: ConfigInvalid | None = None
        """Why the files as they are now cannot be used; None if ``value`` is what they say."""

    def look(self, *, anyway: bool = False) -> Outcome:
        """Read the files again if they have changed, or anyway; on failure ``value`` stays."""
        signature = self._signature()
        if signature == self._seen and not anyway:
            return "same"
        self._seen = signature  # before reading: what changes meanwhile is seen the next time
        try:
            self.value = self._read()
        except ConfigInvalid as failure:
            self.failure = failure
            return "kept"
        self.failure = None
        return "renewed"

    def _signature(self) -> tuple[object, ...]:
        """Return what differs once a file was written, replaced, removed or made readable."""
        return tuple(_stat(file) for file in self._files)


def _stat(file: Path) -> tuple[int, ...] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev)
