"""Files that are there whole or not at all, whenever a run is cut off."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Lend a place to write to; what stands there at the end becomes ``path``."""
    unfinished = path.with_name(path.name + ".new")
    yield unfinished
    unfinished.replace(path)


def write_whole(path: Path, text: str) -> None:
    """Write a text."""
    with whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
