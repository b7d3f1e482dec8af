"""How far a run is, as JSON lines for programs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

from vau.batch import Failed
from vau.commands.transcribe.plan import Kept, Result
from vau.transcripts import to_json


@dataclass(slots=True)
class JsonProgress:
    """A line for each file, once it and those before it are done."""

    say: Callable[[str], object]
    of: int
    """Files in all."""

    files: int = 0
    audio_s: float = 0.0
    total_audio_s: float = 0.0
    """As the headers of the files state it."""

    started_s: float = field(default_factory=perf_counter)

    def on_audio(self, done_s: float, total_s: float) -> None:
        """Take note of how much audio is done."""
        self.audio_s, self.total_audio_s = done_s, total_s

    def on_file(self, outcome: Result) -> None:
        """Say what became of a file."""
        self.files += 1
        elapsed_s = perf_counter() - self.started_s
        line = {
            "type": "progress",
            "file": str(outcome.file),
            "outcome": _word(outcome),
            "error": str(outcome.error) if isinstance(outcome, Failed) else None,
            "files": self.files,
            "of": self.of,
            "audio_s": round(self.audio_s, 3),
            "total_audio_s": round(self.total_audio_s, 3),
            "elapsed_s": round(elapsed_s, 3),
            "times_real_time": round(self.audio_s / elapsed_s, 3),
        }
        self.say(to_json(line))


def _word(outcome: Result) -> str:
    if isinstance(outcome, Failed):
        return "failed"
    return "kept" if isinstance(outcome, Kept) else "heard"
