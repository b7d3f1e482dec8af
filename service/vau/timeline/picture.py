"""A timeline as a PNG."""

from itertools import cycle, groupby
from pathlib import Path
from typing import Any, Final

from vau.pictures import new_figure, save
from vau.timeline.spans import WAIT, Span, Timeline

FIGURE_IN: Final = 13.0
ROW_IN: Final = 0.14
SUMMARY_ROWS: Final = 2.0  # the first track of a group is as high as so many others
GAP_ROWS: Final = 1.6  # between groups
TEXT_CHARACTERS: Final = 200  # of the smallest print, across the figure
COLOURS: Final = ("#4477aa", "#333333", "#66bbdd", "#e8b33f", "#cc5566", "#338855", "#aa66aa")
"""One per name, in the order of appearance; they differ for colour-blind readers too."""

WAIT_COLOUR: Final = "#e4e4e0"
FRAME_SHADES: Final = (1.0, 0.6)  # opacity of even and odd frames


def draw(timeline: Timeline, path: Path) -> None:
    """Write a PNG: a row per track, a colour per name, odd frames paler than even ones.

    Raises ConfigInvalid if matplotlib is not installed, or the file cannot be written.
    """
    save(_figure(timeline), path, field="timeline")


def _figure(timeline: Timeline) -> Any:  # noqa: ANN401 - an extra's type
    rows = _rows(timeline)
    lowest = max(rows.values()) + 1.0
    figure = new_figure(FIGURE_IN, 2.2 + ROW_IN * lowest)
    axes = figure.subplots()
    _draw_spans(axes, timeline, rows)
    by_track = timeline.by_track
    for tracks in timeline.groups.values():
        bottom = rows[tracks[-1]] + (1.0 if len(tracks) > 1 else SUMMARY_ROWS)
        _label(axes, by_track[tracks[0]], (rows[tracks[0]], bottom), timeline.end_cycle)
    axes.set_xlim(0, timeline.end_cycle)
    axes.set_ylim(lowest, -GAP_ROWS)
    axes.set_xlabel("cycles")
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


def _rows(timeline: Timeline) -> dict[str, float]:
    """Return where each track begins, downwards from 0, with a gap between groups."""
    rows: dict[str, float] = {}
    below = 0.0
    for tracks in timeline.groups.values():
        for track in tracks:
            rows[track] = below
            below += SUMMARY_ROWS if track == tracks[0] else 1.0
        below += GAP_ROWS
    return rows


def _draw_spans(axes: Any, timeline: Timeline, rows: dict[str, float]) -> None:  # noqa: ANN401
    """Draw all tracks, with their names on the left and those of the spans for a legend."""
    groups = {tracks[0]: group for group, tracks in timeline.groups.items()}
    heights = {track: SUMMARY_ROWS if track in groups else 1.0 for track in rows}
    colours = dict(zip(timeline.names, cycle(COLOURS), strict=False)) | {WAIT: WAIT_COLOUR}
    pieces: dict[tuple[str, str, float], list[tuple[int, int]]] = {}
    for span in timeline.spans:
        shade = FRAME_SHADES[(span.frame or 0) % len(FRAME_SHADES)]
        places = pieces.setdefault((span.track, span.name, shade), [])
        if places and sum(places[-1]) == span.start_cycle:  # else a seam shows between them
            places[-1] = places[-1][0], places[-1][1] + span.cycles
        else:
            places.append((span.start_cycle, span.cycles))
    for (track, name, shade), places in pieces.items():
        bar = rows[track], heights[track] - 0.15
        axes.broken_barh(places, bar, color=colours[name], alpha=shade, linewidth=0, snap=False)
    for name in timeline.names:
        axes.broken_barh([], (0, 0), color=colours[name], label=name.replace("_", " "))
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
