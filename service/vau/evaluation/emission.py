"""How long after a phone has ended it is shown, and how long until it is stable.

Audio arrives in chunks of 100 ms, and after each there is an interim result. A phone of the
final result is *shown* by the first result that holds a phone of its name somewhere in its
span, and *stable* from the first result that has it among the phones that can no longer
change. Either delay is the end of the audio received by then, less the end of the phone in
the final result. It is audio time: what the host and the accelerator need is not in it. A
phone that is shown before it has ended has a delay below zero.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

from vau.audio import SAMPLE_RATE_HZ
from vau.segments import Phone, Segment

CHUNK_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Delays:
    """Of the phones of one utterance, silence left out, in milliseconds of audio."""

    shown_ms: tuple[float, ...]
    stable_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Told:
    """What a result added: the phones that were not stable before it."""

    received_sample: int
    phones: tuple[Phone, ...]
    stable_count: int
    """Of all the phones of its segment."""


@dataclass(slots=True)
class Watch:
    """What was told of one stream, result by result."""

    _told: dict[int, list[_Told]] = field(default_factory=lambda: defaultdict(list))
    _finals: list[Segment] = field(default_factory=list)

    def see(self, segments: Sequence[Segment], received_sample: int) -> None:
        """Take the results that came when so many samples had been received."""
        for segment in segments:
            told = self._told[segment.segment_index]
            known = told[-1].stable_count if told else 0
            told.append(_Told(received_sample, segment.phones[known:], segment.stable_count))
            if segment.end_reason is not None:
                self._finals.append(segment)

    def delays(self, silence_ids: frozenset[int]) -> Delays:
        """Measure the phones of the finals."""
        shown, stable = [], []
        for final in self._finals:
            told = self._told[final.segment_index]
            for place, phone in enumerate(final.phones):
                if phone.class_id not in silence_ids:
                    shown.append(_ms(_first_shown(told, phone) - phone.end_sample))
                    stable.append(_ms(_first_stable(told, place) - phone.end_sample))
        return Delays(tuple(shown), tuple(stable))


def _first_shown(told: Sequence[_Told], phone: Phone) -> int:
    """Return what had been received by the first result that holds ``phone``."""
    begins = bisect_right(told, phone.start_sample, key=attrgetter("received_sample"))
    return next(
        each.received_sample
        for each in told[begins:]
        if any(_is_same(phone, other) for other in each.phones)
    )


def _first_stable(told: Sequence[_Told], place: int) -> int:
    """Return the same for the first result in whose stable prefix ``place`` is."""
    return told[bisect_right(told, place, key=attrgetter("stable_count"))].received_sample


def _is_same(phone: Phone, other: Phone) -> bool:
    return (
        phone.class_id == other.class_id
        and other.start_sample < phone.end_sample
        and phone.start_sample < other.end_sample
    )


def _ms(samples: int) -> float:
    return 1000 * samples / SAMPLE_RATE_HZ
