"""Where transcripts go, and who writes each format."""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from vau.transcripts.jsonl import write_jsonl
from vau.transcripts.npz import write_npz
from vau.transcripts.transcription import Transcription
from vau.wholefile import unwritable

OutputFormat = Literal["jsonl", "npz"]


@dataclass(frozen=True, slots=True)
class Output:
    """Where transcripts go, and in which formats."""

    folder: Path
    formats: tuple[OutputFormat, ...]

    def prepare(self) -> None:
        """Make the folder. Raises ConfigInvalid if no file can be written there."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as cause:
            raise unwritable(self.folder, cause) from cause


WRITERS: Final[dict[OutputFormat, Callable[[Transcription, Path], None]]] = {
    "jsonl": write_jsonl,
    "npz": write_npz,
}


def write(done: Transcription, stem: Path, formats: Iterable[OutputFormat]) -> None:
    """Write ``done`` to ``stem`` with each format's suffix, making its folder if need be."""
    for name in formats:
        WRITERS[name](done, stem.with_name(f"{stem.name}.{name}"))
