"""Where transcripts go, and who writes each format."""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from vau.transcripts.audacity import write_labels
from vau.transcripts.ctm import write_ctm
from vau.transcripts.jsonl import write_jsonl
from vau.transcripts.kaldi import write_kaldi
from vau.transcripts.npz import write_npz
from vau.transcripts.rttm import write_rttm
from vau.transcripts.srt import write_srt
from vau.transcripts.textgrid import write_textgrid
from vau.transcripts.transcription import Transcription
from vau.wholefile import unwritable

OutputFormat = Literal["jsonl", "ctm", "textgrid", "audacity", "srt", "rttm", "npz", "kaldi"]


@dataclass(frozen=True, slots=True)
class Output:
    """Where transcripts go, and in which formats."""

    folder: Path
    formats: tuple[OutputFormat, ...]

    @property
    def holds_posteriors(self) -> bool:
        """Whether the posteriors must be kept until it is written."""
        return not HOLD_POSTERIORS.isdisjoint(self.formats)

    def prepare(self) -> None:
        """Make the folder. Raises Unwritable if no file can be written there."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as cause:
            raise unwritable(self.folder, cause) from cause


WRITERS: Final[dict[OutputFormat, Callable[[Transcription, Path], list[Path]]]] = {
    "jsonl": write_jsonl,
    "ctm": write_ctm,
    "textgrid": write_textgrid,
    "audacity": write_labels,
    "srt": write_srt,
    "rttm": write_rttm,
    "npz": write_npz,
    "kaldi": write_kaldi,
}
"""What writes a transcription beside a path without suffix, in each format."""

HOLD_POSTERIORS: Final[frozenset[OutputFormat]] = frozenset({"npz", "kaldi"})


def write(done: Transcription, stem: Path, formats: Iterable[OutputFormat]) -> list[Path]:
    """Write ``done`` beside ``stem`` in each format; return the files.

    Makes its folder if need be.
    """
    return [file for name in formats for file in WRITERS[name](done, stem)]
