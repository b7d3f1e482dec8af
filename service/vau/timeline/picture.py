"""A timeline as a PNG."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from vau.pictures import new_figure, save
from vau.timeline.spans import WAIT, Span, Timeline

FIGURE_IN: Final = 13.0
ROW_IN: Final = 0.14
SUMMARY_ROWS: Final = 2.0  # the first track of a group is as high as so many others
GAP_ROWS: Final = 1.6  # between groups
TEXT_CHARACTERS: Final = 200  # of the smallest print, across the figure
LEAST_SHARE: Final = 1 / 700  # of the whole, about two dots: shorter, and a span is not seen
COLOURS: Final = (
    *("#4477aa", "#333333", "#66bbdd", "#e8b33f", "#cc5566", "#338855", "#aa66aa"),
    *("#dd7722", "#8d8d80", "#117788"),
)
"""One per name, in the order of appearance; neighbours differ for colour-blind readers too."""

HATCHES: Final = ("", "////", "....")
"""Of the names for which the colours suffice, of as many after those, and so on."""

WAIT_COLOUR: Final = "#e4e4e0"
FRAME_SHADES: Final = (1.0, 0.6)  # opacity of even and odd frames


@dataclass(frozen=True, slots=True)
class _Style:
    """What the spans of one name are filled with."""

    colour: str
    hatch: str = ""

    @property
    def keywords(self) -> dict[str, Any]:
        """Of a bar, as matplotlib calls them."""
        return {"facecolor": self.colour, "edgecolor": "white", "hatch": self.hatch}


def draw(timeline: Timeline, path: Path) -> None:
    """Write a PNG: a row per track, a colour per name, odd frames paler than even ones.

    Raises ConfigInvalid if matplotlib is not installed, or the file cannot be written.
    """
    save(timeline_figure(timeline), path, field="timeline")


def timeline_figure(timeline: Timeline) -> Any:  # noqa: ANN401 - an extra's type
    """Draw everything, unless matplotlib is not installed: then it raises ConfigInvalid."""
    rows, heights = _rows(timeline), _heights(timeline)
    lowest = max(rows[track] + heights[track] for track in rows)
    figure = new_figure(FIGURE_IN, 2.2 + ROW_IN * lowest)
    axes = figure.subplots()
    _draw_spans(axes, timeline, rows)
    _name_tracks(axes, timeline, rows)
    by_track = timeline.by_track
    for tracks in timeline.groups.values():
        bottom = rows[tracks[-1]] + heights[tracks[-1]]
        _label(axes, by_track[tracks[0]], (rows[tracks[0]], bottom), timeline.end_cycle)
    axes.set_xlim(0, timeline.end_cycle)
    axes.set_ylim(lowest, -GAP_ROWS)
    axes.set_xlabel(_cycles_text(timeline))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    scale, unit = timeline.scale
    above = axes.secondary_xaxis(
        "top", functions=(lambda at: at * scale, lambda at: at / scale)
    )
    above.set_xlabel(unit)
    axes.grid(axis="x", color=WAIT_COLOUR)
    axes.set_axisbelow(True)
    axes.spines[["left", "right"]].set_visible(False)
    figure.suptitle(f"{timeline.title}\n{timeline.length}", fontsize=11)
    figure.legend(loc="outside lower center", ncols=len(timeline.names), frameon=False)
    return figure


def _heights(timeline: Timeline) -> dict[str, float]:
    """Return how many rows each track is high."""
    first = {tracks[0] for tracks in timeline.groups.values()}
    return {track: SUMMARY_ROWS if track in first else 1.0 for track in timeline.by_track}


def _rows(timeline: Timeline) -> dict[str, float]:
    """Return where each track begins, downwards from 0, with a gap between groups."""
    heights = _heights(timeline)
    rows: dict[str, float] = {}
    below = 0.0
    for tracks in timeline.groups.values():
        for track in tracks:
            rows[track] = below
            below += heights[track]
        below += GAP_ROWS
    return rows


def _styles(timeline: Timeline) -> dict[str, _Style]:
    """Fill each name as no other one is, as far as colours and hatches go."""
    every = [_Style(colour, hatch) for hatch in HATCHES for colour in COLOURS]
    names = (name for name in timeline.names if name != WAIT)
    styles = {name: every[place % len(every)] for place, name in enumerate(names)}
    return styles | {WAIT: _Style(WAIT_COLOUR)}


def _cycles_text(timeline: Timeline) -> str:
    """Name the axis of cycles, and say which spans are drawn longer than they are."""
    if all(end == span.end_cycle for span, end in _drawn_ends(timeline)):
        return "cycles"
    least = timeline.end_cycle * LEAST_SHARE
    return f"cycles; work of less than {least:,.0f} is drawn so long where a gap leaves room"


def _drawn_ends(timeline: Timeline) -> Iterator[tuple[Span, float]]:
    """Yield each span and where it is drawn to: longer than it is if nobody would see it.

    It grows into the gap behind it alone, and never over a neighbour.
    """
    least = timeline.end_cycle * LEAST_SHARE
    for spans in timeline.by_track.values():
        ends_of_room = [*(span.start_cycle for span in spans[1:]), math.inf]
        for span, end_of_room in zip(spans, ends_of_room, strict=True):
            longer = 0.0 if span.name == WAIT else span.start_cycle + least
            yield span, max(span.end_cycle, min(longer, end_of_room))


def _draw_spans(axes: Any, timeline: Timeline, rows: dict[str, float]) -> None:  # noqa: ANN401
    """Draw all tracks, and name what their spans are for a legend."""
    heights, styles = _heights(timeline), _styles(timeline)
    pieces: dict[tuple[str, str, float], list[tuple[float, float]]] = {}
    for span, end in _drawn_ends(timeline):
        shade = FRAME_SHADES[(span.frame or 0) % len(FRAME_SHADES)]
        places = pieces.setdefault((span.track, span.name, shade), [])
        if places and places[-1][1] == span.start_cycle:  # else a seam shows between them
            places[-1] = places[-1][0], end
        else:
            places.append((span.start_cycle, end))
    for (track, name, shade), places in pieces.items():
        bars = [(start, end - start) for start, end in places]
        row, look = (rows[track], heights[track] - 0.15), styles[name].keywords
        axes.broken_barh(bars, row, alpha=shade, linewidth=0, snap=False, **look)
    for name in timeline.names:
        look = styles[name].keywords
        axes.broken_barh([], (0, 0), linewidth=0, label=name.replace("_", " "), **look)


def _name_tracks(axes: Any, timeline: Timeline, rows: dict[str, float]) -> None:  # noqa: ANN401
    """Write the names of groups, large, and of their tracks, small, on the left."""
    groups = {tracks[0]: group for group, tracks in timeline.groups.items()}
    heights = _heights(timeline)
    middles = [row + heights[track] / 2 for track, row in rows.items()]
    parts = {span.track: span.part for span in timeline.spans}
    axes.set_yticks(middles, [groups.get(track, parts[track]) for track in rows])
    for label, track in zip(axes.get_yticklabels(), rows, strict=True):
        is_group = track in groups
        label.set(fontsize=9 if is_group else 6, fontweight="bold" if is_group else "normal")
    axes.tick_params(axis="y", length=0)


def _label(
    axes: Any,  # noqa: ANN401
    spans: list[Span],
    edges: tuple[float, float],
    end_cycle: int,
) -> None:
    """Write into and above a group's first track what there is room for.

    spans: of that track, in time.
    edges: where the group is drawn, from top to bottom.
    """
    top, bottom = edges
    room = TEXT_CHARACTERS / end_cycle
    for span in spans:
        if len(span.detail) < span.cycles * room:
            middle = span.start_cycle + span.cycles / 2, top + SUMMARY_ROWS / 2
            axes.text(*middle, span.detail, size=7, color="white", ha="center", va="center")
    for frame, found in groupby(spans, key=lambda span: span.frame):
        run = list(found)
        start, end = run[0].start_cycle, run[-1].end_cycle
        name = f" frame {frame}"
        if frame is not None and len(name) < (end - start) * room:
            axes.plot([start, start], [top - 1, bottom - 0.15], color="black", linewidth=0.7)
            axes.text(start, top - 0.1, name, size=7)
