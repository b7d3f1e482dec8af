"""What a server answers, in the service's own words."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from numpy.typing import NDArray

from vau.backend import Energy
from vau.client import posteriors_array
from vau.client.endpointing import events_of
from vau.endpoint import EndReason
from vau.segments import Phone, Segment, SpeechEvent
from vau.transcripts import Engine
from vau.v1 import speech_pb2 as pb
from vau.wire.durations import S_TO_NS
from vau.wire.vocabulary import BOUNDARIES, DECODERS, END_REASONS, ORIGINS, words_of

_DECODERS: Final = words_of(DECODERS)
_ORIGINS: Final = words_of(ORIGINS)
_BOUNDARIES: Final = words_of(BOUNDARIES)
_END_REASONS: Final = words_of(END_REASONS)
_CHANGED: Final = "BACKEND_CHANGED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The server holds a slot for us."""

    engine: Engine
    look_ahead_frames: int
    tier: str = ""
    """What computes the backend on the server's machine; empty where there is no choice."""

    firmware: str = ""
    """What a board is loaded with, and whether it is a simulation; empty for what is none."""

    fallback_backends: tuple[str, ...] = ()
    """The ids of those that may take over, the best first: what the names came to mean."""


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
    taken_over_by: tuple[str, ...] = ()
    """The ids of the backends that serve the stream since, each in place of the one before."""


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


def started_of(started: pb.SessionStarted) -> Started:
    """Read what a stream begins with."""
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
        firmware=backend.firmware,
        fallback_backends=tuple(started.resolved.fallback_backends),
    )


def update_of(response: pb.StreamingRecognizeResponse, hush: frozenset[str]) -> Update:
    """Read a response after the first, without the notices of which ``hush`` has the code."""
    posteriors = None
    if response.HasField("posteriors"):
        posteriors = posteriors_array(response.posteriors)
    return Update(
        segments=tuple(map(_segment, response.results)),
        posteriors=posteriors,
        fraction_bits=response.posteriors.fraction_bits,
        frame_latency_s=response.timing.frame_latency_max_ns / S_TO_NS,
        energies=_energies(response.energy),
        received_sample=response.received_sample,
        notices=tuple(each.text for each in response.notices if each.code not in hush),
        events=events_of(response.events),
        taken_over_by=tuple(
            each.metadata["to"] for each in response.notices if each.code == _CHANGED
        ),
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
        compute_s=(timing.feature_ns + timing.compute_ns + timing.post_ns) / S_TO_NS,
    )


def _decoder(number: pb.Decoder) -> str:
    """Return the name of a decoder, or nothing for one that we have no word for."""
    return _DECODERS.get(number, "")


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
