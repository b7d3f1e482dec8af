"""Phones and segments as a TextGrid of Praat, in its long text form."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from vau.transcripts.spoken import EXACT, clock, seconds, spoken, word
from vau.transcripts.transcription import Transcription
from vau.wholefile import write_text_whole

Interval: TypeAlias = tuple[int, int, str]
"""Start, end and text, on the exact clock."""


def write_textgrid(done: Transcription, stem: Path) -> list[Path]:
    """Write the tiers ``phones`` and ``segments`` of one file, laid out as Praat does."""
    end = clock(done.samples, EXACT)
    phones = [(phone.start, phone.end, phone.symbol) for phone in spoken(done, EXACT)]
    tiers = {"phones": phones, "segments": _segments(done)}
    target = stem.with_name(f"{stem.name}.TextGrid")
    return [write_text_whole(target, textgrid(tiers, end))]


def textgrid(tiers: Mapping[str, Iterable[Interval]], end: int) -> str:
    """Return tiers from 0 to ``end``, laid out as Praat does; between intervals is nothing."""
    return (
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
        f"xmin = 0 \nxmax = {_time(end)} \ntiers? <exists> \nsize = {len(tiers)} \nitem []: \n"
    ) + "".join(
        _tier(index, name, list(_tiled(intervals, end)), end)
        for index, (name, intervals) in enumerate(tiers.items(), start=1)
    )


def _segments(done: Transcription) -> Iterator[Interval]:
    for segment in done.segments:
        start = clock(segment.start_sample, EXACT)
        end = clock(min(segment.end_sample, done.samples), EXACT)
        if start < end:
            yield start, end, " ".join(word(phone.symbol) for phone in done.said_in(segment))


def _tiled(intervals: Iterable[Interval], end: int) -> Iterator[Interval]:
    """Yield the intervals, and between them empty ones, from 0 to ``end``."""
    reached = 0
    for interval in intervals:
        if interval[0] > reached:
            yield reached, interval[0], ""
        yield interval
        reached = interval[1]
    if reached < end:
        yield reached, end, ""


def _tier(index: int, name: str, intervals: list[Interval], end: int) -> str:
    head = (
        f'    item [{index}]:\n        class = "IntervalTier" \n        name = "{name}" \n'
        f"        xmin = 0 \n        xmax = {_time(end)} \n"
        f"        intervals: size = {len(intervals)} \n"
    )
    return head + "".join(
        f"        intervals [{number}]:\n            xmin = {_time(start)} \n"
        f'            xmax = {_time(stop)} \n            text = "{_quoted(text)}" \n'
        for number, (start, stop, text) in enumerate(intervals, start=1)
    )


def _time(units: int) -> str:
    """Return the shortest decimal that is exact."""
    return seconds(units, EXACT).rstrip("0").rstrip(".")


def _quoted(text: str) -> str:
    return text.replace('"', '""')
