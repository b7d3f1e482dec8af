"""The state of one stream, from the bytes of its audio to its answers."""

import numpy as np
from numpy.typing import NDArray

from vau.audio import HOP_SAMPLES, SAMPLE_BYTES, Encoding, PcmReader
from vau.backend import Cost, Result, Slot, Work
from vau.checkpoint.form import Reader, Writer, damaged
from vau.decode import DecoderName
from vau.endpoint import EndReason, Rules
from vau.errors import AudioCorrupt, VauError
from vau.frontend import Piece
from vau.honesty import Remark, Scrutiny, trailing
from vau.model import Model
from vau.segments import Segmenter
from vau.session.answer import Answer, Observer
from vau.session.progress import REASONS, Progress, Rest
from vau.session.totals import Summary, Totals
from vau.session.way import Way


class Session:
    """The state of one stream between two pieces of audio."""

    def __init__(
        self,
        model: Model,
        *,
        encoding: Encoding = "linear16",
        interim_results: bool = False,
        decoder: DecoderName = "viterbi",
        rules: Rules | None = None,
    ) -> None:
        """Begin at sample 0; ``slot`` is filled in by whoever opens it on a backend.

        rules: when a segment ends before its utterance; None for never.
        """
        self.slot: Slot | None = None
        self.is_spent = False
        """Whether the slot is in a state that led to the end of an utterance, and is to be
        exchanged before the next steps."""

        self.failure: VauError | None = None
        """Why there is no slot for the present utterance, if there is none: what was said
        before it counts, and the next push fails."""

        self.observer: Observer | None = None
        self.way = Way()
        self._model = model
        self._pcm = PcmReader(encoding)
        self._sample_bytes = SAMPLE_BYTES[encoding]
        self._scrutiny = Scrutiny()
        self._remarks: list[Remark] = []
        self._segmenter = Segmenter(
            model, decoder=decoder, interim_results=interim_results, rules=rules
        )
        self._utterance = Progress(0, 0)
        self._rest: Rest | None = None
        self._totals = Totals()

    @property
    def is_behind(self) -> bool:
        """Whether there is audio that another push would answer, even without more of it.

        The rules have ended an utterance before it.
        """
        return self._rest is not None

    def accept(self, audio: bytes, ends: EndReason | None = None) -> Piece:
        """Take the next bytes; ``ends`` closes the utterance behind them.

        Bytes that are left at the half-close, and are no sample, are dropped with a remark.
        Raises AudioCorrupt for a NaN, or for no sample at all up to the half-close.
        """
        samples = self._pcm.read(audio)
        if ends is EndReason.HALF_CLOSE and not self._pcm.samples:
            raise AudioCorrupt(
                "audio: the stream ended without a sample; send audio before closing it",
                field="audio",
                sample=0,
            )
        self._remarks = self._scrutiny.hear(samples)
        if ends is EndReason.HALF_CLOSE and self._pcm.rest_bytes:
            remark = trailing(self._pcm.rest_bytes, self._sample_bytes, self._pcm.samples)
            self._remarks.append(remark)
        rest, self._rest = self._rest, None
        if rest is not None:
            samples, ends = np.concatenate([rest.samples, samples]), rest.ends or ends
        self._utterance.ends = ends
        if self._segmenter.forgets:
            self._utterance.samples = np.concatenate([self._utterance.samples, samples])
        return Piece(self._utterance.frontend, samples, is_last=ends is not None)

    def take(self, features: NDArray[np.float64]) -> None:
        """Let the steps that follow from the features of the last piece be the next.

        At the end of an utterance its last feature repeats, once per frame of output delay.
        """
        steps = features.astype(np.float32)
        utterance = self._utterance
        if len(steps):
            utterance.last_features = steps[-1:].copy()  # not all of them with it
        if utterance.ends is not None and utterance.last_features is not None:
            repeats = [utterance.last_features] * self._model.output_delay
            steps = np.concatenate([steps, *repeats])
        self.way.pending = steps

    def work(self) -> Work:
        """Return the next steps. Raises why there is no slot, if that is known."""
        if self.failure is not None:
            raise self.failure
        if self.slot is None:
            raise ValueError("the session has no slot: open it first")
        return Work(self.slot, self.way.next_steps())

    def answer(self, result: Result) -> Answer:
        """Turn the backend's answer to the last work into ours, and close what ended."""
        utterance, received = self._utterance, self._pcm.samples
        steps = len(result.log_prob)
        silent = min(steps, max(0, self._model.output_delay - utterance.steps))
        first_frame = utterance.frames
        log_prob = result.log_prob[silent:]
        logits = None if result.logits is None else result.logits[silent:]
        told = self._segmenter.push(log_prob, logits, received, utterance.ends)
        log_prob = log_prob[: told.frames]
        logits = None if logits is None else logits[: told.frames]
        ends = told.segments[-1].end_reason if told.forgets else utterance.ends
        self.way.settle(ends=ends is not None)
        self._count(result, silent + told.frames, log_prob, logits)
        answered = min(self.answered_sample, received)  # a last frame may be shorter than a hop
        if not told.forgets and ends is not None:
            answered = received
        answer = Answer(
            utterance_index=utterance.index,
            first_frame=first_frame,
            first_sample=utterance.start_sample + first_frame * HOP_SAMPLES,
            log_prob=log_prob,
            logits=logits,
            segments=told.segments,
            events=told.events,
            ends=ends,
            steps=steps,
            vain_steps=steps - silent - told.frames,
            cost=result.cost,
            received_sample=received,
            answered_sample=answered,
            remarks=tuple(self._remarks),
        )
        utterance.samples = utterance.samples[told.frames * HOP_SAMPLES :]
        if ends is not None:
            self._begin(answered, by_rule=told.forgets)
        return answer

    def repeat(self, result: Result) -> Answer:
        """Take note that steps were taken again: there is nothing new to hear in that."""
        repeated = self.way.repeat(result.cost)
        self._totals.steps += repeated.steps
        self._totals.cost += repeated.cost
        utterance_index, first_frame = self.next_frame
        return Answer(
            utterance_index=utterance_index,
            first_frame=first_frame,
            first_sample=self.answered_sample,
            log_prob=result.log_prob[:0],
            logits=None if result.logits is None else result.logits[:0],
            segments=(),
            steps=0,
            cost=Cost(),
            repeated=repeated,
            received_sample=self.received_sample,
            answered_sample=self.answered_sample,
        )

    def _begin(self, start_sample: int, *, by_rule: bool) -> None:
        """Go on with another utterance, and with what came behind the end of the last."""
        ended = self._utterance
        self._utterance = Progress(ended.index + 1, start_sample)
        self._segmenter.begin(ended.index + 1, start_sample, by_rule=by_rule)
        if by_rule:
            self._rest = Rest(ended.samples, ended.ends)

    @property
    def received_sample(self) -> int:
        """Samples taken so far."""
        return self._pcm.samples

    @property
    def answered_sample(self) -> int:
        """Every frame that starts before this sample has been answered."""
        return self._utterance.answered_sample

    @property
    def next_frame(self) -> tuple[int, int]:
        """The utterance, and the frame within it, that is to be answered next."""
        return self._utterance.index, self._utterance.frames

    def save(self, out: Writer) -> None:
        """Write down all that the rest of the stream depends on, but the state of the slot.

        Between two pieces of audio only. Of a sample that is not complete nothing is written:
        whoever goes on begins with its first byte.
        """
        out.count(self._pcm.samples)
        self._totals.save(out)
        self._utterance.save(out)
        self._segmenter.save(out)
        if self._segmenter.forgets:
            rest = self._rest
            out.flag(rest is not None)
            if rest is not None:
                out.count(REASONS.index(rest.ends))
            out.array(self._utterance.samples if rest is None else rest.samples, "<i2")

    def restore(self, saved: Reader) -> None:
        """Go on from what a session of the same model and options wrote down.

        Only for one that has heard nothing. The audio is looked at anew from here, so a remark
        may come again. Raises ResumeInvalid for what none writes, ValueError for a session that
        has heard something, or was restored from something.
        """
        if self._pcm.samples or self._totals.steps:
            raise ValueError("a session is restored before it hears anything, and once")
        self._pcm.samples = saved.count()
        self._scrutiny = Scrutiny(self._pcm.samples)
        self._totals = Totals.restored(saved)
        self._utterance = utterance = Progress.restored(
            saved,
            self._model.frontend,
            samples=self._pcm.samples,
            frames=self._totals.frames,
            steps=self._totals.steps,
        )
        where = (utterance.index, utterance.start_sample, utterance.frames)
        self._segmenter.restore(saved, *where)
        if self._segmenter.forgets:
            self._restore_samples(saved)

    def _restore_samples(self, saved: Reader) -> None:
        """Take back the samples from the first frame on that is not answered."""
        is_behind = saved.flag()
        ends = REASONS[saved.count(most=len(REASONS) - 1)] if is_behind else None
        count = self._pcm.samples - self.answered_sample
        if count < 0:
            raise damaged("frames behind the audio")
        samples = saved.array("<i2", (count,))
        if is_behind:
            self._rest = Rest(samples, ends)
        else:
            self._utterance.samples = samples

    def summary(self) -> Summary:
        """Add up the utterances that have ended."""
        return self._totals.summary(samples=self._pcm.samples, utterances=self._utterance.index)

    def _count(
        self,
        result: Result,
        steps: int,
        log_prob: NDArray[np.float32],
        logits: NDArray[np.int32] | None,
    ) -> None:
        """Add what was answered; ``steps`` of the result belong to the utterance."""
        inputs = None if result.inputs is None else result.inputs[:steps]
        self._totals.digest(logits, inputs)
        self._utterance.steps += steps
        self._utterance.frames += len(log_prob)
        self._totals.steps += len(result.log_prob)
        self._totals.frames += len(log_prob)
        self._totals.cost += result.cost
