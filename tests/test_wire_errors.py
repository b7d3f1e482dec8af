"""What bad input gets: each a typed error that names field, value and remedy."""

import threading
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration

from tests.serving import (
    END_UTTERANCE,
    FREE,
    FULL,
    LINEAR16,
    MODEL,
    Served,
    audio_format,
    brief,
    floating,
    hear,
    muntaniala,
    recognition,
    serving,
    speech,
    streaming,
)
from vau.config import ServerConfig
from vau.errors import (
    AudioCorrupt,
    AudioUnsupported,
    BackendNotFound,
    CapabilityMissing,
    ConfigExpected,
    ConfigInvalid,
    ConfigRepeated,
    ConfigTimeout,
    MessageTooLarge,
    ModelNotFound,
    VauError,
)
from vau.v1 import speech_pb2 as pb

Request = pb.StreamingRecognizeRequest
CONFIG = Request(config=streaming())


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving((MODEL, muntaniala()), (MODEL, floating())) as server:
        yield server


def refusal(served: Served, requests: Iterable[Request]) -> VauError:
    with pytest.raises(VauError) as refused:
        list(served.client.exchange(requests))
    return refused.value


def refused(served: Served, config: pb.StreamingConfig) -> VauError:
    return refusal(served, [Request(config=config)])


@pytest.mark.parametrize(
    "first", [Request(audio=b"ab"), Request(control=END_UTTERANCE), Request()], ids=brief
)
def test_whatever_comes_before_the_config_is_refused(served: Served, first: Request) -> None:
    error = refusal(served, [first, CONFIG])
    assert type(error) is ConfigExpected
    assert error.field == "config"


def test_a_stream_that_ends_before_its_config_is_refused(served: Served) -> None:
    assert type(refusal(served, [])) is ConfigExpected


def test_a_second_config_is_refused(served: Served) -> None:
    assert type(refusal(served, [CONFIG, Request(audio=b"ab"), CONFIG])) is ConfigRepeated


def test_a_stream_that_says_nothing_is_ended_in_time() -> None:
    enough = threading.Event()

    def silence() -> Iterator[Request]:
        enough.wait()
        yield from ()

    config = ServerConfig(listen=FREE, metrics_listen=FREE, config_timeout_s=0.2)
    with serving(config=config) as strict:
        error = refusal(strict, silence())
        enough.set()
    assert type(error) is ConfigTimeout
    assert error.facts["limit_s"] == "0.2"


def test_an_empty_request_is_refused(served: Served) -> None:
    error = refusal(served, [CONFIG, Request()])
    assert (type(error), error.field) == (ConfigInvalid, "request")


@pytest.mark.parametrize(
    ("audio", "field", "found"),
    [
        (audio_format(rate_hz=44_100), "sample_rate_hertz", "44100"),
        (audio_format(rate_hz=8_000), "sample_rate_hertz", "8000"),
        (audio_format(rate_hz=0), "sample_rate_hertz", "0"),
        (audio_format(channels=2), "channel_count", "2"),
        (audio_format(channels=0), "channel_count", "0"),
        (audio_format(pb.AudioFormat.ENCODING_UNSPECIFIED), "encoding", ""),
        (audio_format(pb.AudioFormat.ENCODING_WAV), "encoding", "ENCODING_WAV"),
        (audio_format(pb.AudioFormat.ENCODING_FLAC), "encoding", "ENCODING_FLAC"),
        (pb.AudioFormat(), "encoding", ""),
    ],
    ids=brief,
)
def test_an_audio_format_that_is_not_taken_is_named_with_what_is(
    served: Served, audio: pb.AudioFormat, field: str, found: str
) -> None:
    error = refused(served, streaming(audio=audio))
    assert type(error) is AudioUnsupported
    assert error.field == f"config.recognition.audio_format.{field}"
    assert error.facts["found"] == found
    assert str(error.facts["accepted"]) in str(error)


def test_another_rate_and_more_channels_come_with_a_remedy(served: Served) -> None:
    assert "resample to 16000" in str(
        refused(served, streaming(audio=audio_format(rate_hz=8000)))
    )
    assert "mix down to 1" in str(refused(served, streaming(audio=audio_format(channels=2))))


def test_a_config_without_recognition_is_refused(served: Served) -> None:
    assert type(refused(served, pb.StreamingConfig())) is AudioUnsupported


OUTPUT = "config.recognition.output"
UNKNOWN = 77


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (
            streaming(audio=pb.AudioFormat(encoding=UNKNOWN, sample_rate_hertz=16_000)),  # type: ignore[arg-type]
            "config.recognition.audio_format.encoding",
        ),
        (streaming(pb.OutputConfig(posteriors=UNKNOWN)), f"{OUTPUT}.posteriors"),  # type: ignore[arg-type]
        (streaming(pb.OutputConfig(encoding=UNKNOWN)), f"{OUTPUT}.encoding"),  # type: ignore[arg-type]
        (
            pb.StreamingConfig(recognition=recognition(decoder=UNKNOWN)),  # type: ignore[arg-type]
            "config.recognition.decoder",
        ),
        (
            streaming(pb.OutputConfig(posteriors=pb.OutputConfig.POSTERIORS_TOP_K)),
            f"{OUTPUT}.top_k",
        ),
        (
            streaming(pb.OutputConfig(posteriors=pb.OutputConfig.POSTERIORS_TOP_K, top_k=7)),
            f"{OUTPUT}.top_k",
        ),
        (
            streaming(pb.OutputConfig(posteriors=pb.OutputConfig.POSTERIORS_FULL, top_k=3)),
            f"{OUTPUT}.top_k",
        ),
        (
            pb.StreamingConfig(
                recognition=recognition(),
                flow_control=pb.FlowControl(overflow=UNKNOWN),  # type: ignore[arg-type]
            ),
            "config.flow_control.overflow",
        ),
    ],
    ids=brief,
)
def test_a_value_that_is_unknown_or_out_of_range_is_refused_by_path(
    served: Served, config: pb.StreamingConfig, field: str
) -> None:
    error = refused(served, config)
    assert (type(error), error.field) == (ConfigInvalid, field)


@pytest.mark.parametrize(
    ("kind", "found"), [(pb.Control.KIND_UNSPECIFIED, "0"), (UNKNOWN, str(UNKNOWN))]
)
def test_an_unknown_control_is_refused(
    served: Served, kind: pb.Control.Kind, found: str
) -> None:
    error = refusal(served, [CONFIG, Request(control=pb.Control(kind=kind))])
    assert (type(error), error.field) == (ConfigInvalid, "control.kind")
    assert error.facts["found"] == found
    assert "KIND_FLUSH" in str(error.facts["accepted"])


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        (
            pb.StreamingConfig(endpointing=pb.Endpointing(end_silence=Duration(nanos=1))),
            "endpointing.end_silence",
        ),
        (
            pb.StreamingConfig(endpointing=pb.Endpointing(start_timeout=Duration(seconds=-1))),
            "endpointing.start_timeout",
        ),
        (
            pb.StreamingConfig(endpointing=pb.Endpointing(max_segment=Duration(nanos=10**7))),
            "endpointing.max_segment",
        ),
        (pb.StreamingConfig(checkpoint_interval=Duration(nanos=1)), "checkpoint_interval"),
        (pb.StreamingConfig(checkpoint_interval=Duration(seconds=601)), "checkpoint_interval"),
        (pb.StreamingConfig(checkpoint_interval=Duration(seconds=-1)), "checkpoint_interval"),
        (
            pb.StreamingConfig(flow_control=pb.FlowControl(max_lag=Duration(seconds=3))),
            "flow_control.max_lag",
        ),
        (
            pb.StreamingConfig(flow_control=pb.FlowControl(max_lag=Duration(seconds=-1))),
            "flow_control.max_lag",
        ),
    ],
    ids=brief,
)
def test_what_this_server_does_not_do_is_refused_by_name(
    served: Served, extra: pb.StreamingConfig, field: str
) -> None:
    config = streaming()
    config.MergeFrom(extra)
    error = refused(served, config)
    assert (type(error), error.field) == (ConfigInvalid, f"config.{field}")


@pytest.mark.parametrize(
    ("extra", "capability"),
    [
        (pb.StreamingConfig(shadow_backends=["float"]), "shadow"),
    ],
    ids=brief,
)
def test_a_capability_that_no_backend_has_is_named(
    served: Served, extra: pb.StreamingConfig, capability: str
) -> None:
    config = streaming()
    config.MergeFrom(extra)
    error = refused(served, config)
    assert type(error) is CapabilityMissing
    assert error.facts["capability"] == capability


def test_what_is_switched_off_is_not_refused(served: Served) -> None:
    config = streaming()
    config.endpointing.end_silence.seconds = 0
    config.checkpoint_interval.seconds = 0
    config.flow_control.max_lag.seconds = 2
    config.flow_control.overflow = pb.FlowControl.OVERFLOW_BLOCK
    assert hear(served.client, [speech()], config).finished.frames == 99


def test_raw_logits_of_a_floating_point_backend_are_a_missing_capability(
    served: Served,
) -> None:
    error = refused(served, streaming(backend="float"))
    assert type(error) is CapabilityMissing
    assert error.facts["capability"] == "integer-logits"


def test_an_unknown_backend_is_refused_with_a_list(served: Served) -> None:
    error = refused(served, streaming(backend="tpu:0"))
    assert type(error) is BackendNotFound
    assert error.facts["name"] == "tpu:0"
    assert error.facts["available"] == "muntaniala:1x1, float"
    assert "muntaniala:1x1, float" in str(error)


@pytest.mark.parametrize("model", ["big", "tiny@sha256:00", f"big@{MODEL.digest}"])
def test_an_unknown_model_is_refused_with_a_list(served: Served, model: str) -> None:
    error = refused(served, streaming(model=model))
    assert type(error) is ModelNotFound
    assert error.facts["name"] == model
    assert str(error.facts["available"]).startswith("tiny")


def test_a_model_that_is_not_there_by_digest_is_listed_by_digest(served: Served) -> None:
    error = refused(served, streaming(model="tiny@sha256:00"))
    assert error.facts["available"] == f"tiny@{MODEL.digest}"


def test_a_message_over_the_limit_is_refused_with_both_sizes(served: Served) -> None:
    error = refusal(served, [CONFIG, Request(audio=bytes(65_537))])
    assert type(error) is MessageTooLarge
    assert (error.facts["limit"], error.facts["got"]) == ("65536", "65537")


def test_a_message_of_just_the_limit_is_taken(served: Served) -> None:
    heard = hear(served.client, [bytes(65_536)], streaming())
    assert heard.finished.samples == 32_768


def test_a_message_longer_than_the_lag_of_its_stream_is_refused(served: Served) -> None:
    config = streaming()
    config.flow_control.max_lag.FromMilliseconds(100)
    assert hear(served.client, [bytes(3200)] * 9, config).finished.samples == 14_400
    with pytest.raises(MessageTooLarge, match=r"max_lag is 0\.1 s") as refused:
        hear(served.client, [bytes(3200), bytes(3202)], config)
    assert refused.value.facts["limit_s"] == "0.1"


def test_lag_is_counted_in_time_not_in_bytes(served: Served) -> None:
    config = streaming(audio=audio_format(pb.AudioFormat.ENCODING_FLOAT32))
    config.flow_control.max_lag.FromMilliseconds(100)
    assert hear(served.client, [bytes(6400)], config).finished.samples == 1600
    with pytest.raises(MessageTooLarge):
        hear(served.client, [bytes(6404)], config)


def test_the_lag_of_the_server_holds_for_who_says_nothing() -> None:
    config = ServerConfig(listen=FREE, metrics_listen=FREE, max_lag_s=0.5)
    with serving(config=config) as strict, pytest.raises(MessageTooLarge, match=r"0\.5 s"):
        hear(strict.client, [bytes(16_002)], streaming())


@pytest.mark.parametrize(
    ("lag_ms", "advice"),
    [
        (2000, "send 10 to 100 ms at a time"),
        (50, "send 10 to 50 ms at a time"),
        (4, "send at most 4 ms at a time"),
    ],
)
def test_the_advice_is_one_that_the_limit_allows(
    served: Served, lag_ms: int, advice: str
) -> None:
    config = streaming()
    config.flow_control.max_lag.FromMilliseconds(lag_ms)
    with pytest.raises(MessageTooLarge, match=advice):
        hear(served.client, [bytes(65_000)], config)


@pytest.mark.parametrize("audio", [[], [b""], [b"", b""]])
def test_a_stream_without_audio_is_refused(served: Served, audio: list[bytes]) -> None:
    error = refusal(served, [CONFIG, *(Request(audio=piece) for piece in audio)])
    assert type(error) is AudioCorrupt
    assert error.facts["sample"] == "0"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_float_that_is_no_number_is_named_by_its_sample(served: Served, bad: float) -> None:
    samples = np.zeros(1000, "<f4")
    samples[700] = bad
    config = streaming(audio=audio_format(pb.AudioFormat.ENCODING_FLOAT32))
    data = samples.tobytes()
    with pytest.raises(AudioCorrupt) as refused:
        hear(served.client, [data[:1001], data[1001:]], config)
    assert refused.value.facts["sample"] == "700"


def test_a_bad_stream_leaves_its_neighbours_alone(served: Served) -> None:
    expected = hear(served.client, [speech()], streaming()).finished.output_digest
    good = served.client.stream(streaming(), [speech()])
    next(good)
    refusal(served, [CONFIG, Request(control=pb.Control())])
    assert list(good)[-1].finished.output_digest == expected


def test_a_refused_stream_gives_its_slot_back(served: Served) -> None:
    refusal(served, [CONFIG, Request(control=pb.Control())])
    assert served.slots_in_use() == 0


def test_the_formats_of_the_fixture_are_those_that_are_taken(served: Served) -> None:
    assert LINEAR16 in served.client.server_info().accepted_formats
    assert FULL.posteriors == pb.OutputConfig.POSTERIORS_FULL
