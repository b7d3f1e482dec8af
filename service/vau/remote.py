"""A stream on a server, in the service's own words rather than the wire's.

``converse`` sends audio and yields what comes back; ``transcribe`` does so for whole files,
several at a time. The numbers are those of ``vau.batch``, to the bit.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from vau.audio import SAMPLE_RATE_HZ
from vau.audiofile import Channel, read_pcm, to_mono_16k
from vau.backend import Boundary, Energy, Origin
from vau.batch import Failed, file_sha256
from vau.client import Client, posteriors_array
from vau.errors import AudioError, ModelNotFound, Unreachable
from vau.session import EndReason, Phone, Segment
from vau.transcript import Engine, Transcription
from vau.v1 import speech_pb2 as pb

CHUNK_SAMPLES: Final = SAMPLE_RATE_HZ // 2  # of a whole file, sent as fast as it is taken

Wanted = Literal["none", "log", "logits"]
"""Which posteriors to ask for."""

_ENCODINGS: Final[dict[Wanted, pb.PosteriorEncoding]] = {
    "none": pb.POSTERIOR_ENCODING_UNSPECIFIED,
    "log": pb.POSTERIOR_ENCODING_FLOAT32,
    "logits": pb.POSTERIOR_ENCODING_RAW_INT32,
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
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to ask a server for; an empty name means its default."""

    model: str = ""
    backend: str = ""
    interim_results: bool = False
    posteriors: Wanted = "none"

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
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The server holds a slot for us."""

    session_id: str
    engine: Engine
    look_ahead_frames: int


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
    answered_sample: int
    notices: tuple[str, ...]


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

    deadline_misses: int
    """Frames that took more than 10 ms."""


def converse(
    client: Client, audio: Iterable[NDArray[np.int16]], request: Request
) -> Iterator[Started | Update | Finished]:
    """Stream 16 kHz mono samples; yield Started, Updates as they come, and Finished.

    audio:  consumed on another thread, so it may wait, for a microphone or the clock.
    Raises  what the server answers with, Unreachable if it is lost.
    """
    chunks = (samples.astype("<i2").tobytes() for samples in audio)
    finished: Finished | None = None
    for response in client.stream(request.config(), chunks):
        if response.HasField("started"):
            yield _started(response.started)
        if response.HasField("posteriors") or response.results or response.notices:
            yield _update(response)
        if response.HasField("finished"):
            finished = _finished(response.finished)
    if finished is None:
        raise Unreachable(f"{client.address}: the stream ended without its last message")
    yield finished  # not before the status: who leaves now cancels nothing


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
    posteriors: list[NDArray[Any]] = []
    segments: list[Segment] = []
    fraction_bits = 0
    for event in events:
        if isinstance(event, Started):
            engine = event.engine
        elif isinstance(event, Update):
            if event.posteriors is not None and keep_posteriors:
                posteriors.append(event.posteriors)
                fraction_bits = event.fraction_bits
            segments += [each for each in event.segments if each.end_reason is not None]
        elif engine is not None:
            return Transcription(
                file=name,
                sha256=sha256(),
                samples=event.samples,
                segments=tuple(segments),
                posteriors=np.concatenate(posteriors) if posteriors else None,
                fraction_bits=fraction_bits,
                frames=event.frames,
                energies=event.energies,
                input_digest=event.input_digest,
                output_digest=event.output_digest,
                wall_s=perf_counter() - began_s,
                compute_s=event.compute_s,
                engine=engine,
            )
    raise Unreachable(f"{name}: the server ended the stream without beginning it")


def transcribe(
    client: Client,
    files: Sequence[Path],
    request: Request,
    *,
    channel: Channel = "mix",
    streams: int = 1,
) -> Iterator[tuple[int, Transcription | Failed]]:
    """Yield each file with its place in ``files``, as they are done, ``streams`` at a time.

    Raises the first error that is not the fault of a file; the other streams end then.
    """
    one = partial(_transcribe_one, client, request, channel)
    pool = ThreadPoolExecutor(streams)
    try:
        places = {pool.submit(one, file): index for index, file in enumerate(files)}
        for future in as_completed(places):
            yield places[future], future.result()
    except BaseException:
        client.close()  # cancels what still runs, so that its threads end
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def served(client: Client, model: str, backend: str) -> tuple[tuple[str, ...], list[str]]:
    """Return the phonemes of a model, and the id of a backend with that of ``float`` behind it.

    An empty name means the server's default; ``float`` is left out where it is not served,
    or is the backend itself.
    Raises ModelNotFound if the server has no such model.
    """
    models = {each.name: tuple(each.classes) for each in client.server_info().models}
    name = model.partition("@")[0] or next(iter(models))
    if name not in models:
        raise ModelNotFound(
            f"model: {client.address} does not serve {name!r}; there are: {', '.join(models)}",
            field="model",
        )
    listed = client.backends()
    first = backend or listed.default_backend
    others = [each.id for each in listed.backends if each.kind == "float" and each.id != first]
    return models[name], [first, *others[:1]]


def whole(samples: NDArray[np.int16], chunk_samples: int) -> Iterator[NDArray[np.int16]]:
    """Cut samples into chunks, as fast as they are asked for."""
    for at in range(0, len(samples), chunk_samples):
        yield samples[at : at + chunk_samples]


def _transcribe_one(
    client: Client, request: Request, channel: Channel, file: Path
) -> Transcription | Failed:
    try:
        samples = to_mono_16k(read_pcm(file), channel)
    except AudioError as error:
        return Failed(file, error)
    events = converse(client, whole(samples, CHUNK_SAMPLES), request)
    return transcription(str(file), lambda: file_sha256(file), events)


def _started(started: pb.SessionStarted) -> Started:
    model, backend = started.model, started.backend
    return Started(
        session_id=started.session_id,
        engine=Engine(
            model=model.name,
            model_digest=model.digest,
            phonemes=tuple(model.classes),
            silence_ids=frozenset(model.silence_ids),
            backend=backend.id,
            arithmetic_id=backend.arithmetic_id,
        ),
        look_ahead_frames=model.look_ahead_frames,
    )


def _update(response: pb.StreamingRecognizeResponse) -> Update:
    posteriors = None
    if response.HasField("posteriors"):
        posteriors = posteriors_array(response.posteriors)
    return Update(
        segments=tuple(map(_segment, response.results)),
        posteriors=posteriors,
        fraction_bits=response.posteriors.fraction_bits,
        frame_latency_s=response.timing.frame_latency_max_ns / 1e9,
        energies=tuple(map(_energy, response.energy)),
        received_sample=response.received_sample,
        answered_sample=response.answered_sample,
        notices=tuple(notice.text for notice in response.notices),
    )


def _finished(finished: pb.SessionFinished) -> Finished:
    timing = finished.timing
    return Finished(
        samples=finished.samples,
        frames=finished.frames,
        input_digest=finished.input_digest,
        output_digest=finished.output_digest,
        energies=tuple(map(_energy, finished.energy)),
        compute_s=(timing.feature_ns + timing.compute_ns + timing.post_ns) / 1e9,
        deadline_misses=finished.deadline_misses,
    )


def _segment(result: pb.Result) -> Segment:
    return Segment(
        utterance_index=result.utterance_index,
        segment_index=result.segment_index,
        phones=tuple(map(_phone, result.phones)),
        stable_count=result.stable_count,
        start_sample=result.start_sample,
        end_sample=result.end_sample,
        end_reason=_END_REASONS[result.end_reason] if result.is_final else None,
    )


def _phone(phone: pb.Phone) -> Phone:
    return Phone(
        symbol=phone.symbol,
        class_id=phone.class_id,
        start_sample=phone.start_sample,
        end_sample=phone.end_sample,
        confidence=phone.confidence,
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
