"""The form of CHANGELOG.md: versions, sections and areas, in their order.

Ref: Keep a Changelog 1.1.0, with highlights before its sections and areas below them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Final

UNRELEASED: Final = "Unreleased"
HIGHLIGHTS: Final = "Highlights"
SECTIONS: Final = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
AREAS: Final = (
    "Service",
    "Accelerators",
    "Boards",
    "Clients and command line",
    "Archives and alignment",
    "Operation",
    "Models and measurements",
    "Development",
)

_VERSION: Final = re.compile(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d{2}-\d{2})")


@dataclass(slots=True)
class Release:
    """What stands below one ``## `` heading."""

    title: str
    line: int
    sections: list[tuple[str, int]] = field(default_factory=list)
    areas: list[list[tuple[str, int]]] = field(default_factory=list)
    """Of each section."""

    @property
    def version(self) -> tuple[int, int, int] | None:
        """None of what is not released."""
        found = _VERSION.fullmatch(self.title)
        return (int(found[1]), int(found[2]), int(found[3])) if found else None

    @property
    def day(self) -> str:
        """YYYY-MM-DD; empty of what is not released."""
        found = _VERSION.fullmatch(self.title)
        return found[4] if found else ""


def releases(text: str) -> list[Release]:
    """Return what the headings of a changelog say, the newest first if it is in order."""
    found: list[Release] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("## "):
            found.append(Release(line[3:], number))
        elif line.startswith("### ") and found:
            found[-1].sections.append((line[4:], number))
            found[-1].areas.append([])
        elif line.startswith("#### ") and found and found[-1].areas:
            found[-1].areas[-1].append((line[5:], number))
    return found


def faults(text: str) -> list[str]:
    """Return what is wrong with the form of a changelog, each with its line."""
    found = releases(text)
    if not found or found[0].title != f"[{UNRELEASED}]":
        return [f"the first version is not [{UNRELEASED}]"]
    return [
        *_order(found),
        *(fault for each in found for fault in _inside(each)),
        *_empty(text),
    ]


def _order(found: list[Release]) -> Iterator[str]:
    for each in found[1:]:
        if each.version is None:
            yield f"line {each.line}: {each.title!r} is not [1.2.3] - 2026-12-31"
        elif not _is_day(each.day):
            yield f"line {each.line}: there is no day {each.day}"
    dated = [each for each in found[1:] if each.version is not None]
    for newer, older in pairwise(dated):
        if (newer.version or ()) <= (older.version or ()):
            yield f"line {older.line}: {older.title} is not older than {newer.title}"
        elif newer.day < older.day:
            yield f"line {older.line}: {older.title} has a later day than {newer.title}"


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _inside(release: Release) -> Iterator[str]:
    yield from _known(release.sections, (HIGHLIGHTS, *SECTIONS), "section")
    for (section, _), areas in zip(release.sections, release.areas, strict=True):
        if section != HIGHLIGHTS:
            yield from _known(areas, AREAS, "area")


def _known(headings: list[tuple[str, int]], order: tuple[str, ...], what: str) -> Iterator[str]:
    """Yield which of these headings are unknown, come twice or stand in another order."""
    last = -1
    for title, line in headings:
        if title not in order:
            yield f"line {line}: {title!r} is no {what}; there are {', '.join(order)}"
        elif order.index(title) <= last:
            yield (
                f"line {line}: {title!r} comes twice or too late; the order is "
                f"{', '.join(order)}"
            )
        else:
            last = order.index(title)


def _empty(text: str) -> Iterator[str]:
    """Yield headings with nothing below, and entries that stand below no area."""
    level, line_of, entries = 0, 0, 0
    section = ""
    for number, line in enumerate([*text.splitlines(), "## "], 1):
        depth = len(line) - len(line.lstrip("#"))
        if depth in {2, 3, 4} and line[depth : depth + 1] == " ":
            if level in {3, 4} and not entries and depth <= level:
                yield f"line {line_of}: nothing stands below this heading"
            level, line_of, entries = depth, number, 0
            if depth == 3:
                section = line[4:]
        elif line.startswith("- "):
            entries += 1
            if level == 3 and section != HIGHLIGHTS:
                yield f"line {number}: this entry stands below no area"
