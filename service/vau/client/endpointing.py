"""Where speech begins and ends: what a client asks of a server, and what it is told."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from vau.segments import SpeechEvent
from vau.v1 import speech_pb2 as pb
from vau.wire.durations import duration_of
from vau.wire.vocabulary import BEGINS, words_of

_BEGINS: Final = words_of(BEGINS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpointing:
    """When a segment ends, in seconds; 0 switches a rule off. The network goes on as it was."""

    start_timeout_s: float = 0.0
    """Without speech."""

    end_silence_s: float = 0.0
    """Of silence behind speech."""

    max_segment_s: float = 0.0

    def message(self) -> pb.Endpointing:
        """Return the part of a config that says so."""
        return pb.Endpointing(
            start_timeout=duration_of(self.start_timeout_s),
            end_silence=duration_of(self.end_silence_s),
            max_segment=duration_of(self.max_segment_s),
        )


def events_of(events: Iterable[pb.SpeechEvent]) -> tuple[SpeechEvent, ...]:
    """Return the beginnings and ends; an event of a kind that is newer than us is left out."""
    return tuple(
        SpeechEvent(_BEGINS[event.kind], event.sample)
        for event in events
        if event.kind in _BEGINS
    )
