"""What was written into a folder, and of what: by it a run that was cut off goes on.

``manifest.jsonl`` in the output folder has a line for each recording, added once its files
are there. A recording need not be heard again if all that it came from is still the same, and
all that was written is still as it was. Of several lines of one recording the last counts,
and one that was cut short counts for nothing.

Workers that share no disk, or one that cannot append, note what they finish in parts,
``manifest.parts/*.jsonl``, which the end of their run, or the next run, puts into the journal.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from vau.errors import ConfigInvalid
from vau.transcripts import Engine, Transcription, to_json
from vau.wholefile import unwritable

NAME: Final = "manifest.jsonl"
PARTS: Final = "manifest.parts"
MOST_SAMPLES: Final = 1 << 62  # beyond what any file holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One recording, what heard it, and what was written."""

    file: str
    name: str
    """Of the transcript, relative to the folder, without suffix."""

    sha256: str
    samples: int
    model_digest: str
    arithmetic_id: str
    options: str
    """Digest of what else decides what is written."""

    outputs: dict[str, str]
    """SHA-256 of each file, by its path relative to the folder."""

    def holds(
        self, file: Path, engine: Engine, options: str, digest_of: Callable[[str], str]
    ) -> bool:
        """Tell whether ``file`` would be heard and written just as it was.

        digest_of: the SHA-256 of what is at a path now.
        """
        return (
            self.file == str(file)
            and self.model_digest == engine.model_digest
            and self.arithmetic_id == engine.arithmetic_id
            and self.options == options
            and self.sha256 == sha256_of(file)
            and all(digest_of(at) == digest for at, digest in self.outputs.items())
        )

    @property
    def line(self) -> bytes:
        """The line of the journal."""
        return (to_json(asdict(self)) + "\n").encode()


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of one folder."""

    folder: Path

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.folder / NAME

    def mend(self) -> None:
        """End a line that was cut short, so that the next is one of its own; take in the parts.

        Raises Unwritable if it cannot be written.
        """
        parts = sorted((self.folder / PARTS).glob("*.jsonl"))
        left_over = list((self.folder / PARTS).glob(".*.tmp"))
        try:
            with self.path.open("a+b") as file:
                if file.seek(0, 2):
                    file.seek(-1, 2)
                    if file.read(1) != b"\n":
                        file.write(b"\n")
                file.writelines(part.read_bytes() for part in parts)
            for path in (*parts, *left_over):
                path.unlink(missing_ok=True)
            with suppress(OSError):  # mostly it is not there
                (self.folder / PARTS).rmdir()
        except OSError as cause:
            raise unwritable(self.path, cause) from cause

    def entries(self) -> dict[str, Entry]:
        """Return the last line of each recording, by the name of its transcript.

        Raises ConfigInvalid if it is there and cannot be read.
        """
        try:
            return entries_in(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as cause:
            raise ConfigInvalid(
                f"{self.path}: cannot be read: {cause.strerror or cause}", field="out"
            ) from cause

    def add(self, entry: Entry) -> None:
        """Append a line, in one piece even if several processes do.

        Raises Unwritable if it cannot be written.
        """
        line = entry.line
        try:
            with self.path.open("ab", buffering=0) as file:
                written_bytes = file.write(line)
                if written_bytes < len(line):  # the disk is full, and the next write says so
                    file.write(line[written_bytes:])
        except OSError as cause:
            raise unwritable(self.path, cause) from cause

    def entry_of(
        self, done: Transcription, name: Path, options: str, outputs: Iterable[Path]
    ) -> Entry:
        """Return the line of what was just written."""
        return Entry(
            file=done.file,
            name=name.as_posix(),
            sha256=done.sha256,
            samples=done.samples,
            model_digest=done.engine.model_digest,
            arithmetic_id=done.engine.arithmetic_id,
            options=options,
            outputs={
                file.relative_to(self.folder).as_posix(): sha256_of(file) for file in outputs
            },
        )

    def sha256_of(self, at: str) -> str:
        """Return the digest of a file in the folder, as ``sha256_of`` does."""
        return sha256_of(self.folder / at)


def digest_of_options(engine: Engine, formats: Sequence[str], **options: object) -> str:
    """Return the digest of what decides what is written, besides recording and network."""
    said = {
        **options,
        "backend": engine.backend,
        "decoder": engine.decoder,
        "formats": sorted(formats),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def entries_in(lines: bytes) -> dict[str, Entry]:
    """Return the last of the lines of each recording, by the name of its transcript."""
    found = (_entry(line) for line in lines.split(b"\n"))
    return {entry.name: entry for entry in found if entry is not None}


def _entry(line: bytes) -> Entry | None:
    """Return what a line says; None of one that we did not write."""
    try:
        fields: Any = json.loads(line)
        entry = Entry(**fields)
    except (ValueError, TypeError, RecursionError):
        return None
    kinds = dict.fromkeys(fields, str) | {"samples": int, "outputs": dict}
    if not all(isinstance(fields[name], kind) for name, kind in kinds.items()):
        return None
    is_count = 0 < entry.samples <= MOST_SAMPLES
    return entry if is_count and all(map(_is_below, entry.outputs)) else None


def _is_below(path: str) -> bool:
    """Tell whether a path leads to a place below the folder that it is relative to."""
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts


def sha256_of(file: Path) -> str:
    """Return the digest of a file; of one that cannot be read, none that a file has."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except (OSError, ValueError):
        return ""
