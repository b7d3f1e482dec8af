"""The phones of a stream, a segment after the other: from posteriors to what a client is told.

A segment is the stretch between two finals. It ends with its utterance, or by the rules of
``vau.endpoint``, which leave the utterance alone: then the next begins with a decoder that
knows nothing of it, as if after silence.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.audio import HOP_SAMPLES
from vau.checkpoint.form import Reader, Writer
from vau.decode import Decoder, DecoderName, Run, Transcript, decoder_of
from vau.endpoint import Endpointer, EndReason, Rules, Stretch, Turning
from vau.model import Model

MOST_INDEX: Final = (1 << 32) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """One phoneme and where in the stream it was heard."""

    symbol: str
    class_id: int
    start_sample: int
    end_sample: int
    """Exclusive."""

    confidence: float
    """Mean posterior over the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The phones between two finals, as known now."""

    utterance_index: int
    segment_index: int
    """Counted over the stream; a later segment with the same index replaces this one."""

    phones: tuple[Phone, ...]
    stable_count: int
    """So many leading phones can no longer change."""

    start_sample: int
    end_sample: int
    end_reason: EndReason | None
    """None while it is interim."""


@dataclass(frozen=True, slots=True)
class SpeechEvent:
    """Speech began or ended."""

    begins: bool
    sample: int


@dataclass(frozen=True, slots=True)
class Told:
    """What came of some frames."""

    frames: int
    """That were taken: all, or those up to an end behind which the network is to forget."""

    segments: tuple[Segment, ...] = ()
    """Finals, and behind them an interim at most."""

    events: tuple[SpeechEvent, ...] = ()
    forgets: bool = False
    """The utterance ends behind these frames, because a segment did."""


@dataclass(slots=True)
class _Open:
    """The segment that is under way."""

    index: int
    start_frame: int
    """Within its utterance."""

    decoder: Decoder
    stable_phones: tuple[Phone, ...] = ()


class Segmenter:
    """The segments of one stream."""

    def __init__(
        self,
        model: Model,
        *,
        decoder: DecoderName = "viterbi",
        interim_results: bool = False,
        rules: Rules | None = None,
    ) -> None:
        """Begin before the first utterance; without ``rules`` a segment is an utterance."""
        self._model = model
        self._decoder_name: DecoderName = decoder
        self._interim_results = interim_results
        self._rules = rules
        self._endpointer = None if rules is None else Endpointer(rules)
        self._endpointer_sample = 0  # where its frame 0 begins
        self._utterance_index = 0
        self._start_sample = 0  # of the utterance
        self._frames = 0  # of the utterance
        self._open = _Open(0, 0, decoder_of(model, decoder))
        self._is_speech = np.ones(len(model.phonemes), np.bool_)
        self._is_speech[list(model.silence_ids)] = False

    @property
    def forgets(self) -> bool:
        """Whether a segment's end may be the end of its utterance, too."""
        return self._rules is not None and self._rules.resets

    @property
    def _sample(self) -> int:
        """Where the next frame begins."""
        return self._start_sample + self._frames * HOP_SAMPLES

    def push(
        self,
        log_prob: NDArray[np.float32],
        logits: NDArray[np.int32] | None,
        received_sample: int,
        ends: EndReason | None = None,
    ) -> Told:
        """Take the next frames of the utterance; ``ends`` says why it is over behind them.

        log_prob: shape (frames, phonemes); ``logits`` the same, where there are any.
        """
        taken, newest = 0, len(log_prob)
        segments: list[Segment] = []
        events: list[SpeechEvent] = []
        for stretch in self._stretches(log_prob if logits is None else logits):
            newest = stretch.frames
            self._open.decoder.push(log_prob[taken : taken + newest])
            taken += newest
            self._frames += newest
            events += self._events(stretch.turnings, received_sample)
            if stretch.boundary is not None:
                end = min(self._sample, received_sample)
                segments.append(self._final(stretch.boundary, end, received_sample))
                newest = 0
                if self.forgets:
                    return Told(taken, tuple(segments), tuple(events), forgets=True)
        if ends is not None:
            segments.append(self._final(ends, received_sample, received_sample))
            if self._endpointer is not None:
                events += self._events(self._endpointer.finish(), received_sample)
        elif self._interim_results and newest:
            segments.append(self._interim(received_sample))
        return Told(taken, tuple(segments), tuple(events))

    def begin(self, utterance_index: int, start_sample: int, *, by_rule: bool) -> None:
        """Go on with another utterance; ``by_rule`` if it was the rules that ended the last.

        Then they go on from where they were: what they saw was said before and behind.
        """
        if self._rules is not None and not by_rule:
            self._endpointer = Endpointer(self._rules)
            self._endpointer_sample = start_sample
        self._utterance_index, self._start_sample = utterance_index, start_sample
        self._frames = self._open.start_frame = 0

    def save(self, out: Writer) -> None:
        """Write down what is under way. Where the utterance stands is the session's to say."""
        out.count(self._open.index)
        out.count(self._frames - self._open.start_frame)
        if self._endpointer is not None:
            out.count(self._endpointer_sample)
            self._endpointer.save(out)
        self._open.decoder.save(out)

    def restore(
        self, saved: Reader, utterance_index: int, start_sample: int, frames: int
    ) -> None:
        """Go on from there. Raises ResumeInvalid for what ``save`` never writes."""
        self._utterance_index, self._start_sample = utterance_index, start_sample
        self._frames = frames
        self._open.index = saved.count(most=MOST_INDEX)
        self._open.start_frame = frames - saved.count(most=frames)
        if self._endpointer is not None:
            self._endpointer_sample = saved.count(most=start_sample)
            self._endpointer.restore(saved)
        self._open.decoder.restore(saved)

    def _stretches(self, scores: NDArray[np.float32] | NDArray[np.int32]) -> Iterator[Stretch]:
        """Yield the frames in stretches, none of which goes beyond the end of a segment."""
        if self._endpointer is None:
            yield Stretch(len(scores))
            return
        is_speech: list[bool] = self._is_speech[scores.argmax(axis=1)].tolist()
        while is_speech:
            stretch = self._endpointer.advance(is_speech)
            del is_speech[: stretch.frames]
            yield stretch

    def _events(
        self, turnings: Iterable[Turning], received_sample: int
    ) -> Iterator[SpeechEvent]:
        for turning in turnings:
            sample = self._endpointer_sample + turning.frame * HOP_SAMPLES
            yield SpeechEvent(turning.begins, min(sample, received_sample))

    def _final(self, reason: EndReason, end_sample: int, received_sample: int) -> Segment:
        """Close the segment, and open the next."""
        segment = self._segment(self._open.decoder.finish(), received_sample)
        closed = replace(segment, end_sample=end_sample, end_reason=reason)
        decoder = decoder_of(self._model, self._decoder_name)
        self._open = _Open(self._open.index + 1, self._frames, decoder)
        return closed

    def _interim(self, received_sample: int) -> Segment:
        return self._segment(self._open.decoder.transcript(), received_sample)

    def _segment(self, transcript: Transcript, received_sample: int) -> Segment:
        """Return the segment that is under way, as an interim."""
        start = self._start_sample + self._open.start_frame * HOP_SAMPLES
        known = self._open.stable_phones
        runs = transcript.runs[len(known) :]
        phones = (*known, *(self._phone(run, start, received_sample) for run in runs))
        self._open.stable_phones = phones[: transcript.stable_count]
        return Segment(
            utterance_index=self._utterance_index,
            segment_index=self._open.index,
            phones=phones,
            stable_count=transcript.stable_count,
            start_sample=start,
            end_sample=self._sample,
            end_reason=None,
        )

    def _phone(self, run: Run, start_sample: int, received_sample: int) -> Phone:
        """Place a run of the segment that began at ``start_sample`` in the stream."""
        return Phone(
            symbol=self._model.phonemes[run.class_id],
            class_id=run.class_id,
            start_sample=start_sample + run.start_frame * HOP_SAMPLES,
            end_sample=min(start_sample + run.end_frame * HOP_SAMPLES, received_sample),
            confidence=run.confidence,
        )
