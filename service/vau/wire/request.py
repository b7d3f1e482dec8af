"""What a client asks for, checked: from here on nothing is out of range or unknown.

The contract is wider than this server. What it does not do yet is refused by name, never
ignored. A ``path`` is that of a field in the client's own message, as errors quote it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from vau.audio import SAMPLE_RATE_HZ, Encoding
from vau.config import ServerConfig
from vau.decode import DecoderName
from vau.endpoint import Rules
from vau.errors import AudioUnsupported, CapabilityMissing, ConfigInvalid
from vau.lane import Lane
from vau.shadow.shadows import FIELD as SHADOWS
from vau.shadow.shadows import Shadows
from vau.v1 import speech_pb2 as pb
from vau.wire import resumption
from vau.wire.durations import seconds_of
from vau.wire.endpointing import rules_of
from vau.wire.fallbacks import Needs, fallbacks_of
from vau.wire.lanes import Lanes, few, meant
from vau.wire.vocabulary import DECODERS, words_of

CHANNELS: Final = 1
RAW: Final[dict[pb.AudioFormat.Encoding, Encoding]] = {
    pb.AudioFormat.ENCODING_LINEAR16: "linear16",
    pb.AudioFormat.ENCODING_FLOAT32: "float32",
}
_DECODERS: Final = words_of(DECODERS)
FILES: Final[dict[pb.AudioFormat.Encoding, str]] = {
    pb.AudioFormat.ENCODING_WAV: "wav",
    pb.AudioFormat.ENCODING_FLAC: "flac",
}


class _Enum(Protocol):
    """The wrapper that protoc makes for an enum."""

    def values(self) -> Iterable[int]: ...

    def Name(self, number: int) -> str: ...  # noqa: N802 - protobuf's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What to send back."""

    phonemes: bool
    posteriors: pb.OutputConfig.Posteriors
    encoding: pb.PosteriorEncoding
    """FLOAT32, FLOAT16 or RAW_INT32."""

    top_k: int
    """1 to the number of classes with POSTERIORS_TOP_K, else 0."""

    every_n_frames: int
    timing: bool
    energy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """What to recognise, with what, and what to send back."""

    lane: Lane
    fallbacks: tuple[Lane, ...] = ()
    """Those that may stand in for it, the best first."""

    encoding: pb.AudioFormat.Encoding
    rate_hz: int
    channels: int
    """Of a file as declared, 0 if not said; else 16000 and 1."""

    decoder: pb.Decoder
    """VITERBI or GREEDY."""

    output: Output

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """All that may serve it, the best first."""
        return (self.lane, *self.fallbacks)

    @property
    def raw_encoding(self) -> Encoding:
        """How the bytes of raw samples are written."""
        return RAW[self.encoding]

    @property
    def decoder_name(self) -> DecoderName:
        """What makes phones of posteriors."""
        return _DECODERS[self.decoder]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What a live stream is to do."""

    recognition: Recognition
    interim_results: bool
    max_lag_s: float
    """The most audio that may wait, see ``ServerConfig.max_lag_s``."""

    refuses: bool
    """Whether more than that ends the stream, instead of slowing its client down."""

    rules: Rules | None
    """When a segment ends before its utterance; None for never."""

    shadows: tuple[str, ...]
    """The ids of those that the client names."""

    checkpoint_interval_s: float
    """Of audio; 0 for no checkpoints."""

    resume_token: bytes
    """Empty for a stream that begins anew."""

    settings: Mapping[str, str]
    """What a checkpoint is bound to: every field that decides an answer, by its path."""


def stream_of(
    config: pb.StreamingConfig, lanes: Lanes, shadows: Shadows, limits: ServerConfig
) -> Stream:
    """Check the config of a live stream."""
    max_lag_s = _max_lag_s(config.flow_control, limits)
    recognition = recognition_of(
        config.recognition,
        lanes,
        path="config.recognition",
        files=False,
        wants_states=bool(config.checkpoint_interval.ToNanoseconds() or config.resume_token),
    )
    infos = [shadow.info for shadow in shadows.all]
    named = [meant(name, infos, SHADOWS) for name in few(config.shadow_backends, SHADOWS)]
    return Stream(
        recognition=recognition,
        shadows=shadows.named(named, recognition.lane.model.name),
        interim_results=config.interim_results,
        max_lag_s=max_lag_s,
        rules=rules_of(config, recognition.lane.model),
        checkpoint_interval_s=resumption.interval_s(
            config, recognition.lane.backend.info, limits
        ),
        resume_token=config.resume_token,
        settings=resumption.settings(config, resolved(recognition)),
        refuses=config.flow_control.overflow == pb.FlowControl.OVERFLOW_FAIL,
    )


def recognition_of(
    config: pb.RecognitionConfig,
    lanes: Lanes,
    *,
    path: str,
    files: bool,
    wants_states: bool = False,
) -> Recognition:
    """Check what to recognise.

    files:        whether WAV and FLAC are welcome.
    wants_states: whether there are to be checkpoints, or a beginning from one.
    """
    _check_format(config.audio_format, f"{path}.audio_format", files=files)
    check_known(config.decoder, pb.Decoder, f"{path}.decoder")
    lane = lanes.find(backend=config.backend, model=config.model, path=path)
    output = config.output if config.HasField("output") else pb.OutputConfig(phonemes=True)
    checked = _output_of(output, lane, f"{path}.output")
    needs = Needs(
        logits=checked.encoding == pb.POSTERIOR_ENCODING_RAW_INT32, states=wants_states
    )
    return Recognition(
        lane=lane,
        fallbacks=fallbacks_of(config.fallback_backends, lanes, lane, needs, path),
        encoding=config.audio_format.encoding,
        rate_hz=config.audio_format.sample_rate_hertz,
        channels=config.audio_format.channel_count,
        decoder=config.decoder or pb.DECODER_VITERBI,
        output=checked,
    )


def resolved(recognition: Recognition) -> pb.RecognitionConfig:
    """Return the config in force, every default filled in; as a request it means the same."""
    output = recognition.output
    return pb.RecognitionConfig(
        audio_format=pb.AudioFormat(
            encoding=recognition.encoding,
            sample_rate_hertz=SAMPLE_RATE_HZ,
            channel_count=CHANNELS,
        ),
        model=recognition.lane.model.name,
        backend=recognition.lane.backend.info.id,
        fallback_backends=[lane.backend.info.id for lane in recognition.fallbacks],
        decoder=recognition.decoder,
        output=pb.OutputConfig(
            phonemes=output.phonemes,
            posteriors=output.posteriors,
            encoding=output.encoding,
            top_k=output.top_k,
            every_n_frames=output.every_n_frames,
            timing=output.timing,
            energy=output.energy,
        ),
    )


def unsupported(path: str, found: object, accepted: str, remedy: str) -> AudioUnsupported:
    """Return the refusal of an audio format; ``found`` is empty if it was not said."""
    text = f"is {found}" if found else "is missing"
    return AudioUnsupported(
        f"{path}: {text}; accepted: {accepted}; {remedy}",
        field=path,
        found=str(found),
        accepted=accepted,
    )


def check_known(value: int, enum: _Enum, path: str, *, allows_zero: bool = True) -> None:
    """Raise ConfigInvalid for an enum value that this server does not know."""
    numbers = [number for number in enum.values() if number or allows_zero]
    if value not in numbers:
        accepted = ", ".join(enum.Name(number) for number in numbers if number)
        raise ConfigInvalid(
            f"{path}: {value} is not a value of this enum; accepted: {accepted}",
            field=path,
            found=value,
            accepted=accepted,
        )


def _check_format(audio: pb.AudioFormat, path: str, *, files: bool) -> None:
    field = f"{path}.encoding"
    check_known(audio.encoding, pb.AudioFormat.Encoding, field)
    accepted = [*RAW, *(FILES if files else ())]
    if audio.encoding not in accepted:
        raise unsupported(
            field,
            pb.AudioFormat.Encoding.Name(audio.encoding) if audio.encoding else "",
            ", ".join(pb.AudioFormat.Encoding.Name(number) for number in accepted),
            "decode to raw samples, or call Recognize" if audio.encoding in FILES else "set it",
        )
    if audio.encoding in FILES:
        return  # what is declared is compared with the header
    check_rate_and_channels(audio.sample_rate_hertz, audio.channel_count, path)


def check_rate_and_channels(rate_hz: int, channels: int, path: str) -> None:
    """Raise AudioUnsupported unless audio has the one rate and the one channel we take."""
    if rate_hz != SAMPLE_RATE_HZ:
        remedy = f"resample to {SAMPLE_RATE_HZ} Hz" if rate_hz else "say the rate of the audio"
        raise unsupported(f"{path}.sample_rate_hertz", rate_hz, str(SAMPLE_RATE_HZ), remedy)
    if channels != CHANNELS:
        remedy = "mix down to 1 channel" if channels else "say how many channels there are"
        raise unsupported(f"{path}.channel_count", channels, str(CHANNELS), remedy)


def _output_of(output: pb.OutputConfig, lane: Lane, path: str) -> Output:
    check_known(output.posteriors, pb.OutputConfig.Posteriors, f"{path}.posteriors")
    check_known(output.encoding, pb.PosteriorEncoding, f"{path}.encoding")
    _check_top_k(output, lane.model.network.classes, path)
    info = lane.backend.info
    encoding = output.encoding or pb.POSTERIOR_ENCODING_FLOAT32
    if encoding == pb.POSTERIOR_ENCODING_RAW_INT32 and info.logit_fraction_bits is None:
        raise CapabilityMissing(
            f"{path}.encoding: backend {info.id} computes in floating point and has no "
            "integer logits, which POSTERIOR_ENCODING_RAW_INT32 asks for; leave them out, or "
            "take another backend",
            field=f"{path}.encoding",
            capability="integer-logits",
            backend=info.id,
        )
    return Output(
        phonemes=output.phonemes,
        posteriors=output.posteriors,
        encoding=encoding,
        top_k=output.top_k,
        every_n_frames=output.every_n_frames or 1,
        timing=output.timing,
        energy=output.energy,
    )


def _check_top_k(output: pb.OutputConfig, classes: int, path: str) -> None:
    field = f"{path}.top_k"
    if output.posteriors != pb.OutputConfig.POSTERIORS_TOP_K:
        if output.top_k:
            raise ConfigInvalid(
                f"{field}: {output.top_k} means nothing without POSTERIORS_TOP_K; "
                f"set {path}.posteriors to it, or leave top_k out",
                field=field,
            )
    elif not 1 <= output.top_k <= classes:
        raise ConfigInvalid(
            f"{field}: {output.top_k} is outside 1..{classes}, the classes of the model",
            field=field,
            found=output.top_k,
            accepted=f"1..{classes}",
        )


def _max_lag_s(flow: pb.FlowControl, limits: ServerConfig) -> float:
    """Check what is to happen to a client that sends too fast, and return its limit."""
    path = "config.flow_control"
    check_known(flow.overflow, pb.FlowControl.Overflow, f"{path}.overflow")
    lag_s = seconds_of(flow.max_lag)
    if not 0.0 <= lag_s <= limits.max_lag_s:
        raise ConfigInvalid(
            f"{path}.max_lag: {lag_s:g} s is outside 0..{limits.max_lag_s:g} s; "
            "leave it out to take the limit",
            field=f"{path}.max_lag",
            found=lag_s,
            accepted=f"0..{limits.max_lag_s:g}",
        )
    return lag_s or limits.max_lag_s
