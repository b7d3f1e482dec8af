"""Manifests of utterances, as tables or JSON lines, with the labels beside them.

Each is read as ``vau evaluate`` reads it and as ``vau transcribe`` does.
"""

import json
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

from tests.fuzz.case import Parts
from tests.fuzz.mutate import json_bytes, mutated, mutated_text
from tests.fuzz.target import Target, resident_bytes
from vau.commands.transcribe.items import check_utterances, find_items, named_apart
from vau.errors import VauError
from vau.evaluation.manifest import LABELS, Inventory, read_manifest

TABLE: Final = "manifest.tsv"
OBJECTS: Final = "manifest.jsonl"
_INVENTORY: Final = Inventory(("SIL", "AA", "B", "IY", "S", "T"), frozenset({"SIL"}))


@cache
def _manifest() -> str:
    rows = [
        f"u{n}\t{LABELS}\tSIL AA1 B S IY T\t{('test', 'train')[n % 2]}\ts{n}" for n in range(4)
    ]
    return "\n".join(["utt\tpath\tphones\tsplit\tspeaker", *rows])


@cache
def _objects() -> list[dict[str, object]]:
    header, *rows = _manifest().split("\n")
    objects: list[dict[str, object]] = [
        dict(zip(header.split("\t"), row.split("\t"), strict=True)) for row in rows
    ]
    objects[1]["phones"] = ["AA1", "B"]
    return objects


@cache
def _labels() -> str:
    return "\n".join(f"u{n}\tSIL:12 AA1:7 B:3 S:9 SIL:1" for n in range(4))


def _make(random: Random) -> Parts:
    name, manifest = _made_table(random)
    if random.random() < 0.5:
        name, manifest = OBJECTS, _made_objects(random)
    labels = _labels().encode()
    if random.random() < 0.5:
        labels = mutated_text(random, _labels())
    split = random.choice((b"", b"test", b"train", b"none", b"\xc3\xa9"))
    return ((name, manifest), (LABELS, labels), ("split", split))


def _made_table(random: Random) -> tuple[str, bytes]:
    what = random.random()
    if what < 0.6:
        return TABLE, mutated_text(random, _manifest())
    return TABLE, mutated(random, _manifest().encode()) if what < 0.7 else _manifest().encode()


def _made_objects(random: Random) -> bytes:
    lines = [json.dumps(each).encode() for each in _objects()]
    what = random.random()
    if what < 0.6:
        at = random.randrange(len(lines))
        lines[at] = json_bytes(random, _objects()[at])
    data = b"\n".join(lines)
    if 0.5 < what < 0.7:
        return mutated_text(random, data.decode(errors="replace"))
    return mutated(random, data) if 0.7 < what < 0.8 else data


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, parts: Parts) -> bool:
        *files, (_, split) = parts
        for name, data in files:
            (self._folder / name).write_bytes(data)
        manifest = self._folder / parts[0][0]
        is_taken = self._transcribed(manifest)
        try:
            read = read_manifest(manifest, _INVENTORY, split.decode(), warn=lambda _: None)
        except VauError:
            return is_taken
        assert all(utterance.phones for utterance in read if utterance.alignment is None)
        return True

    def _transcribed(self, manifest: Path) -> bool:
        try:
            items = named_apart(find_items((), manifest))
            check_utterances(items, self._folder)
        except VauError:
            return False
        assert all((self._folder / item.name).is_relative_to(self._folder) for item in items)
        return True

    def check(self) -> None:
        objects = "\n".join(map(json.dumps, _objects())).encode()
        for manifest in ((TABLE, _manifest().encode()), (OBJECTS, objects)):
            assert self.take((manifest, (LABELS, _labels().encode()), ("split", b"test")))

    def resident_bytes(self) -> int:
        return resident_bytes()

    def close(self) -> None:
        pass


TARGET: Final = Target(share=6, make=_make, open=_Reader)
