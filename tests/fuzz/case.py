"""One input, and the file that those which failed are kept in."""

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal, TypeAlias

Parts: TypeAlias = tuple[tuple[str, bytes], ...]
"""An input: named pieces of bytes, such as the files of a folder or the messages of a call."""

Verdict = Literal["crash", "hang", "untyped"]


def random_of(seed: int, target: str, number: int) -> Random:
    """Return where the input of this number comes from, whatever was made before it."""
    return Random(f"{seed}/{target}/{number}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An input that did what none may do."""

    target: str
    number: int
    verdict: Verdict
    said: str
    """The traceback, or what the watchdog saw."""

    parts: Parts

    def line(self) -> str:
        """Return it as a line of JSON, with the input itself: what makes inputs may change."""
        coded = [[name, base64.b64encode(data).decode()] for name, data in self.parts]
        return json.dumps(
            {
                "target": self.target,
                "number": self.number,
                "verdict": self.verdict,
                "said": self.said,
                "parts": coded,
            }
        )


def write_failures(file: Path, failures: Iterable[Failure]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(failure.line() + "\n" for failure in failures), encoding="utf-8")


def read_failures(file: Path) -> Iterator[Failure]:
    for line in file.read_text(encoding="utf-8").splitlines():
        stored: dict[str, Any] = json.loads(line)
        coded = stored.pop("parts")
        parts = tuple((name, base64.b64decode(data)) for name, data in coded)
        yield Failure(parts=parts, **stored)
