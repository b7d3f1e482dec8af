"""Weights: the card and the arrays of a bundle, and what backends make of those that load."""

import hashlib
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.fuzz.arrays import npz
from tests.fuzz.case import Parts
from tests.fuzz.mutate import json_bytes, mutated
from tests.fuzz.target import Target, resident_bytes
from tests.models import write_tiny_bundle
from tests.serving import speech
from vau.backend import BackendOptions
from vau.endpoint import EndReason
from vau.errors import VauError
from vau.frontend import Frontend
from vau.model import load_model
from vau.session import (
    Push,
    Session,
    advance,
    close_session,
    open_session,
)
from vau_backends.float.backend import FACTORY as FLOAT
from vau_backends.muntaniala.backend import FACTORY as MUNTANIALA

CARD: Final = "card.json"
_BACKENDS: Final = (MUNTANIALA, FLOAT)


@cache
def _bundle() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        write_tiny_bundle(Path(folder), layers=1, hidden=4)
        return {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}


def _make(random: Random) -> Parts:
    files = dict(_bundle())
    what = random.random()
    if what < 0.35:
        files[CARD] = json_bytes(random, json.loads(files[CARD]))
    elif what < 0.9:
        _change_arrays(random, files)
    elif what < 0.95:
        del files[random.choice(list(files))]
    else:
        name = random.choice(list(files))
        files[name] = mutated(random, files[name], list(files.values()))
    return tuple(files.items())


def _change_arrays(random: Random, files: dict[str, bytes]) -> None:
    """Change one of the files of arrays, and let the card vouch for it."""
    name = random.choice([name for name in files if name != CARD])
    files[name] = npz(random, files[name])
    card: dict[str, Any] = json.loads(files[CARD])
    card["sha256"][name] = hashlib.sha256(files[name]).hexdigest()
    if random.random() < 0.1:
        files[CARD] = json_bytes(random, card)
    else:
        files[CARD] = json.dumps(card).encode()


class _Loader:
    """Loads bundles, and hears a little with each that loads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._at = 0

    def take(self, parts: Parts) -> bool:
        folder = self._folder / "bundle"
        folder.mkdir()
        try:
            for name, data in parts:
                (folder / name).write_bytes(data)
            try:
                self._hear(folder)
            except VauError:
                return False
            return True
        finally:
            shutil.rmtree(folder)

    def _hear(self, folder: Path) -> None:
        model = load_model(folder)
        self._at += 1
        backend = _BACKENDS[self._at % len(_BACKENDS)].open(model, BackendOptions(slot_count=1))
        try:
            session = Session(model)
            open_session(session, backend)
            push = Push(session, speech(1600), EndReason.HALF_CLOSE)
            (answer,) = advance(Frontend(model.frontend), backend, [push]).answers
            if isinstance(answer, VauError):
                raise answer
            assert len(answer.log_prob) == 9
            close_session(session, backend)
        finally:
            backend.close()

    def check(self) -> None:
        assert self.take(tuple(_bundle().items()))

    def resident_bytes(self) -> int:
        return resident_bytes()

    def close(self) -> None:
        pass


TARGET: Final = Target(share=10, make=_make, open=_Loader)
