"""Segments as messages, one stream's after the other.

An interim repeats the phones of those before it. What is stable is written once, and copied
from then on: a message of a hundred phones costs what the few new ones do.
"""

from vau.segments import Phone, Segment, SpeechEvent
from vau.v1 import speech_pb2 as pb
from vau.wire.vocabulary import BEGINS, END_REASONS


def event_of(event: SpeechEvent) -> pb.SpeechEvent:
    """Return a beginning or an end of speech."""
    return pb.SpeechEvent(kind=BEGINS[event.begins], sample=event.sample)


class Results:
    """The results of one stream."""

    def __init__(self, *, phonemes: bool) -> None:
        """Begin before the first; without ``phonemes`` they only mark the segments."""
        self._phonemes = phonemes
        self._stable = pb.Result()
        """Of the present segment: its stable phones, and nothing else."""

        self._segment_index = -1

    def write(self, segment: Segment, result: pb.Result) -> None:
        """Fill an empty message with a final or an interim."""
        if segment.segment_index != self._segment_index:
            self._stable, self._segment_index = pb.Result(), segment.segment_index
        if self._phonemes:
            self._write_phones(segment, result)
            result.stable_count = segment.stable_count
        result.utterance_index = segment.utterance_index
        result.segment_index = segment.segment_index
        result.is_final = segment.end_reason is not None
        result.start_sample = segment.start_sample
        result.end_sample = segment.end_sample
        if segment.end_reason is not None:
            result.end_reason = END_REASONS[segment.end_reason]

    def _write_phones(self, segment: Segment, result: pb.Result) -> None:
        known = len(self._stable.phones)
        newly_stable = segment.phones[known : segment.stable_count]
        self._stable.phones.extend(map(_phone, newly_stable))
        result.CopyFrom(self._stable)
        result.phones.extend(map(_phone, segment.phones[len(self._stable.phones) :]))


def _phone(phone: Phone) -> pb.Phone:
    return pb.Phone(
        symbol=phone.symbol,
        class_id=phone.class_id,
        start_sample=phone.start_sample,
        end_sample=phone.end_sample,
        confidence=phone.confidence,
    )
