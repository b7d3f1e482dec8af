"""A timeline as Chrome trace events, to zoom into with Perfetto.

Ref: Google's Trace Event Format, of which this takes the complete events ("X") and the
     metadata ("M").
"""

from typing import Any

from vau.timeline.spans import Span, Timeline


def trace(timeline: Timeline) -> dict[str, Any]:
    """Return Chrome trace events, which ui.perfetto.dev and chrome://tracing open as JSON.

    A group is a process and a track a thread; times are in microseconds, and the cycles
    stand in ``args``.
    """
    events: list[dict[str, Any]] = []
    ids: dict[str, tuple[int, int]] = {}
    parts = {span.track: span.part for span in timeline.spans}
    for process, (group, tracks) in enumerate(timeline.groups.items(), start=1):
        events += _called("process", (process, 0), group, process)
        for thread, track in enumerate(tracks, start=1):
            ids[track] = process, thread
            events += _called("thread", (process, thread), parts[track], thread)
    events += [_event(timeline, span, ids[span.track]) for span in timeline.spans]
    return {
        "traceEvents": events,
        "displayTimeUnit": "ns",
        "otherData": {
            "title": timeline.title,
            "length": timeline.length,
            "origin": timeline.origin,
        },
    }


def _called(kind: str, ids: tuple[int, int], name: str, place: int) -> list[dict[str, Any]]:
    """Return the two metadata events that name a process or thread, and keep its place."""
    base = {"ph": "M", "pid": ids[0], "tid": ids[1]}
    return [
        {**base, "name": f"{kind}_name", "args": {"name": name}},
        {**base, "name": f"{kind}_sort_index", "args": {"sort_index": place}},
    ]


def _event(timeline: Timeline, span: Span, ids: tuple[int, int]) -> dict[str, Any]:
    asked = {"detail": span.detail, "frame": span.frame}
    return {
        "ph": "X",
        "pid": ids[0],
        "tid": ids[1],
        "name": span.name,
        "cat": timeline.origin,
        "ts": timeline.microseconds(span.start_cycle),
        # Perfetto cuts times to whole nanoseconds, and drops a slice that begins before the
        # last one of its thread has ended. What is a shade too short never cuts to more.
        "dur": timeline.microseconds(span.cycles) * (1 - 1e-9),
        "args": {"start_cycle": span.start_cycle, "cycles": span.cycles}
        | {key: value for key, value in asked.items() if value not in {None, ""}},
    }
