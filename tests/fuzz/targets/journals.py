"""The journal of a folder of transcripts, read back by a run that resumes."""

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

from tests.fuzz.case import Parts
from tests.fuzz.mutate import json_bytes, mutated, mutated_text
from tests.fuzz.target import Target, resident_bytes
from vau.audio import SAMPLE_RATE_HZ
from vau.commands.transcribe.journal import NAME, Entry, Journal
from vau.transcripts import Engine

_ENGINE: Final = Engine(
    model="m",
    model_digest="d",
    phonemes=("SIL",),
    silence_ids=frozenset({0}),
    backend="muntaniala:1x1",
    arithmetic_id="a",
    decoder="viterbi",
)
_EMPTY_SHA256: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_RECORDING: Final = Path("/dev/null")  # in whatever folder a worker is
_NAMES: Final = ("a", "b", "c")


@cache
def _entries() -> list[Entry]:
    return [
        Entry(
            file=str(_RECORDING),
            name=name,
            sha256=_EMPTY_SHA256,
            samples=SAMPLE_RATE_HZ,
            model_digest=_ENGINE.model_digest,
            arithmetic_id=_ENGINE.arithmetic_id,
            options="o",
            outputs={f"{name}.jsonl": _EMPTY_SHA256},
        )
        for name in _NAMES
    ]


def _make(random: Random) -> Parts:
    lines = [json.dumps(asdict(entry)).encode() for entry in _entries()]
    what = random.random()
    if what < 0.7:
        at = random.randrange(len(lines))
        lines[at] = json_bytes(random, asdict(_entries()[at]))
    data = b"\n".join(lines) + b"\n"
    if 0.6 < what < 0.8:
        data = mutated_text(random, data.decode(errors="replace"))
    elif what > 0.8:
        data = mutated(random, data, (data,))
    return ((NAME, data),)


class _Resumer:
    """Whoever asks a journal whether a recording is to be heard again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in _NAMES:
            (folder / f"{name}.jsonl").touch()

    def take(self, parts: Parts) -> bool:
        """Return whether all of it holds."""
        ((name, data),) = parts
        (self._folder / name).write_bytes(data)
        journal = Journal(self._folder)
        journal.mend()
        entries = journal.entries()
        held = [
            name
            for name, entry in entries.items()
            if entry.holds(_RECORDING, _ENGINE, "o", journal.sha256_of)
        ]
        assert all(0.0 <= entry.samples / SAMPLE_RATE_HZ < 1e18 for entry in entries.values())
        journal.add(_entries()[0])
        assert journal.entries()["a"] == _entries()[0]
        return held == list(_NAMES)

    def check(self) -> None:
        whole = "".join(json.dumps(asdict(entry)) + "\n" for entry in _entries())
        assert self.take(((NAME, whole.encode()),))

    def resident_bytes(self) -> int:
        return resident_bytes()

    def close(self) -> None:
        pass


TARGET: Final = Target(share=6, make=_make, open=_Resumer)
