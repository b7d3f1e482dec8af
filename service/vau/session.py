"""One stream or file: PCM in, Work out; Results in, Answers out. Pure: no asyncio, no I/O.

A session is a sequence of utterances; each is a stretch between two resets of the
recurrent state and has its own slot, front-end state and decoder. ``advance`` takes the
next audio of many sessions through front end, backend and decoder together. Live streams
and files both go through it, hence the same numbers.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from time import perf_counter
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from vau.audio import HOP_SAMPLES, SAMPLE_BYTES, Encoding, PcmReader
from vau.backend import Backend, Cost, Result, Slot, Work
from vau.checkpoint.form import Reader, Writer, damaged
from vau.checkpoint.records import restore_record, save_record
from vau.decode import Decoder, DecoderName, Run, decoder_of
from vau.errors import AudioCorrupt, VauError
from vau.frontend import Frontend, Piece, Utterance, restored_utterance
from vau.honesty import Remark, Scrutiny, trailing
from vau.model import Model

EMPTY_DIGEST: Final = bytes(32)
MOST_INDEX: Final = (1 << 32) - 1


class EndReason(Enum):
    """Why a segment ended."""

    HALF_CLOSE = "half-close"
    END_UTTERANCE = "end-utterance"


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
    steps: int
    """Steps that the network took: frames, and those of the output delay."""

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
    decoder: Decoder
    frontend: Utterance = field(default_factory=Utterance)
    last_features: NDArray[np.float32] | None = None
    steps: int = 0
    frames: int = 0
    stable_phones: tuple[Phone, ...] = ()
    ends: EndReason | None = None


class Session:
    """The state of one stream between two pieces of audio."""

    def __init__(
        self,
        model: Model,
        *,
        encoding: Encoding = "linear16",
        interim_results: bool = False,
        decoder: DecoderName = "viterbi",
    ) -> None:
        """Begin at sample 0; ``slot`` is filled in by whoever opens it on a backend."""
        self.slot: Slot | None = None
        self.observer: Observer | None = None
        self._model = model
        self._pcm = PcmReader(encoding)
        self._sample_bytes = SAMPLE_BYTES[encoding]
        self._scrutiny = Scrutiny()
        self._remarks: list[Remark] = []
        self._interim_results = interim_results
        self._decoder_name: DecoderName = decoder
        self._utterance = _Progress(0, 0, decoder_of(model, decoder))
        self._frames = self._steps = 0
        self._cost = Cost()
        self._output_digest = self._input_digest = b""

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
            rest = trailing(self._pcm.rest_bytes, self._sample_bytes, self._pcm.samples)
            self._remarks.append(rest)
        self._utterance.ends = ends
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
        utterance = self._utterance
        steps = len(result.log_prob)
        silent = min(steps, max(0, self._model.output_delay - utterance.steps))
        log_prob = result.log_prob[silent:]
        logits = None if result.logits is None else result.logits[silent:]
        first_frame = utterance.frames
        self._count(result, log_prob, logits)
        utterance.decoder.push(log_prob)
        received = self._pcm.samples
        answered = utterance.start_sample + utterance.frames * HOP_SAMPLES
        answer = Answer(
            utterance_index=utterance.index,
            first_frame=first_frame,
            first_sample=utterance.start_sample + first_frame * HOP_SAMPLES,
            log_prob=log_prob,
            logits=logits,
            segments=self._segments(bool(len(log_prob))),
            steps=steps,
            cost=result.cost,
            received_sample=received,
            answered_sample=received if utterance.ends else answered,
            remarks=tuple(self._remarks),
        )
        if utterance.ends is not None:
            decoder = decoder_of(self._model, self._decoder_name)
            self._utterance = _Progress(utterance.index + 1, received, decoder)
        return answer

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
        utterance.decoder.save(out)

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
        utterance.decoder.restore(saved)

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
        self, result: Result, log_prob: NDArray[np.float32], logits: NDArray[np.int32] | None
    ) -> None:
        if logits is not None:
            self._output_digest = _chain(self._output_digest, logits)
        if result.inputs is not None:
            self._input_digest = _chain(self._input_digest, result.inputs)
        self._utterance.steps += len(result.log_prob)
        self._utterance.frames += len(log_prob)
        self._steps += len(result.log_prob)
        self._frames += len(log_prob)
        self._cost += result.cost

    def _segments(self, heard_more: bool) -> tuple[Segment, ...]:
        """Return the final of an utterance that ended, else an interim if one is due."""
        utterance = self._utterance
        if utterance.ends is not None:
            transcript = utterance.decoder.finish()
        elif self._interim_results and heard_more:
            transcript = utterance.decoder.transcript()
        else:
            return ()
        received, start = self._pcm.samples, utterance.start_sample
        known = utterance.stable_phones
        changed = [self._phone(run, start) for run in transcript.runs[len(known) :]]
        phones = (*known, *changed)
        utterance.stable_phones = phones[: transcript.stable_count]
        end = received if utterance.ends else start + utterance.frames * HOP_SAMPLES
        segment = Segment(
            utterance_index=utterance.index,
            segment_index=utterance.index,
            phones=phones,
            stable_count=transcript.stable_count,
            start_sample=start,
            end_sample=end,
            end_reason=utterance.ends,
        )
        return (segment,)

    def _phone(self, run: Run, start_sample: int) -> Phone:
        """Place a run of the utterance that began at ``start_sample`` in the stream."""
        return Phone(
            symbol=self._model.phonemes[run.class_id],
            class_id=run.class_id,
            start_sample=start_sample + run.start_frame * HOP_SAMPLES,
            end_sample=min(start_sample + run.end_frame * HOP_SAMPLES, self._pcm.samples),
            confidence=run.confidence,
        )


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
            ends = pushes[at].ends is not None
            heard.append((observer, Heard(item.features, result, len(answer.log_prob), ends)))
    return Round(
        answers=[answer for answer in answers if answer is not None],
        heard=heard,
        feature_s=featured_s - started_s,
        compute_s=computed_s - featured_s,
        post_s=perf_counter() - computed_s,
    )


def _answered(push: Push, result: Result, backend: Backend) -> Answer | VauError:
    """Close what has ended; the next utterance begins in another slot, in the zero state."""
    answer = push.session.answer(result)
    if push.ends is EndReason.END_UTTERANCE:
        try:
            close_session(push.session, backend)
            open_session(push.session, backend)
        except VauError as error:
            return error
    return answer
