"""One recording, heard by the server in the container and by this machine without one."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.image.store import done

VAU: Final = str(Path(sys.executable).with_name("vau"))
BITS: Final = ("input_digest", "output_digest", "frames")


@dataclass(frozen=True, slots=True)
class Heard:
    """What a recogniser said of a recording."""

    phones: tuple[tuple[str, int, int], ...]
    """Symbol, first sample and the one after the last, of each."""
    bits: tuple[object, ...]
    """Digests of what went into the network and came out of it, and frames: the same wherever
    the same samples are heard."""

    @property
    def text(self) -> str:
        """The phonemes in a row, as ``vau stream`` prints them."""
        return " ".join("·" if symbol == "SIL" else symbol for symbol, _, _ in self.phones)


def read(lines: str) -> Heard:
    """Read what a recogniser printed as JSON lines, phone by phone or segment by segment."""
    rows = [json.loads(line) for line in lines.splitlines()]
    phones = [
        phone
        for row in rows
        for phone in ([row] if row["type"] == "phone" else row.get("phones", []))
    ]
    (summary,) = (row for row in rows if row["type"] == "summary")
    return Heard(
        tuple((each["symbol"], each["start_sample"], each["end_sample"]) for each in phones),
        tuple(summary[name] for name in BITS),
    )


def heard_by_server(clip: Path, prefix: Sequence[str]) -> Heard:
    """Stream a recording to the server that listens where ``prefix`` takes a command."""
    return read(done([*prefix, VAU, "stream", clip, "--no-pace", "--json"]))


def heard_here(clip: Path, folder: Path) -> Heard:
    """Hear a recording with ``vau transcribe`` of this project, writing into ``folder``."""
    done([VAU, "transcribe", clip, "--out", folder, "--progress=none"])
    return read((folder / f"{clip.stem}.jsonl").read_text())
