"""One stream or file: PCM in, Work out; Results in, Answers out. Pure: no asyncio, no I/O.

A session is a sequence of utterances; each is a stretch between two resets of the
recurrent state and has its own slot, front-end state and decoder. ``advance`` takes the
next audio of many sessions through front end, backend and decoder together. Live streams
and files both go through it, hence the same numbers.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from vau.audio import HOP_SAMPLES, SAMPLE_BYTES, Encoding, PcmReader
from vau.backend import Backend, Cost, Result, Slot, Work
from vau.checkpoint.form import Reader, Writer, damaged
from vau.checkpoint.records import restore_record, save_record
from vau.decode import DecoderName
from vau.endpoint import EndReason, Rules
from vau.errors import AudioCorrupt, VauError
from vau.frontend import Frontend, Piece, Utterance, restored_utterance
from vau.honesty import Remark, Scrutiny, trailing
from vau.model import Model
from vau.segments import MOST_INDEX, Segment, Segmenter, SpeechEvent

EMPTY_DIGEST: Final = bytes(32)
REASONS: Final = (None, EndReason.HALF_CLOSE, EndReason.END_UTTERANCE)
"""What may have ended a piece of audio, by the number that stands for it in a saved state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one piece of audio completed."""

    utterance_index: int
    first_frame: int
    """Index within the utterance of the first answered frame."""

    first_sample: int
    """Where in the stream that frame starts."""

    log_prob: NDArray[np.float32]
    """Shape (frames, phonemes); see ``Result``."""

    logits: NDArray[np.int32] | None
    segments: tuple[Segment, ...]
    """Finals, and behind them an interim at most."""

    events: tuple[SpeechEvent, ...] = ()
    ends: EndReason | None = None
    """Why nothing of this utterance follows; None if something does."""

    steps: int
    """Steps that the network took: frames, and those of the output delay."""

    vain_steps: int = 0
    """The last so many of them: the rules found the utterance to end before them."""

    cost: Cost
    received_sample: int
    """Samples taken so far."""

    answered_sample: int
    """Every frame that starts before this sample has been answered."""

    remarks: tuple[Remark, ...] = ()
    """What that audio, as it came, is worth telling of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A whole session in figures."""

    samples: int
    frames: int
    utterances: int
    steps: int
    cost: Cost
    output_digest: bytes
    """d = SHA-256(d || int32 logits of a frame) over all frames, from 32 zero bytes;
    empty where the arithmetic is not integer."""

    input_digest: bytes
    """The same chain over the quantised features of all steps."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a backend was given of one utterance, and what it said to that."""

    features: NDArray[np.float32]
    """As in ``Work``, shape (steps, feature_dim)."""

    result: Result
    frames: int
    """The last so many steps answered a frame; those before them fill the output delay."""

    ends: bool
    """Nothing of this utterance follows."""


class Observer(Protocol):
    """Whoever listens to a session beside its client. Nobody waits for it.

    The lane calls it on its thread when the answers are given away, so whatever it does delays
    the next round: it has microseconds.
    """

    def heard(self, heard: Heard) -> None:
        """Take note of the next steps of the present utterance; another follows its end."""

    def left(self) -> None:
        """Take note that the session is over, perhaps in the middle of an utterance."""


@dataclass(slots=True)
class _Progress:
    """Where the present utterance stands."""

    index: int
    start_sample: int
    frontend: Utterance = field(default_factory=Utterance)
    last_features: NDArray[np.float32] | None = None
    steps: int = 0
    frames: int = 0
    ends: EndReason | None = None
    samples: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))
    """From the first frame on that is not answered; kept only where rules may end it."""


@dataclass(frozen=True, slots=True)
class _Rest:
    """What came behind the end that the rules put to an utterance."""

    samples: NDArray[np.int16]
    ends: EndReason | None


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
        self.observer: Observer | None = None
        self._model = model
        self._pcm = PcmReader(encoding)
        self._sample_bytes = SAMPLE_BYTES[encoding]
        self._scrutiny = Scrutiny()
        self._remarks: list[Remark] = []
        self._segmenter = Segmenter(
            model, decoder=decoder, interim_results=interim_results, rules=rules
        )
        self._utterance = _Progress(0, 0)
        self._rest: _Rest | None = None
        self._frames = self._steps = 0
        self._cost = Cost()
        self._output_digest = self._input_digest = b""

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

    def work(self, features: NDArray[np.float64]) -> Work:
        """Return the steps that follow from the features of the last piece.

        At the end of an utterance its last feature repeats, once per frame of output delay.
        """
        if self.slot is None:
            raise ValueError("the session has no slot: open it first")
        steps = features.astype(np.float32)
        utterance = self._utterance
        if len(steps):
            utterance.last_features = steps[-1:].copy()  # not all of them with it
        if utterance.ends is not None and utterance.last_features is not None:
            repeats = [utterance.last_features] * self._model.output_delay
            steps = np.concatenate([steps, *repeats])
        return Work(self.slot, steps)

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
        self._count(result, silent + told.frames, log_prob, logits)
        ends = told.segments[-1].end_reason if told.forgets else utterance.ends
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

    def _begin(self, start_sample: int, *, by_rule: bool) -> None:
        """Go on with another utterance, and with what came behind the end of the last."""
        ended = self._utterance
        self._utterance = _Progress(ended.index + 1, start_sample)
        self._segmenter.begin(ended.index + 1, start_sample, by_rule=by_rule)
        if by_rule:
            self._rest = _Rest(ended.samples, ended.ends)

    @property
    def received_sample(self) -> int:
        """Samples taken so far."""
        return self._pcm.samples

    @property
    def answered_sample(self) -> int:
        """Every frame that starts before this sample has been answered."""
        return self._utterance.start_sample + self._utterance.frames * HOP_SAMPLES

    def save(self, out: Writer) -> None:
        """Write down all that the rest of the stream depends on, but the state of the slot.

        Between two pieces of audio only. Of a sample that is not complete nothing is written:
        whoever goes on begins with its first byte.
        """
        utterance = self._utterance
        out.count(self._pcm.samples)
        out.count(self._frames)
        out.count(self._steps)
        for digest in (self._output_digest, self._input_digest):
            out.octets(digest)
        save_record(self._cost, out)
        out.count(utterance.index)
        out.count(utterance.start_sample)
        out.count(utterance.frames)
        out.count(utterance.steps)
        utterance.frontend.save(out)
        out.flag(utterance.last_features is not None)
        if utterance.last_features is not None:
            out.array(utterance.last_features, "<f4")
        self._segmenter.save(out)
        if self._segmenter.forgets:
            rest = self._rest
            out.flag(rest is not None)
            if rest is not None:
                out.count(REASONS.index(rest.ends))
            out.array(utterance.samples if rest is None else rest.samples, "<i2")

    def restore(self, saved: Reader) -> None:
        """Go on from what a session of the same model and options wrote down.

        Only for one that has heard nothing. The audio is looked at anew from here, so a remark
        may come again. Raises ResumeInvalid for what none writes.
        """
        self._pcm.samples = saved.count()
        self._scrutiny = Scrutiny(self._pcm.samples)
        self._frames = saved.count()
        self._steps = saved.count()
        self._output_digest, self._input_digest = (_restored_digest(saved) for _ in range(2))
        self._cost = restore_record(Cost, saved)
        utterance = self._utterance
        utterance.index = saved.count(most=MOST_INDEX)
        utterance.start_sample = saved.count(most=self._pcm.samples)
        utterance.frames = saved.count(most=self._frames)
        utterance.steps = saved.count(most=self._steps)
        utterance.frontend = restored_utterance(saved, self._model.frontend)
        if saved.flag():
            shape = (1, self._model.frontend.feature_dim)
            utterance.last_features = saved.array("<f4", shape)
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
            self._rest = _Rest(samples, ends)
        else:
            self._utterance.samples = samples

    def summary(self) -> Summary:
        """Add up the utterances that have ended."""
        return Summary(
            samples=self._pcm.samples,
            frames=self._frames,
            utterances=self._utterance.index,
            steps=self._steps,
            cost=self._cost,
            output_digest=self._output_digest,
            input_digest=self._input_digest,
        )

    def _count(
        self,
        result: Result,
        steps: int,
        log_prob: NDArray[np.float32],
        logits: NDArray[np.int32] | None,
    ) -> None:
        """Add what was answered; ``steps`` of the result belong to the utterance."""
        if logits is not None:
            self._output_digest = _chain(self._output_digest, logits)
        if result.inputs is not None:
            self._input_digest = _chain(self._input_digest, result.inputs[:steps])
        self._utterance.steps += steps
        self._utterance.frames += len(log_prob)
        self._steps += len(result.log_prob)
        self._frames += len(log_prob)
        self._cost += result.cost


def _restored_digest(saved: Reader) -> bytes:
    digest = saved.octets(most=len(EMPTY_DIGEST))
    if len(digest) not in {0, len(EMPTY_DIGEST)}:
        raise damaged("a digest that is none")
    return digest


def _chain(digest: bytes, rows: NDArray[np.integer]) -> bytes:
    """Extend the chain d = SHA-256(d || row) by each row, from zeros if it is new.

    A number goes in low byte first whatever the machine, or two machines could not be compared.
    """
    digest = digest or EMPTY_DIGEST
    for row in np.ascontiguousarray(rows, rows.dtype.newbyteorder("<")):
        digest = hashlib.sha256(digest + row.tobytes()).digest()
    return digest


@dataclass(frozen=True, slots=True)
class Push:
    """The next audio of one session."""

    session: Session
    audio: bytes = b""
    ends: EndReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What came of the pushes that went through the engine together."""

    answers: list[Answer | VauError]
    """In the order of the pushes; a push that failed fails alone."""

    heard: list[tuple[Observer, Heard]] = field(default_factory=list)
    """What the observers of these sessions are still to be told."""

    feature_s: float
    compute_s: float
    post_s: float
    """Wall seconds of this host in front end, backend, and decoder."""


def open_session(session: Session, backend: Backend) -> None:
    """Give ``session`` a slot in the zero state. Raises BackendBusy if none is free."""
    session.slot = backend.open()


def close_session(session: Session, backend: Backend) -> None:
    """Take the slot back; a session without one is left as it is."""
    if session.slot is not None:
        backend.release(session.slot)
        session.slot = None


def advance(frontend: Frontend, backend: Backend, pushes: Sequence[Push]) -> Round:
    """Take the next audio of several sessions through front end, backend and decoder.

    No session may appear twice. A BackendFault is the answer to every push of the round:
    their states are lost.
    """
    started_s = perf_counter()
    answers: list[Answer | VauError | None] = [None] * len(pushes)
    pieces: dict[int, Piece] = {}
    for at, push in enumerate(pushes):
        try:
            pieces[at] = push.session.accept(push.audio, push.ends)
        except VauError as error:
            answers[at] = error
    features = frontend.advance(list(pieces.values()))
    work = [pushes[at].session.work(rows) for at, rows in zip(pieces, features, strict=True)]
    featured_s = perf_counter()
    try:
        results = backend.run(work)
    except VauError as error:
        for at in pieces:
            answers[at] = error
        results, work = [], []
        pieces = {}
    computed_s = perf_counter()
    heard: list[tuple[Observer, Heard]] = []
    for at, item, result in zip(pieces, work, results, strict=True):
        answer = answers[at] = _answered(pushes[at], result, backend)
        observer = pushes[at].session.observer
        if observer is not None and isinstance(answer, Answer):
            heard.append((observer, _heard(item, result, answer)))
    return Round(
        answers=[answer for answer in answers if answer is not None],
        heard=heard,
        feature_s=featured_s - started_s,
        compute_s=computed_s - featured_s,
        post_s=perf_counter() - computed_s,
    )


def _heard(work: Work, result: Result, answer: Answer) -> Heard:
    """Return what an observer is to know: nothing of what was computed in vain."""
    if answer.vain_steps:
        kept = slice(len(work.features) - answer.vain_steps)
        work = Work(work.slot, work.features[kept])
        result = replace(
            result,
            log_prob=result.log_prob[kept],
            logits=None if result.logits is None else result.logits[kept],
            inputs=None if result.inputs is None else result.inputs[kept],
        )
    return Heard(work.features, result, len(answer.log_prob), answer.ends is not None)


def _answered(push: Push, result: Result, backend: Backend) -> Answer | VauError:
    """Close what has ended; the next utterance begins in another slot, in the zero state."""
    session = push.session
    answer = session.answer(result)
    if answer.ends not in {None, EndReason.HALF_CLOSE}:
        try:
            close_session(session, backend)
            open_session(session, backend)
        except VauError as error:
            return error
    return answer
