"""The log of a run: a note a line, as JSON."""

import json
from collections.abc import Mapping
from pathlib import Path

from vau.wholefile import write_text_whole


def note(log: Path, figures: Mapping[str, float]) -> None:
    """Append a note."""
    with log.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(figures) + "\n")


def forget_after(log: Path, step: int) -> None:
    """Take out of a log what a run noted after its last checkpoint, and will note again.

    A last line that was cut off goes with it.
    """
    if not log.exists():
        return
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    ended = (line for line in lines if line.endswith("\n"))
    write_text_whole(log, "".join(line for line in ended if json.loads(line)["step"] <= step))
