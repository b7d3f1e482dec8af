"""A timeline for a terminal: a table of cycles, and a bar of characters per track."""

import re
from collections import Counter
from collections.abc import Iterable
from textwrap import wrap
from typing import Final

from vau.timeline.spans import WAIT, Span, Timeline

TEXT_COLUMNS: Final = 96
LABEL_COLUMNS: Final = 24
BAR_COLUMNS: Final = TEXT_COLUMNS - LABEL_COLUMNS - len("100% ||")
GROUPS_ABREAST: Final = 6  # columns of figures beside a label


def text(timeline: Timeline) -> str:
    """Return totals of each group and a bar for each track, at most 96 columns wide.

    A character of a bar is what its track did for most of those cycles; a blank is a gap.
    """
    letters = _letters(timeline.names)
    lines = [*wrap(timeline.title, TEXT_COLUMNS), timeline.length]
    lines += _totals(timeline, letters)
    occupancy = timeline.occupancy()
    by_track = timeline.by_track
    for group, tracks in timeline.groups.items():
        lines += ["", f"{group[:LABEL_COLUMNS]:{LABEL_COLUMNS}}busy"]
        for track in tracks:
            label = f"  {by_track[track][0].part}"[: LABEL_COLUMNS - 1]
            bar = _bar(by_track[track], timeline.end_cycle, letters)
            lines.append(f"{label:{LABEL_COLUMNS}}{_share(occupancy[track])} |{bar}|")
    return "\n".join(lines) + "\n"


def _letters(names: Iterable[str]) -> dict[str, str]:
    """Give each name a letter: of those still free the one that tells most, or a figure.

    An initial of a word tells most, then the same as a capital or small, then any letter.
    """
    letters = {WAIT: "."}
    for name in names:
        if name != WAIT:
            taken = letters.values()
            initials = re.findall(r"(?<![A-Za-z])[A-Za-z]", name)
            others = [*map(str.swapcase, initials), *filter(str.isalpha, name)]
            offers = [*initials, *others, *"0123456789"]
            letters[name] = next((one for one in offers if one not in taken), "?")
    return letters


def _totals(timeline: Timeline, letters: dict[str, str]) -> list[str]:
    """Tabulate the cycles of each name in each group, some groups beside each other."""
    lines = []
    groups = [(group, timeline.totals(tracks[0])) for group, tracks in timeline.groups.items()]
    for at in range(0, len(groups), GROUPS_ABREAST):
        abreast = groups[at : at + GROUPS_ABREAST]
        heads = "".join(f"{group[:10]:>11}" for group, _ in abreast)
        lines += ["", f"{'cycles':{LABEL_COLUMNS}}{heads}"]
        for name in timeline.names:
            figures = "".join(f"{cycles[name]:11,}" for _, cycles in abreast)
            if any(cycles[name] for _, cycles in abreast):
                label = f"{letters[name]} {name}"[: LABEL_COLUMNS - 1]
                lines.append(f"{label:{LABEL_COLUMNS}}{figures}")
        sums = "".join(f"{cycles.total():11,}" for _, cycles in abreast)
        lines.append(f"{'  sum':{LABEL_COLUMNS}}{sums}")
    counted = set().union(*(cycles for _, cycles in groups))
    return lines + _others([name for name in timeline.names if name not in counted], letters)


def _others(names: list[str], letters: dict[str, str]) -> list[str]:
    """Say what letters stand for that no group's first track has; wait alone needs no word."""
    if set(names) <= {WAIT}:
        return []
    told = "; ".join(f"{letters[name]} {name}" for name in names)
    return ["", *wrap(f"also {told}", TEXT_COLUMNS)]


def _share(occupancy: float) -> str:
    """Write a share in four columns; what is too little for a per cent is not 0."""
    return " <1%" if 0.0 < occupancy < 0.005 else f"{occupancy:4.0%}"


def _bar(spans: Iterable[Span], end_cycle: int, letters: dict[str, str]) -> str:
    """Draw one track: for each of BAR_COLUMNS equal parts, what it did longest."""
    shares: list[Counter[str]] = [Counter() for _ in range(BAR_COLUMNS)]
    for span in spans:
        # In units of 1 / BAR_COLUMNS cycles, in which all bounds are whole numbers.
        start, end = span.start_cycle * BAR_COLUMNS, span.end_cycle * BAR_COLUMNS
        for part in range(start // end_cycle, -(-end // end_cycle)):
            inside = min(end, (part + 1) * end_cycle) - max(start, part * end_cycle)
            shares[part][letters[span.name]] += inside
    for share in shares:
        share[" "] = end_cycle - share.total()
    return "".join(share.most_common(1)[0][0] for share in shares)
