"""What is in a token, and in which order, is pinned beside its version.

Nothing in a token says what follows, and much of it follows from the fields of classes that
do not look like a file format. A server must not misread what an older one wrote.
"""

import ast
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

import pytest

from vau.backend import Cost
from vau.checkpoint.seal import LAYOUT, VERSION
from vau.v1 import speech_pb2 as pb

SERVICE: Final = Path(__file__).resolve().parent.parent / "service/vau"
WRITER: Final = "Writer"
FORM: Final = "from vau.checkpoint.form import"  # or else it is another writer

Layout = dict[str, Any]


def records_in(kind: Any) -> Iterator[tuple[str, list[tuple[str, str]]]]:  # noqa: ANN401
    """Yield the fields that ``save_record`` writes of a class, and of those within it."""
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        written = {each.name: hints[each.name] for each in fields(kind) if each.init}
        yield kind.__name__, [(name, str(hint)) for name, hint in written.items()]
        for hint in written.values():
            if hint is not kind:
                yield from records_in(hint)
    for inner in get_args(kind):
        if inner is not Cost:  # which holds one of its own kind
            yield from records_in(inner)


def writers_in(source: str) -> Iterator[tuple[str, str]]:
    """Yield name and code of each function that writes into a token, without its docstring."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and any(
            isinstance(each, ast.Name) and each.id == WRITER for each in ast.walk(node)
        ):
            is_told = ast.get_docstring(node) is not None
            body = node.body[1:] if is_told else node.body
            yield node.name, "\n".join(map(ast.unparse, body))


def present() -> Layout:
    return {
        "records": dict(records_in(Cost)),
        "timing": [(each.name, each.type) for each in pb.Timing.DESCRIPTOR.fields],
        "writers": {
            str(file.relative_to(SERVICE)): found
            for file in sorted(SERVICE.rglob("*.py"))
            if FORM in (source := file.read_text(encoding="utf-8"))
            and (found := list(writers_in(source)))
        },
    }


def fingerprint(layout: Layout) -> str:
    return hashlib.sha256(json.dumps(layout, sort_keys=True).encode()).hexdigest()[:16]


def test_what_a_token_holds_changes_with_its_version() -> None:
    found = fingerprint(present())
    assert found == LAYOUT, (
        f"what a token of version {VERSION} holds, or the code that writes it, has changed. "
        "Raise VERSION in vau/checkpoint/seal.py unless every token that was written before "
        f"is still read as it was meant, and put LAYOUT = {found!r} beside it"
    )


def test_all_that_writes_and_all_that_is_written_is_looked_at() -> None:
    layout = present()
    assert set(layout["records"]) == {"Cost", "Energy"}
    assert [name for name, _hint in layout["records"]["Cost"]] == [
        each.name for each in fields(Cost)
    ]
    places = {*layout["writers"]}
    assert places > {
        *("checkpoint/seal.py", "checkpoint/records.py", "checkpoint/whole.py"),
        *("session/totals.py", "decode/saved.py", "wire/stream/checkpoints.py"),
    }
    assert len(layout["timing"]) == len(pb.Timing.DESCRIPTOR.fields) > 5


@dataclass(frozen=True)
class Before:
    frames: int
    joules: float


@dataclass(frozen=True)
class Longer(Before):
    more: int


@dataclass(frozen=True)
class Turned:
    joules: float
    frames: int


@dataclass(frozen=True)
class Retyped:
    frames: float
    joules: float


@pytest.mark.parametrize("after", [Longer, Turned, Retyped])
def test_a_field_more_or_elsewhere_or_of_another_type_is_another_layout(after: type) -> None:
    (_, before), (_, changed) = next(records_in(Before)), next(records_in(after))
    assert fingerprint({"fields": before}) != fingerprint({"fields": changed})


WRITES: Final = '''
def save(self, out: Writer) -> None:
    """Write."""
    out.count(self.first)
    out.real(self.second)
'''


@pytest.mark.parametrize(
    ("old", "new", "is_another"),
    [
        ("first", "third", True),
        ("real", "count", True),
        ("    out.real(self.second)\n", "", True),
        ("Write.", "Write it all down.", False),
        ("out.real(self.second)", "out.real(\n        self.second\n    )  # joules", False),
    ],
)
def test_what_is_written_counts_and_not_how_the_code_looks(
    old: str, new: str, is_another: bool
) -> None:
    (before,), (after,) = writers_in(WRITES), writers_in(WRITES.replace(old, new))
    assert (before != after) is is_another
