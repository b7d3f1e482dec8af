"""Posteriors as they come, of a file of any length."""

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from vau.wholefile import unwritable

IN_MEMORY_BYTES: Final = 4 << 20  # about four minutes of forty classes


class Rows:
    """Rows of one type and width, end to end; many of them wait in a file without a name.

    Such a file is gone with the process, whatever ends that.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Begin with none.

        folder: where the file is; None keeps all in memory.
        """
        self._folder = folder
        self._recent: list[NDArray[Any]] = []
        self._recent_bytes = 0
        self._file: IO[bytes] | None = None
        self._count = 0

    def add(self, rows: NDArray[Any]) -> None:
        """Take more rows, shape (rows, width). Raises Unwritable if they cannot be put away."""
        self._recent.append(rows)
        self._recent_bytes += rows.nbytes
        self._count += len(rows)
        if self._folder is not None and self._recent_bytes > IN_MEMORY_BYTES:
            self._put_away(self._folder)

    def whole(self) -> NDArray[Any] | None:
        """Return all of them, as an array of the file if there is one; None if none came."""
        if not self._recent:
            return None
        if self._file is None or self._folder is None:
            return np.concatenate(self._recent)
        last = self._recent[-1]
        self._put_away(self._folder)
        shape = (self._count, last.shape[1])
        return np.memmap(self._file, last.dtype, "r", shape=shape)

    def close(self) -> None:
        """Let go of the file; an array of it stays whole. Closing twice is harmless."""
        if self._file is not None:
            with suppress(OSError):  # what could not be written cannot be now
                self._file.close()

    def _put_away(self, folder: Path) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - see close
            for rows in self._recent:
                self._file.write(np.ascontiguousarray(rows).data)
            self._file.flush()
        except OSError as cause:
            self.close()
            raise unwritable(folder, cause) from cause
        self._recent, self._recent_bytes = [self._recent[-1][:0]], 0
