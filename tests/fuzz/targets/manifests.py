"""Manifests of utterances, with the labels beside them."""

from functools import cache
from pathlib import Path
from random import Random
from typing import Final

from tests.fuzz.case import Parts
from tests.fuzz.mutate import mutated, mutated_text
from tests.fuzz.target import Target, resident_bytes
from vau.errors import VauError
from vau.evaluation.manifest import LABELS, Inventory, read_manifest

MANIFEST: Final = "manifest.tsv"
_INVENTORY: Final = Inventory(("SIL", "AA", "B", "IY", "S", "T"), frozenset({"SIL"}))


@cache
def _manifest() -> str:
    rows = [
        f"u{n}\t{MANIFEST}\tSIL AA1 B S IY T\t{('test', 'train')[n % 2]}\ts{n}"
        for n in range(4)
    ]
    return "\n".join(["utt\tpath\tphones\tsplit\tspeaker", *rows])


@cache
def _labels() -> str:
    return "\n".join(f"u{n}\tSIL:12 AA1:7 B:3 S:9 SIL:1" for n in range(4))


def _make(random: Random) -> Parts:
    manifest, labels = _manifest().encode(), _labels().encode()
    what = random.random()
    if what < 0.6:
        manifest = mutated_text(random, _manifest())
    elif what < 0.7:
        manifest = mutated(random, manifest)
    if what > 0.5:
        labels = mutated_text(random, _labels())
    split = random.choice((b"", b"test", b"train", b"none", b"\xc3\xa9"))
    return ((MANIFEST, manifest), (LABELS, labels), ("split", split))


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, parts: Parts) -> bool:
        *files, (_, split) = parts
        for name, data in files:
            (self._folder / name).write_bytes(data)
        try:
            read = read_manifest(
                self._folder / MANIFEST, _INVENTORY, split.decode(), warn=lambda _: None
            )
        except VauError:
            return False
        assert all(utterance.phones for utterance in read if utterance.alignment is None)
        return True

    def check(self) -> None:
        good = ((MANIFEST, _manifest().encode()), (LABELS, _labels().encode()), ("", b"test"))
        assert self.take(good)

    def resident_bytes(self) -> int:
        return resident_bytes()

    def close(self) -> None:
        pass


TARGET: Final = Target(share=6, make=_make, open=_Reader)
