import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Decoder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECODER_UNSPECIFIED: _ClassVar[Decoder]
    DECODER_VITERBI: _ClassVar[Decoder]
    DECODER_GREEDY: _ClassVar[Decoder]

class PosteriorEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    POSTERIOR_ENCODING_UNSPECIFIED: _ClassVar[PosteriorEncoding]
    POSTERIOR_ENCODING_FLOAT32: _ClassVar[PosteriorEncoding]
    POSTERIOR_ENCODING_FLOAT16: _ClassVar[PosteriorEncoding]
    POSTERIOR_ENCODING_RAW_INT32: _ClassVar[PosteriorEncoding]

class EndReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    END_REASON_UNSPECIFIED: _ClassVar[EndReason]
    END_REASON_HALF_CLOSE: _ClassVar[EndReason]
    END_REASON_END_UTTERANCE: _ClassVar[EndReason]
    END_REASON_SILENCE: _ClassVar[EndReason]
    END_REASON_MAX_SEGMENT: _ClassVar[EndReason]
    END_REASON_NO_SPEECH: _ClassVar[EndReason]

class Origin(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORIGIN_UNSPECIFIED: _ClassVar[Origin]
    ORIGIN_ESTIMATED: _ClassVar[Origin]
    ORIGIN_MEASURED: _ClassVar[Origin]
DECODER_UNSPECIFIED: Decoder
DECODER_VITERBI: Decoder
DECODER_GREEDY: Decoder
POSTERIOR_ENCODING_UNSPECIFIED: PosteriorEncoding
POSTERIOR_ENCODING_FLOAT32: PosteriorEncoding
POSTERIOR_ENCODING_FLOAT16: PosteriorEncoding
POSTERIOR_ENCODING_RAW_INT32: PosteriorEncoding
END_REASON_UNSPECIFIED: EndReason
END_REASON_HALF_CLOSE: EndReason
END_REASON_END_UTTERANCE: EndReason
END_REASON_SILENCE: EndReason
END_REASON_MAX_SEGMENT: EndReason
END_REASON_NO_SPEECH: EndReason
ORIGIN_UNSPECIFIED: Origin
ORIGIN_ESTIMATED: Origin
ORIGIN_MEASURED: Origin

class StreamingRecognizeRequest(_message.Message):
    __slots__ = ("config", "audio", "control", "client_mark")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    CLIENT_MARK_FIELD_NUMBER: _ClassVar[int]
    config: StreamingConfig
    audio: bytes
    control: Control
    client_mark: int
    def __init__(self, config: _Optional[_Union[StreamingConfig, _Mapping]] = ..., audio: _Optional[bytes] = ..., control: _Optional[_Union[Control, _Mapping]] = ..., client_mark: _Optional[int] = ...) -> None: ...

class Control(_message.Message):
    __slots__ = ("kind", "control_id")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Control.Kind]
        KIND_FLUSH: _ClassVar[Control.Kind]
        KIND_END_UTTERANCE: _ClassVar[Control.Kind]
        KIND_KEEP_ALIVE: _ClassVar[Control.Kind]
    KIND_UNSPECIFIED: Control.Kind
    KIND_FLUSH: Control.Kind
    KIND_END_UTTERANCE: Control.Kind
    KIND_KEEP_ALIVE: Control.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONTROL_ID_FIELD_NUMBER: _ClassVar[int]
    kind: Control.Kind
    control_id: int
    def __init__(self, kind: _Optional[_Union[Control.Kind, str]] = ..., control_id: _Optional[int] = ...) -> None: ...

class StreamingConfig(_message.Message):
    __slots__ = ("recognition", "interim_results", "endpointing", "flow_control", "shadow_backends", "checkpoint_interval", "resume_token")
    RECOGNITION_FIELD_NUMBER: _ClassVar[int]
    INTERIM_RESULTS_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTING_FIELD_NUMBER: _ClassVar[int]
    FLOW_CONTROL_FIELD_NUMBER: _ClassVar[int]
    SHADOW_BACKENDS_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    recognition: RecognitionConfig
    interim_results: bool
    endpointing: Endpointing
    flow_control: FlowControl
    shadow_backends: _containers.RepeatedScalarFieldContainer[str]
    checkpoint_interval: _duration_pb2.Duration
    resume_token: bytes
    def __init__(self, recognition: _Optional[_Union[RecognitionConfig, _Mapping]] = ..., interim_results: _Optional[bool] = ..., endpointing: _Optional[_Union[Endpointing, _Mapping]] = ..., flow_control: _Optional[_Union[FlowControl, _Mapping]] = ..., shadow_backends: _Optional[_Iterable[str]] = ..., checkpoint_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., resume_token: _Optional[bytes] = ...) -> None: ...

class RecognitionConfig(_message.Message):
    __slots__ = ("audio_format", "model", "backend", "fallback_backends", "output", "decoder")
    AUDIO_FORMAT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_BACKENDS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    DECODER_FIELD_NUMBER: _ClassVar[int]
    audio_format: AudioFormat
    model: str
    backend: str
    fallback_backends: _containers.RepeatedScalarFieldContainer[str]
    output: OutputConfig
    decoder: Decoder
    def __init__(self, audio_format: _Optional[_Union[AudioFormat, _Mapping]] = ..., model: _Optional[str] = ..., backend: _Optional[str] = ..., fallback_backends: _Optional[_Iterable[str]] = ..., output: _Optional[_Union[OutputConfig, _Mapping]] = ..., decoder: _Optional[_Union[Decoder, str]] = ...) -> None: ...

class AudioFormat(_message.Message):
    __slots__ = ("encoding", "sample_rate_hertz", "channel_count")
    class Encoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ENCODING_UNSPECIFIED: _ClassVar[AudioFormat.Encoding]
        ENCODING_LINEAR16: _ClassVar[AudioFormat.Encoding]
        ENCODING_FLOAT32: _ClassVar[AudioFormat.Encoding]
        ENCODING_WAV: _ClassVar[AudioFormat.Encoding]
        ENCODING_FLAC: _ClassVar[AudioFormat.Encoding]
    ENCODING_UNSPECIFIED: AudioFormat.Encoding
    ENCODING_LINEAR16: AudioFormat.Encoding
    ENCODING_FLOAT32: AudioFormat.Encoding
    ENCODING_WAV: AudioFormat.Encoding
    ENCODING_FLAC: AudioFormat.Encoding
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HERTZ_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_COUNT_FIELD_NUMBER: _ClassVar[int]
    encoding: AudioFormat.Encoding
    sample_rate_hertz: int
    channel_count: int
    def __init__(self, encoding: _Optional[_Union[AudioFormat.Encoding, str]] = ..., sample_rate_hertz: _Optional[int] = ..., channel_count: _Optional[int] = ...) -> None: ...

class OutputConfig(_message.Message):
    __slots__ = ("phonemes", "posteriors", "encoding", "top_k", "every_n_frames", "timing", "energy")
    class Posteriors(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        POSTERIORS_UNSPECIFIED: _ClassVar[OutputConfig.Posteriors]
        POSTERIORS_FULL: _ClassVar[OutputConfig.Posteriors]
        POSTERIORS_TOP_K: _ClassVar[OutputConfig.Posteriors]
    POSTERIORS_UNSPECIFIED: OutputConfig.Posteriors
    POSTERIORS_FULL: OutputConfig.Posteriors
    POSTERIORS_TOP_K: OutputConfig.Posteriors
    PHONEMES_FIELD_NUMBER: _ClassVar[int]
    POSTERIORS_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    EVERY_N_FRAMES_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    ENERGY_FIELD_NUMBER: _ClassVar[int]
    phonemes: bool
    posteriors: OutputConfig.Posteriors
    encoding: PosteriorEncoding
    top_k: int
    every_n_frames: int
    timing: bool
    energy: bool
    def __init__(self, phonemes: _Optional[bool] = ..., posteriors: _Optional[_Union[OutputConfig.Posteriors, str]] = ..., encoding: _Optional[_Union[PosteriorEncoding, str]] = ..., top_k: _Optional[int] = ..., every_n_frames: _Optional[int] = ..., timing: _Optional[bool] = ..., energy: _Optional[bool] = ...) -> None: ...

class Endpointing(_message.Message):
    __slots__ = ("start_timeout", "end_silence", "max_segment", "reset_state")
    START_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    END_SILENCE_FIELD_NUMBER: _ClassVar[int]
    MAX_SEGMENT_FIELD_NUMBER: _ClassVar[int]
    RESET_STATE_FIELD_NUMBER: _ClassVar[int]
    start_timeout: _duration_pb2.Duration
    end_silence: _duration_pb2.Duration
    max_segment: _duration_pb2.Duration
    reset_state: bool
    def __init__(self, start_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., end_silence: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_segment: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., reset_state: _Optional[bool] = ...) -> None: ...

class FlowControl(_message.Message):
    __slots__ = ("max_lag", "overflow")
    class Overflow(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OVERFLOW_UNSPECIFIED: _ClassVar[FlowControl.Overflow]
        OVERFLOW_BLOCK: _ClassVar[FlowControl.Overflow]
        OVERFLOW_FAIL: _ClassVar[FlowControl.Overflow]
    OVERFLOW_UNSPECIFIED: FlowControl.Overflow
    OVERFLOW_BLOCK: FlowControl.Overflow
    OVERFLOW_FAIL: FlowControl.Overflow
    MAX_LAG_FIELD_NUMBER: _ClassVar[int]
    OVERFLOW_FIELD_NUMBER: _ClassVar[int]
    max_lag: _duration_pb2.Duration
    overflow: FlowControl.Overflow
    def __init__(self, max_lag: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., overflow: _Optional[_Union[FlowControl.Overflow, str]] = ...) -> None: ...

class StreamingRecognizeResponse(_message.Message):
    __slots__ = ("started", "notices", "posteriors", "results", "events", "checkpoint", "controls", "finished", "received_sample", "answered_sample", "acked_sample", "client_mark", "timing", "energy")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    POSTERIORS_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    CONTROLS_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    ACKED_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_MARK_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    ENERGY_FIELD_NUMBER: _ClassVar[int]
    started: SessionStarted
    notices: _containers.RepeatedCompositeFieldContainer[Notice]
    posteriors: Posteriors
    results: _containers.RepeatedCompositeFieldContainer[Result]
    events: _containers.RepeatedCompositeFieldContainer[SpeechEvent]
    checkpoint: Checkpoint
    controls: _containers.RepeatedCompositeFieldContainer[ControlDone]
    finished: SessionFinished
    received_sample: int
    answered_sample: int
    acked_sample: int
    client_mark: int
    timing: Timing
    energy: _containers.RepeatedCompositeFieldContainer[Energy]
    def __init__(self, started: _Optional[_Union[SessionStarted, _Mapping]] = ..., notices: _Optional[_Iterable[_Union[Notice, _Mapping]]] = ..., posteriors: _Optional[_Union[Posteriors, _Mapping]] = ..., results: _Optional[_Iterable[_Union[Result, _Mapping]]] = ..., events: _Optional[_Iterable[_Union[SpeechEvent, _Mapping]]] = ..., checkpoint: _Optional[_Union[Checkpoint, _Mapping]] = ..., controls: _Optional[_Iterable[_Union[ControlDone, _Mapping]]] = ..., finished: _Optional[_Union[SessionFinished, _Mapping]] = ..., received_sample: _Optional[int] = ..., answered_sample: _Optional[int] = ..., acked_sample: _Optional[int] = ..., client_mark: _Optional[int] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ..., energy: _Optional[_Iterable[_Union[Energy, _Mapping]]] = ...) -> None: ...

class SessionStarted(_message.Message):
    __slots__ = ("session_id", "resolved", "backend", "model", "limits", "next_sample", "resume_portable", "shadow_backends")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    NEXT_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    RESUME_PORTABLE_FIELD_NUMBER: _ClassVar[int]
    SHADOW_BACKENDS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    resolved: RecognitionConfig
    backend: BackendInfo
    model: ModelInfo
    limits: Limits
    next_sample: int
    resume_portable: bool
    shadow_backends: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, session_id: _Optional[str] = ..., resolved: _Optional[_Union[RecognitionConfig, _Mapping]] = ..., backend: _Optional[_Union[BackendInfo, _Mapping]] = ..., model: _Optional[_Union[ModelInfo, _Mapping]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., next_sample: _Optional[int] = ..., resume_portable: _Optional[bool] = ..., shadow_backends: _Optional[_Iterable[str]] = ...) -> None: ...

class Posteriors(_message.Message):
    __slots__ = ("utterance_index", "first_frame", "first_sample", "frame_count", "frame_stride", "width", "encoding", "fraction_bits", "values", "class_ids")
    UTTERANCE_INDEX_FIELD_NUMBER: _ClassVar[int]
    FIRST_FRAME_FIELD_NUMBER: _ClassVar[int]
    FIRST_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    FRAME_COUNT_FIELD_NUMBER: _ClassVar[int]
    FRAME_STRIDE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    FRACTION_BITS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    CLASS_IDS_FIELD_NUMBER: _ClassVar[int]
    utterance_index: int
    first_frame: int
    first_sample: int
    frame_count: int
    frame_stride: int
    width: int
    encoding: PosteriorEncoding
    fraction_bits: int
    values: bytes
    class_ids: bytes
    def __init__(self, utterance_index: _Optional[int] = ..., first_frame: _Optional[int] = ..., first_sample: _Optional[int] = ..., frame_count: _Optional[int] = ..., frame_stride: _Optional[int] = ..., width: _Optional[int] = ..., encoding: _Optional[_Union[PosteriorEncoding, str]] = ..., fraction_bits: _Optional[int] = ..., values: _Optional[bytes] = ..., class_ids: _Optional[bytes] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("utterance_index", "segment_index", "is_final", "stable_count", "phones", "start_sample", "end_sample", "end_reason")
    UTTERANCE_INDEX_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_INDEX_FIELD_NUMBER: _ClassVar[int]
    IS_FINAL_FIELD_NUMBER: _ClassVar[int]
    STABLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    PHONES_FIELD_NUMBER: _ClassVar[int]
    START_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    END_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    END_REASON_FIELD_NUMBER: _ClassVar[int]
    utterance_index: int
    segment_index: int
    is_final: bool
    stable_count: int
    phones: _containers.RepeatedCompositeFieldContainer[Phone]
    start_sample: int
    end_sample: int
    end_reason: EndReason
    def __init__(self, utterance_index: _Optional[int] = ..., segment_index: _Optional[int] = ..., is_final: _Optional[bool] = ..., stable_count: _Optional[int] = ..., phones: _Optional[_Iterable[_Union[Phone, _Mapping]]] = ..., start_sample: _Optional[int] = ..., end_sample: _Optional[int] = ..., end_reason: _Optional[_Union[EndReason, str]] = ...) -> None: ...

class Phone(_message.Message):
    __slots__ = ("symbol", "class_id", "start_sample", "end_sample", "confidence")
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    START_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    END_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    symbol: str
    class_id: int
    start_sample: int
    end_sample: int
    confidence: float
    def __init__(self, symbol: _Optional[str] = ..., class_id: _Optional[int] = ..., start_sample: _Optional[int] = ..., end_sample: _Optional[int] = ..., confidence: _Optional[float] = ...) -> None: ...

class SpeechEvent(_message.Message):
    __slots__ = ("kind", "sample")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[SpeechEvent.Kind]
        KIND_SPEECH_BEGIN: _ClassVar[SpeechEvent.Kind]
        KIND_SPEECH_END: _ClassVar[SpeechEvent.Kind]
    KIND_UNSPECIFIED: SpeechEvent.Kind
    KIND_SPEECH_BEGIN: SpeechEvent.Kind
    KIND_SPEECH_END: SpeechEvent.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    kind: SpeechEvent.Kind
    sample: int
    def __init__(self, kind: _Optional[_Union[SpeechEvent.Kind, str]] = ..., sample: _Optional[int] = ...) -> None: ...

class Checkpoint(_message.Message):
    __slots__ = ("token", "next_sample", "expires")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    NEXT_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_FIELD_NUMBER: _ClassVar[int]
    token: bytes
    next_sample: int
    expires: _timestamp_pb2.Timestamp
    def __init__(self, token: _Optional[bytes] = ..., next_sample: _Optional[int] = ..., expires: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ControlDone(_message.Message):
    __slots__ = ("kind", "control_id", "sample")
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONTROL_ID_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    kind: Control.Kind
    control_id: int
    sample: int
    def __init__(self, kind: _Optional[_Union[Control.Kind, str]] = ..., control_id: _Optional[int] = ..., sample: _Optional[int] = ...) -> None: ...

class Notice(_message.Message):
    __slots__ = ("code", "text", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CODE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    code: str
    text: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, code: _Optional[str] = ..., text: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class SessionFinished(_message.Message):
    __slots__ = ("samples", "frames", "utterances", "output_digest", "deadline_misses", "energy", "timing", "input_digest")
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    UTTERANCES_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MISSES_FIELD_NUMBER: _ClassVar[int]
    ENERGY_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    INPUT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    samples: int
    frames: int
    utterances: int
    output_digest: bytes
    deadline_misses: int
    energy: _containers.RepeatedCompositeFieldContainer[Energy]
    timing: Timing
    input_digest: bytes
    def __init__(self, samples: _Optional[int] = ..., frames: _Optional[int] = ..., utterances: _Optional[int] = ..., output_digest: _Optional[bytes] = ..., deadline_misses: _Optional[int] = ..., energy: _Optional[_Iterable[_Union[Energy, _Mapping]]] = ..., timing: _Optional[_Union[Timing, _Mapping]] = ..., input_digest: _Optional[bytes] = ...) -> None: ...

class Timing(_message.Message):
    __slots__ = ("queue_ns", "feature_ns", "compute_ns", "post_ns", "frame_latency_max_ns", "deadline_misses", "batch_size", "device_cycles", "device_ns", "device_origin")
    QUEUE_NS_FIELD_NUMBER: _ClassVar[int]
    FEATURE_NS_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_NS_FIELD_NUMBER: _ClassVar[int]
    POST_NS_FIELD_NUMBER: _ClassVar[int]
    FRAME_LATENCY_MAX_NS_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MISSES_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_CYCLES_FIELD_NUMBER: _ClassVar[int]
    DEVICE_NS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    queue_ns: int
    feature_ns: int
    compute_ns: int
    post_ns: int
    frame_latency_max_ns: int
    deadline_misses: int
    batch_size: int
    device_cycles: int
    device_ns: int
    device_origin: Origin
    def __init__(self, queue_ns: _Optional[int] = ..., feature_ns: _Optional[int] = ..., compute_ns: _Optional[int] = ..., post_ns: _Optional[int] = ..., frame_latency_max_ns: _Optional[int] = ..., deadline_misses: _Optional[int] = ..., batch_size: _Optional[int] = ..., device_cycles: _Optional[int] = ..., device_ns: _Optional[int] = ..., device_origin: _Optional[_Union[Origin, str]] = ...) -> None: ...

class Energy(_message.Message):
    __slots__ = ("joules", "origin", "boundary", "parts", "method", "first_frame", "frame_count", "extrapolated")
    class Boundary(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        BOUNDARY_UNSPECIFIED: _ClassVar[Energy.Boundary]
        BOUNDARY_CORE: _ClassVar[Energy.Boundary]
        BOUNDARY_ACCELERATOR: _ClassVar[Energy.Boundary]
        BOUNDARY_SYSTEM: _ClassVar[Energy.Boundary]
        BOUNDARY_BOARD: _ClassVar[Energy.Boundary]
    BOUNDARY_UNSPECIFIED: Energy.Boundary
    BOUNDARY_CORE: Energy.Boundary
    BOUNDARY_ACCELERATOR: Energy.Boundary
    BOUNDARY_SYSTEM: Energy.Boundary
    BOUNDARY_BOARD: Energy.Boundary
    JOULES_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    BOUNDARY_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    FIRST_FRAME_FIELD_NUMBER: _ClassVar[int]
    FRAME_COUNT_FIELD_NUMBER: _ClassVar[int]
    EXTRAPOLATED_FIELD_NUMBER: _ClassVar[int]
    joules: float
    origin: Origin
    boundary: Energy.Boundary
    parts: _containers.RepeatedCompositeFieldContainer[EnergyPart]
    method: str
    first_frame: int
    frame_count: int
    extrapolated: bool
    def __init__(self, joules: _Optional[float] = ..., origin: _Optional[_Union[Origin, str]] = ..., boundary: _Optional[_Union[Energy.Boundary, str]] = ..., parts: _Optional[_Iterable[_Union[EnergyPart, _Mapping]]] = ..., method: _Optional[str] = ..., first_frame: _Optional[int] = ..., frame_count: _Optional[int] = ..., extrapolated: _Optional[bool] = ...) -> None: ...

class EnergyPart(_message.Message):
    __slots__ = ("name", "joules")
    NAME_FIELD_NUMBER: _ClassVar[int]
    JOULES_FIELD_NUMBER: _ClassVar[int]
    name: str
    joules: float
    def __init__(self, name: _Optional[str] = ..., joules: _Optional[float] = ...) -> None: ...

class RecognizeRequest(_message.Message):
    __slots__ = ("config", "audio")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    config: RecognitionConfig
    audio: bytes
    def __init__(self, config: _Optional[_Union[RecognitionConfig, _Mapping]] = ..., audio: _Optional[bytes] = ...) -> None: ...

class RecognizeResponse(_message.Message):
    __slots__ = ("started", "results", "posteriors", "notices", "finished")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    POSTERIORS_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    started: SessionStarted
    results: _containers.RepeatedCompositeFieldContainer[Result]
    posteriors: Posteriors
    notices: _containers.RepeatedCompositeFieldContainer[Notice]
    finished: SessionFinished
    def __init__(self, started: _Optional[_Union[SessionStarted, _Mapping]] = ..., results: _Optional[_Iterable[_Union[Result, _Mapping]]] = ..., posteriors: _Optional[_Union[Posteriors, _Mapping]] = ..., notices: _Optional[_Iterable[_Union[Notice, _Mapping]]] = ..., finished: _Optional[_Union[SessionFinished, _Mapping]] = ...) -> None: ...

class ListBackendsRequest(_message.Message):
    __slots__ = ("include_unavailable",)
    INCLUDE_UNAVAILABLE_FIELD_NUMBER: _ClassVar[int]
    include_unavailable: bool
    def __init__(self, include_unavailable: _Optional[bool] = ...) -> None: ...

class ListBackendsResponse(_message.Message):
    __slots__ = ("backends", "default_backend", "shadows")
    BACKENDS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_BACKEND_FIELD_NUMBER: _ClassVar[int]
    SHADOWS_FIELD_NUMBER: _ClassVar[int]
    backends: _containers.RepeatedCompositeFieldContainer[BackendInfo]
    default_backend: str
    shadows: _containers.RepeatedCompositeFieldContainer[BackendInfo]
    def __init__(self, backends: _Optional[_Iterable[_Union[BackendInfo, _Mapping]]] = ..., default_backend: _Optional[str] = ..., shadows: _Optional[_Iterable[_Union[BackendInfo, _Mapping]]] = ...) -> None: ...

class BackendInfo(_message.Message):
    __slots__ = ("id", "kind", "state", "state_text", "slots_total", "slots_in_use", "bit_exact", "arithmetic_id", "state_export", "measures_energy", "max_batch", "clock_hertz", "firmware", "models", "tier")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[BackendInfo.State]
        STATE_INITIALIZING: _ClassVar[BackendInfo.State]
        STATE_READY: _ClassVar[BackendInfo.State]
        STATE_DEGRADED: _ClassVar[BackendInfo.State]
        STATE_FAULT: _ClassVar[BackendInfo.State]
        STATE_DRAINING: _ClassVar[BackendInfo.State]
    STATE_UNSPECIFIED: BackendInfo.State
    STATE_INITIALIZING: BackendInfo.State
    STATE_READY: BackendInfo.State
    STATE_DEGRADED: BackendInfo.State
    STATE_FAULT: BackendInfo.State
    STATE_DRAINING: BackendInfo.State
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_TEXT_FIELD_NUMBER: _ClassVar[int]
    SLOTS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    SLOTS_IN_USE_FIELD_NUMBER: _ClassVar[int]
    BIT_EXACT_FIELD_NUMBER: _ClassVar[int]
    ARITHMETIC_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_EXPORT_FIELD_NUMBER: _ClassVar[int]
    MEASURES_ENERGY_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_FIELD_NUMBER: _ClassVar[int]
    CLOCK_HERTZ_FIELD_NUMBER: _ClassVar[int]
    FIRMWARE_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: str
    state: BackendInfo.State
    state_text: str
    slots_total: int
    slots_in_use: int
    bit_exact: bool
    arithmetic_id: str
    state_export: bool
    measures_energy: bool
    max_batch: int
    clock_hertz: float
    firmware: str
    models: _containers.RepeatedScalarFieldContainer[str]
    tier: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[str] = ..., state: _Optional[_Union[BackendInfo.State, str]] = ..., state_text: _Optional[str] = ..., slots_total: _Optional[int] = ..., slots_in_use: _Optional[int] = ..., bit_exact: _Optional[bool] = ..., arithmetic_id: _Optional[str] = ..., state_export: _Optional[bool] = ..., measures_energy: _Optional[bool] = ..., max_batch: _Optional[int] = ..., clock_hertz: _Optional[float] = ..., firmware: _Optional[str] = ..., models: _Optional[_Iterable[str]] = ..., tier: _Optional[str] = ...) -> None: ...

class ModelInfo(_message.Message):
    __slots__ = ("name", "digest", "classes", "decoding", "blank_id", "silence_ids", "feature_dim", "frame_shift_samples", "frame_length_samples", "look_ahead_frames")
    class Decoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        DECODING_UNSPECIFIED: _ClassVar[ModelInfo.Decoding]
        DECODING_CTC: _ClassVar[ModelInfo.Decoding]
        DECODING_FRAMEWISE: _ClassVar[ModelInfo.Decoding]
    DECODING_UNSPECIFIED: ModelInfo.Decoding
    DECODING_CTC: ModelInfo.Decoding
    DECODING_FRAMEWISE: ModelInfo.Decoding
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    DECODING_FIELD_NUMBER: _ClassVar[int]
    BLANK_ID_FIELD_NUMBER: _ClassVar[int]
    SILENCE_IDS_FIELD_NUMBER: _ClassVar[int]
    FEATURE_DIM_FIELD_NUMBER: _ClassVar[int]
    FRAME_SHIFT_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    FRAME_LENGTH_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    LOOK_AHEAD_FRAMES_FIELD_NUMBER: _ClassVar[int]
    name: str
    digest: str
    classes: _containers.RepeatedScalarFieldContainer[str]
    decoding: ModelInfo.Decoding
    blank_id: int
    silence_ids: _containers.RepeatedScalarFieldContainer[int]
    feature_dim: int
    frame_shift_samples: int
    frame_length_samples: int
    look_ahead_frames: int
    def __init__(self, name: _Optional[str] = ..., digest: _Optional[str] = ..., classes: _Optional[_Iterable[str]] = ..., decoding: _Optional[_Union[ModelInfo.Decoding, str]] = ..., blank_id: _Optional[int] = ..., silence_ids: _Optional[_Iterable[int]] = ..., feature_dim: _Optional[int] = ..., frame_shift_samples: _Optional[int] = ..., frame_length_samples: _Optional[int] = ..., look_ahead_frames: _Optional[int] = ...) -> None: ...

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "build", "limits", "accepted_formats", "models", "draining", "auth_required", "started")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FORMATS_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    AUTH_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    version: str
    build: str
    limits: Limits
    accepted_formats: _containers.RepeatedCompositeFieldContainer[AudioFormat]
    models: _containers.RepeatedCompositeFieldContainer[ModelInfo]
    draining: bool
    auth_required: bool
    started: _timestamp_pb2.Timestamp
    def __init__(self, version: _Optional[str] = ..., build: _Optional[str] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., accepted_formats: _Optional[_Iterable[_Union[AudioFormat, _Mapping]]] = ..., models: _Optional[_Iterable[_Union[ModelInfo, _Mapping]]] = ..., draining: _Optional[bool] = ..., auth_required: _Optional[bool] = ..., started: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_streams", "max_audio_message_bytes", "max_lag", "idle_timeout", "max_stream_duration", "max_unary_audio", "resume_ttl", "max_streams_per_token")
    MAX_STREAMS_FIELD_NUMBER: _ClassVar[int]
    MAX_AUDIO_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_LAG_FIELD_NUMBER: _ClassVar[int]
    IDLE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    MAX_STREAM_DURATION_FIELD_NUMBER: _ClassVar[int]
    MAX_UNARY_AUDIO_FIELD_NUMBER: _ClassVar[int]
    RESUME_TTL_FIELD_NUMBER: _ClassVar[int]
    MAX_STREAMS_PER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    max_streams: int
    max_audio_message_bytes: int
    max_lag: _duration_pb2.Duration
    idle_timeout: _duration_pb2.Duration
    max_stream_duration: _duration_pb2.Duration
    max_unary_audio: _duration_pb2.Duration
    resume_ttl: _duration_pb2.Duration
    max_streams_per_token: int
    def __init__(self, max_streams: _Optional[int] = ..., max_audio_message_bytes: _Optional[int] = ..., max_lag: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., idle_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_stream_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_unary_audio: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., resume_ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_streams_per_token: _Optional[int] = ...) -> None: ...
