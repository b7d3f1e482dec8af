"""Transcripts and posteriors, read back by what replays them."""

import json
import tempfile
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np

from tests.audio import encoded, noise
from tests.fuzz.arrays import npz
from tests.fuzz.case import Parts
from tests.fuzz.mutate import json_bytes, mutated, mutated_text
from tests.fuzz.target import Target, resident_bytes
from tests.models import tiny_model
from tests.serving import muntaniala
from vau.batch import Batch, BatchOptions
from vau.commands.verify.claim import claim_of
from vau.errors import VauError
from vau.transcripts import Transcription, write

_JSONL: Final = "a.jsonl"
_NPZ: Final = "a.npz"


@cache
def _written() -> tuple[bytes, bytes]:
    """Return the transcript and the logits of a short recording."""
    model = tiny_model(layers=1, hidden=4)
    with tempfile.TemporaryDirectory() as folder:
        audio = Path(folder) / "a.wav"
        audio.write_bytes(encoded(noise(1600)))
        batch = Batch(model, muntaniala(model), BatchOptions(logits=True))
        ((_, done),) = batch.transcribe([audio])
        assert isinstance(done, Transcription)
        write(done, Path(folder) / "a", ["jsonl", "npz"])
        return (Path(folder) / _JSONL).read_bytes(), (Path(folder) / _NPZ).read_bytes()


def _make(random: Random) -> Parts:
    lines, arrays = _written()
    what = random.random()
    if what < 0.4:
        lines = _changed_line(random, lines)
    elif what < 0.6:
        lines = mutated_text(random, lines.decode())
    elif what < 0.7:
        lines = mutated(random, lines)
    if what > 0.65:
        arrays = npz(random, arrays)
    return ((_JSONL, lines), (_NPZ, arrays))


def _changed_line(random: Random, content: bytes) -> bytes:
    lines: list[bytes] = content.splitlines()
    at = random.randrange(len(lines))
    value: Any = json.loads(lines[at])
    lines[at] = json_bytes(random, value)
    return b"\n".join(lines) + b"\n"


class _Verifier:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, parts: Parts) -> bool:
        for name, data in parts:
            (self._folder / name).write_bytes(data)
        try:
            claim = claim_of(self._folder / _JSONL, "")
        except VauError:
            return False
        assert isinstance(claim.output_digest, bytes)
        assert claim.logits is None or (
            claim.logits.dtype == np.int32 and claim.logits.ndim == 2
        )
        return True

    def check(self) -> None:
        lines, arrays = _written()
        assert self.take(((_JSONL, lines), (_NPZ, arrays)))

    def resident_bytes(self) -> int:
        return resident_bytes()

    def close(self) -> None:
        pass


TARGET: Final = Target(share=6, make=_make, open=_Verifier)
