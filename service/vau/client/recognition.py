"""A stream on a server, in the service's own words rather than the wire's.

``converse`` sends audio and yields what comes back; ``transcribe`` does so for whole files,
several at a time. The numbers are those of ``vau.batch``, to the bit.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from vau.audio import SAMPLE_RATE_HZ
from vau.audiofile import Channel, read_recording
from vau.backend import Boundary, Energy, Origin
from vau.batch import Change, Failed
from vau.client import Client, Resume, posteriors_array
from vau.client.access import PLAIN, Access
from vau.client.endpointing import Endpointing, events_of
from vau.client.retry import patiently
from vau.decode import DecoderName
from vau.endpoint import EndReason
from vau.errors import AudioError, Unreachable
from vau.segments import Phone, Segment, SpeechEvent
from vau.transcript import Engine, Transcription
from vau.v1 import speech_pb2 as pb

CHUNK_SAMPLES: Final = SAMPLE_RATE_HZ // 2  # of a whole file, sent as fast as it is taken
SAMPLE_BYTES: Final = 2  # as Request asks for
S_TO_NS: Final = 10**9

Wanted = Literal["none", "log", "logits"]
"""Which posteriors to ask for."""

_ENCODINGS: Final[dict[Wanted, pb.PosteriorEncoding]] = {
    "none": pb.POSTERIOR_ENCODING_UNSPECIFIED,
    "log": pb.POSTERIOR_ENCODING_FLOAT32,
    "logits": pb.POSTERIOR_ENCODING_RAW_INT32,
}
_DECODERS: Final[dict[DecoderName, pb.Decoder]] = {
    "viterbi": pb.DECODER_VITERBI,
    "greedy": pb.DECODER_GREEDY,
}
_ORIGINS: Final[dict[int, Origin]] = {
    pb.ORIGIN_ESTIMATED: "estimated",
    pb.ORIGIN_MEASURED: "measured",
}
_BOUNDARIES: Final[dict[int, Boundary]] = {
    pb.Energy.BOUNDARY_CORE: "core",
    pb.Energy.BOUNDARY_ACCELERATOR: "accelerator",
    pb.Energy.BOUNDARY_SYSTEM: "system",
    pb.Energy.BOUNDARY_BOARD: "board",
}
_END_REASONS: Final[dict[int, EndReason]] = {
    pb.END_REASON_HALF_CLOSE: EndReason.HALF_CLOSE,
    pb.END_REASON_END_UTTERANCE: EndReason.END_UTTERANCE,
    pb.END_REASON_SILENCE: EndReason.SILENCE,
    pb.END_REASON_MAX_SEGMENT: EndReason.MAX_SEGMENT,
    pb.END_REASON_NO_SPEECH: EndReason.NO_SPEECH,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to ask a server for; an empty name means its default."""

    model: str = ""
    backend: str = ""
    fallback_backends: tuple[str, ...] = ()
    """Those that may take over, the best first: ids, ``same-kind`` or ``any``."""

    interim_results: bool = False
    posteriors: Wanted = "none"
    decoder: DecoderName = "viterbi"
    max_lag_s: float | None = None
    """The most audio that may wait at the server; None for what it allows."""

    endpointing: Endpointing | None = None
    """When a segment ends before the audio does, and whether to hear where speech begins and
    ends; None for neither."""

    def config(self) -> pb.StreamingConfig:
        """Return the first message of a stream."""
        wanted = self.posteriors != "none"
        return pb.StreamingConfig(
            recognition=pb.RecognitionConfig(
                audio_format=pb.AudioFormat(
                    encoding=pb.AudioFormat.ENCODING_LINEAR16,
                    sample_rate_hertz=SAMPLE_RATE_HZ,
                    channel_count=1,
                ),
                model=self.model,
                backend=self.backend,
                fallback_backends=self.fallback_backends,
                decoder=_DECODERS[self.decoder],
                output=pb.OutputConfig(
                    phonemes=True,
                    posteriors=(
                        pb.OutputConfig.POSTERIORS_FULL
                        if wanted
                        else pb.OutputConfig.POSTERIORS_UNSPECIFIED
                    ),
                    encoding=_ENCODINGS[self.posteriors],
                    timing=True,
                    energy=True,
                ),
            ),
            interim_results=self.interim_results,
            endpointing=None if self.endpointing is None else self.endpointing.message(),
            flow_control=self._flow_control(),
        )

    def _flow_control(self) -> pb.FlowControl | None:
        if self.max_lag_s is None:
            return None
        flow = pb.FlowControl()
        flow.max_lag.FromNanoseconds(round(self.max_lag_s * S_TO_NS))
        return flow


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The server holds a slot for us."""

    engine: Engine
    look_ahead_frames: int
    tier: str = ""
    """What computes the backend on the server's machine; empty where there is no choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What the latest audio completed."""

    segments: tuple[Segment, ...]
    posteriors: NDArray[Any] | None
    """Of the new frames, shape (frames, phonemes); None without them."""

    fraction_bits: int
    """Of logits; 0 otherwise."""

    frame_latency_s: float
    """The slowest of the new frames: last needed sample received to answer sent."""

    energies: tuple[Energy, ...]
    received_sample: int
    notices: tuple[str, ...]
    events: tuple[SpeechEvent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The whole stream in figures."""

    samples: int
    frames: int
    input_digest: bytes
    output_digest: bytes
    energies: tuple[Energy, ...]
    compute_s: float
    """In front end, backend and decoder."""


def converse(
    client: Client,
    audio: Iterable[NDArray[np.int16]],
    request: Request,
    resume: Resume | None = None,
) -> Iterator[Started | Update | Finished]:
    """Stream 16 kHz mono samples; yield Started, Updates as they come, and Finished.

    audio:  in chunks of any length: what is more than the server takes in one message is
            cut. Consumed on another thread, so it may wait, for a microphone or the clock,
            and not before the server has said that the stream began.
    resume: how the stream outlives its connection and its server; None if it does not.
    Raises  what the server answers with, Unreachable if it is lost.
    """
    most_samples: Future[int] = Future()
    finished: Finished | None = None
    try:
        messages = _messages(audio, most_samples)
        for response in client.stream(request.config(), messages, resume=resume):
            is_first = response.HasField("started")
            if is_first:
                most_samples.set_result(_most_samples(response.started.limits))
                yield _started(response.started)
            if not is_first or response.notices:
                yield _update(response)
            if response.HasField("finished"):
                finished = finished_of(response.finished)
    finally:
        most_samples.cancel()  # or gRPC's thread would wait for it for ever
    if finished is None:
        raise Unreachable(f"{client.address}: the stream ended without its last message")
    yield finished  # not before the status: who leaves now cancels nothing


def _messages(
    audio: Iterable[NDArray[np.int16]], most_samples: "Future[int]"
) -> Iterator[bytes]:
    """Yield the audio as it is sent, once it is known how much a message may hold."""
    try:
        most = most_samples.result()
    except CancelledError:  # the stream ended without beginning
        return
    for samples in audio:
        for chunk in chunks_of(samples, most):
            yield chunk.astype("<i2").tobytes()


def _most_samples(limits: pb.Limits) -> int:
    """Return how many samples a server takes in one message; an absent limit is not set."""
    most = [sys.maxsize]
    if limits.max_audio_message_bytes:
        most.append(limits.max_audio_message_bytes // SAMPLE_BYTES)
    if limits.max_lag.ToNanoseconds():
        most.append(limits.max_lag.ToNanoseconds() * SAMPLE_RATE_HZ // S_TO_NS)
    return max(1, min(most))


@dataclass(slots=True)
class _Gathered:
    """What the updates of a stream add up to."""

    keep_posteriors: bool
    posteriors: list[NDArray[Any]] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    fraction_bits: int = 0
    notices: list[str] = field(default_factory=list)

    def add(self, update: Update) -> None:
        if update.posteriors is not None and self.keep_posteriors:
            self.posteriors.append(update.posteriors)
            self.fraction_bits = update.fraction_bits
        self.notices += update.notices
        self.segments += [each for each in update.segments if each.end_reason is not None]

    def transcription(
        self, name: str, sha256: str, engine: Engine, end: Finished, wall_s: float
    ) -> Transcription:
        return Transcription(
            file=name,
            sha256=sha256,
            samples=end.samples,
            segments=tuple(self.segments),
            posteriors=np.concatenate(self.posteriors) if self.posteriors else None,
            fraction_bits=self.fraction_bits,
            frames=end.frames,
            energies=end.energies,
            input_digest=end.input_digest,
            output_digest=end.output_digest,
            wall_s=wall_s,
            compute_s=end.compute_s,
            engine=engine,
            notices=tuple(self.notices),
        )


def transcription(
    name: str,
    sha256: Callable[[], str],
    events: Iterable[Started | Update | Finished],
    *,
    keep_posteriors: bool = True,
) -> Transcription:
    """Gather the events of one stream into what ``vau.batch`` yields for a file.

    sha256: asked at the end.
    """
    began_s = perf_counter()
    engine: Engine | None = None
    gathered = _Gathered(keep_posteriors)
    for event in events:
        if isinstance(event, Started):
            engine = event.engine
        elif isinstance(event, Update):
            gathered.add(event)
        elif engine is not None:
            wall_s = perf_counter() - began_s
            return gathered.transcription(name, sha256(), engine, event, wall_s)
    raise Unreachable(f"{name}: the server ended the stream without beginning it")


def transcribe(
    server: str,
    files: Sequence[Path],
    request: Request,
    *,
    access: Access = PLAIN,
    channel: Channel = "mix",
    streams: int = 1,
    chunk_samples: int = CHUNK_SAMPLES,
    change: Change | None = None,
    on_update: Callable[[int, Update], None] | None = None,
) -> Iterator[tuple[int, Transcription | Failed]]:
    """Yield each file with its place in ``files``, as they are done.

    server:    ``host:port``, over a connection of its own.
    access:    what the server wants: TLS, a token.
    streams:   how many at a time, or fewer if the server allows no more; one that finds no
               slot free comes again, as ``vau.client.retry`` says.
    change:    gives the samples that are sent instead of those of a file.
    on_update: hears each update, after the place of its file, on the thread of its stream.
    Raises the first error that is not the fault of a file; the other streams end then.
    """
    with Client(server, access=access) as client:
        limits = client.server_info().limits
        send = _Sending(client, request, channel, chunk_samples, change, on_update)
        pool = ThreadPoolExecutor(min(streams, limits.max_streams or streams))
        try:
            places = {
                pool.submit(send.transcribe, index, file): index
                for index, file in enumerate(files)
            }
            for future in as_completed(places):
                yield places[future], future.result()
        finally:
            client.close()  # cancels what still runs, so that its threads end
            pool.shutdown(cancel_futures=True)


def chunks_of(samples: NDArray[np.int16], chunk_samples: int) -> Iterator[NDArray[np.int16]]:
    """Cut samples into chunks, as fast as they are asked for."""
    for at in range(0, len(samples), chunk_samples):
        yield samples[at : at + chunk_samples]


@dataclass(frozen=True, slots=True)
class _Sending:
    """How whole files are sent."""

    client: Client
    request: Request
    channel: Channel
    chunk_samples: int
    change: Change | None
    on_update: Callable[[int, Update], None] | None

    def transcribe(self, index: int, file: Path) -> Transcription | Failed:
        try:
            audio = read_recording(file, self.channel)
        except AudioError as error:
            return Failed(file, error)
        if self.change is not None:
            audio = replace(audio, samples=self.change(index, audio.samples))

        def attempt() -> Transcription:
            chunks = chunks_of(audio.samples, self.chunk_samples)
            events = self._watched(index, converse(self.client, chunks, self.request))
            return transcription(str(file), lambda: audio.sha256, events)

        return patiently(attempt)

    def _watched(
        self, index: int, events: Iterable[Started | Update | Finished]
    ) -> Iterator[Started | Update | Finished]:
        for event in events:
            if self.on_update is not None and isinstance(event, Update):
                self.on_update(index, event)
            yield event


def _started(started: pb.SessionStarted) -> Started:
    model, backend = started.model, started.backend
    return Started(
        engine=Engine(
            model=model.name,
            model_digest=model.digest,
            phonemes=tuple(model.classes),
            silence_ids=frozenset(model.silence_ids),
            backend=backend.id,
            arithmetic_id=backend.arithmetic_id,
            decoder=_decoder(started.resolved.decoder),
        ),
        look_ahead_frames=model.look_ahead_frames,
        tier=backend.tier,
    )


def _decoder(number: int) -> str:
    """Return the name of a decoder, or nothing for one that we have no word for."""
    return next((name for name, known in _DECODERS.items() if known == number), "")


def _update(response: pb.StreamingRecognizeResponse) -> Update:
    posteriors = None
    if response.HasField("posteriors"):
        posteriors = posteriors_array(response.posteriors)
    return Update(
        segments=tuple(map(_segment, response.results)),
        posteriors=posteriors,
        fraction_bits=response.posteriors.fraction_bits,
        frame_latency_s=response.timing.frame_latency_max_ns / 1e9,
        energies=_energies(response.energy),
        received_sample=response.received_sample,
        notices=tuple(notice.text for notice in response.notices),
        events=events_of(response.events),
    )


def finished_of(finished: pb.SessionFinished) -> Finished:
    """Read the summary of a whole stream."""
    timing = finished.timing
    return Finished(
        samples=finished.samples,
        frames=finished.frames,
        input_digest=finished.input_digest,
        output_digest=finished.output_digest,
        energies=_energies(finished.energy),
        compute_s=(timing.feature_ns + timing.compute_ns + timing.post_ns) / 1e9,
    )


def _segment(result: pb.Result) -> Segment:
    return Segment(
        utterance_index=result.utterance_index,
        segment_index=result.segment_index,
        phones=tuple(map(_phone, result.phones)),
        stable_count=result.stable_count,
        start_sample=result.start_sample,
        end_sample=result.end_sample,
        end_reason=_end_reason(result),
    )


def _end_reason(result: pb.Result) -> EndReason | None:
    """Return why a segment ended; a reason that we have no word for still ended it."""
    if not result.is_final:
        return None
    return _END_REASONS.get(result.end_reason, EndReason.END_UTTERANCE)


def _phone(phone: pb.Phone) -> Phone:
    return Phone(
        symbol=phone.symbol,
        class_id=phone.class_id,
        start_sample=phone.start_sample,
        end_sample=phone.end_sample,
        confidence=phone.confidence,
    )


def _energies(energies: Iterable[pb.Energy]) -> tuple[Energy, ...]:
    """Return those figures whose origin and boundary we know: others mean nothing to us."""
    return tuple(
        _energy(each)
        for each in energies
        if each.origin in _ORIGINS and each.boundary in _BOUNDARIES
    )


def _energy(energy: pb.Energy) -> Energy:
    return Energy(
        joules=energy.joules,
        origin=_ORIGINS[energy.origin],
        boundary=_BOUNDARIES[energy.boundary],
        method=energy.method,
        parts=tuple((part.name, part.joules) for part in energy.parts),
        extrapolated=energy.extrapolated,
    )
