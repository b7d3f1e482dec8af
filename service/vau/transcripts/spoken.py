"""What the formats of other people's tools share: phones on a clock, and words.

A clock counts in units of a decimal place of a second. Samples are rounded to it half up, a
start by the same rule as an end, so that neighbours which touch still do and none overlap.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from vau.audio import SAMPLE_RATE_HZ
from vau.transcripts.transcription import Transcription

EXACT: Final = 7
"""With so many decimals a second a sample is exact: 10**7 is a multiple of 16 000."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A phone that is no silence, in units of a clock."""

    start: int
    end: int
    """Exclusive; later than ``start``."""

    symbol: str
    """Without whitespace, and not empty."""

    confidence: float


def spoken(done: Transcription, decimals: int) -> list[Spoken]:
    """Return the phones that are no silence, by time, on a clock of so many decimals.

    None reaches beyond the audio. One that does not last a unit of the clock is left out.
    """
    clocked = (
        Spoken(
            clock(phone.start_sample, decimals),
            clock(min(phone.end_sample, done.samples), decimals),
            word(phone.symbol),
            phone.confidence,
        )
        for phone in done.phones()
    )
    return [phone for phone in clocked if phone.start < phone.end]


def stretches(phones: Iterable[Spoken], longest: int | None = None) -> Iterator[list[Spoken]]:
    """Yield phones that touch together; no more than last ``longest``, or a single one."""
    stretch: list[Spoken] = []
    for phone in phones:
        if stretch and (
            phone.start != stretch[-1].end
            or (longest is not None and phone.end - stretch[0].start > longest)
        ):
            yield stretch
            stretch = []
        stretch.append(phone)
    if stretch:
        yield stretch


def clock(sample: int, decimals: int) -> int:
    """Return where a sample is, in units of the last of so many decimals of a second."""
    unit_rate_hz = int(10**decimals)
    return (2 * sample * unit_rate_hz + SAMPLE_RATE_HZ) // (2 * SAMPLE_RATE_HZ)


def seconds(units: int, decimals: int) -> str:
    """Return such units as seconds with all their decimals."""
    whole, rest = divmod(units, 10**decimals)
    return f"{whole}.{rest:0{decimals}}"


def word(text: str) -> str:
    """Return ``text`` as one word of a line, and no comment: _ for what would break either."""
    return re.sub(r"\s|^;", "_", text) or "_"
