"""Spans on tracks: what each part of an accelerator does in which cycle.

A track is one part that does one thing at a time, written "group/part". The first track of
a group stands for the group as a whole: its totals are the group's, and it heads the picture.
"""

import math
from collections import Counter
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Final, Literal

WAIT: Final = "wait"
"""The name of a span in which a track is held up: clocked, but with nothing to do."""


@dataclass(frozen=True, slots=True)
class Span:
    """What one track does for some cycles on end."""

    track: str
    name: str
    start_cycle: int
    cycles: int
    detail: str = ""
    frame: int | None = None
    """The frame it works on, counted from 0; None if it serves no single one."""

    def __post_init__(self) -> None:
        if self.start_cycle < 0 or self.cycles < 1:
            raise ValueError(
                f"{self.track}: {self.name} of {self.cycles} cycles from {self.start_cycle} "
                "on; a span has at least one cycle, and none before cycle 0"
            )

    @property
    def end_cycle(self) -> int:
        """The first cycle after it."""
        return self.start_cycle + self.cycles

    @property
    def group(self) -> str:
        """What its track is a part of."""
        return self.track.partition("/")[0]

    @property
    def part(self) -> str:
        """Its track, within the group."""
        return self.track.partition("/")[2] or self.track


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Spans on tracks. In a gap a track is not needed at all, and may be gated."""

    title: str
    """What runs on what, in one line."""

    clock_hz: float
    spans: tuple[Span, ...]
    """On one track they do not overlap. Tracks are shown in the order of appearance."""

    origin: Literal["estimated", "measured"] = "estimated"

    def __post_init__(self) -> None:
        if not 0.0 < self.clock_hz < math.inf:
            raise ValueError(f"clock_hz={self.clock_hz} is not a positive, finite number")
        if not self.spans:
            raise ValueError("spans is empty; a timeline has at least one")
        for first, second in chain.from_iterable(map(pairwise, self.by_track.values())):
            if second.start_cycle < first.end_cycle:
                raise ValueError(
                    f"{first.track}: {second.name} starts in cycle {second.start_cycle}, but "
                    f"{first.name} ends in cycle {first.end_cycle}"
                )

    @property
    def end_cycle(self) -> int:
        """The first cycle after everything."""
        return max(span.end_cycle for span in self.spans)

    @property
    def length(self) -> str:
        """How long all of it takes, at which clock, and how one knows; for a reader."""
        scale, unit = self.scale
        return (
            f"{self.end_cycle:,} cycles at {self.clock_hz / 1e6:g} MHz, "
            f"{self.end_cycle * scale:.3g} {unit}, {self.origin}"
        )

    @property
    def groups(self) -> dict[str, list[str]]:
        """The tracks of each group; the first stands for the group."""
        found: dict[str, list[str]] = {}
        for track, group in {span.track: span.group for span in self.spans}.items():
            found.setdefault(group, []).append(track)
        return found

    @property
    def names(self) -> list[str]:
        """The names of all spans as they appear: work on frames, other work, waiting."""
        by_kind = sorted(self.spans, key=lambda span: (span.name == WAIT, span.frame is None))
        return list(dict.fromkeys(span.name for span in by_kind))

    @property
    def frames(self) -> dict[int, tuple[int, int]]:
        """The first cycle of each frame, and the first after it."""
        found: dict[int, tuple[int, int]] = {}
        for span in self.spans:
            if span.frame is not None:
                start, end = found.get(span.frame, (span.start_cycle, 0))
                found[span.frame] = min(start, span.start_cycle), max(end, span.end_cycle)
        return found

    @property
    def by_track(self) -> dict[str, list[Span]]:
        """The spans of each track, in time."""
        found: dict[str, list[Span]] = {}
        for span in sorted(self.spans, key=lambda span: span.start_cycle):
            found.setdefault(span.track, []).append(span)
        return {track: found[track] for group in self.groups.values() for track in group}

    def microseconds(self, cycles: int) -> float:
        """Return how long so many cycles take."""
        return cycles * 1e6 / self.clock_hz

    @property
    def scale(self) -> tuple[float, str]:
        """The unit of time that suits the whole: how much of it a cycle takes, and its name."""
        for per_s, unit in ((1e6, "µs"), (1e3, "ms")):
            if self.end_cycle / self.clock_hz * per_s < 999.5:  # prints with three digits
                return per_s / self.clock_hz, unit
        return 1 / self.clock_hz, "s"

    def totals(self, track: str) -> Counter[str]:
        """Return the cycles of each name on one track, waiting included."""
        cycles: Counter[str] = Counter()
        for span in self.by_track[track]:
            cycles[span.name] += span.cycles
        return cycles

    def working(self) -> Counter[str]:
        """Return the cycles in which each track works, waiting not counted."""
        cycles = Counter(dict.fromkeys(self.by_track, 0))
        for span in self.spans:
            cycles[span.track] += 0 if span.name == WAIT else span.cycles
        return cycles

    def occupancy(self) -> dict[str, float]:
        """Return the share of all cycles in which each track works, 0 to 1."""
        return {track: cycles / self.end_cycle for track, cycles in self.working().items()}
