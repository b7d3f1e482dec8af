"""What each part of an accelerator does in which cycle of one frame, as JSON for a drawing.

It is the estimator's timeline of the model that the backend serves first: a model of the
hardware, not a recording of what it did.
"""

from collections.abc import Iterable
from typing import Any

from vau.errors import BackendNotFound, VauError
from vau.estimate import Ask, find_estimator
from vau.lane import Lane
from vau.timeline import Span
from vau.wire.lanes import Lanes


class Schedules:
    """The schedules of one server's backends, made before there are streams to hold up."""

    def __init__(self, lanes: Lanes) -> None:
        """Ask the estimators."""
        self._default = lanes.backend_ids[0]
        self._found = {
            name: _schedule_or_reason(lanes.of(name)[0]) for name in lanes.backend_ids
        }

    def of(self, backend_id: str) -> dict[str, Any]:
        """Return the schedule of a backend, of the default if it has no name.

        One that nobody can estimate has no tracks, and a message why. Raises BackendNotFound
        if none of that name is served.
        """
        name = backend_id or self._default
        found = self._found.get(name)
        if found is None:
            raise BackendNotFound(
                f"backend: {name!r} is not served here; there are: {', '.join(self._found)}",
                field="backend",
                name=name,
            )
        return found


def _schedule_or_reason(lane: Lane) -> dict[str, Any]:
    try:
        return schedule_of(lane)
    except VauError as error:
        return {"backend": lane.backend.info.id, "tracks": [], "message": str(error)}


def schedule_of(lane: Lane) -> dict[str, Any]:
    """Return the schedule of one frame. Raises VauError if nobody can estimate it."""
    info, model = lane.backend.info, lane.model
    kind, _, instance = info.id.partition(":")
    estimator = find_estimator(kind)
    ask = Ask(network=model.network, instance=instance, clock_hz=info.clock_hz)
    timeline = estimator.timeline(ask, 1)
    return {
        "backend": info.id,
        "model": model.name,
        "title": timeline.title,
        "origin": timeline.origin,
        "method": estimator.estimate(ask).method,
        "clockHertz": timeline.clock_hz,
        "cycles": timeline.end_cycle,
        "length": timeline.length,
        "tracks": [
            {"group": spans[0].group, "part": spans[0].part, "spans": _joined(spans)}
            for spans in timeline.by_track.values()
        ],
    }


def _joined(spans: Iterable[Span]) -> list[tuple[int, int, str]]:
    """Return (start, cycles, name) of each stretch in which a part does the same."""
    joined: list[tuple[int, int, str]] = []
    for span in spans:
        start, cycles, name = joined[-1] if joined else (0, 0, "")
        if name == span.name and start + cycles == span.start_cycle:
            joined[-1] = (start, cycles + span.cycles, name)
        else:
            joined.append((span.start_cycle, span.cycles, span.name))
    return joined
