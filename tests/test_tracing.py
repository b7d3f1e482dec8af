"""Traces: what a collector hears of calls, from a real server over the real protocol."""

import subprocess
import sys
from typing import cast

import grpc
import pytest

from tests.logged import logged
from tests.otlp import Collector, attributes, collector
from tests.serving import (
    FREE,
    MODEL,
    Failing,
    Served,
    eventually,
    hear,
    muntaniala,
    recognition,
    serving,
    speech,
    streaming,
)
from vau.backend import Backend
from vau.config import ServerConfig
from vau.errors import BackendFault, ConfigInvalid, VauError
from vau.tracing import SILENT, tracer_of
from vau.v1 import speech_pb2 as pb
from vau.v1.speech_pb2_grpc import SpeechRecognitionStub

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"


def traced(kept: Collector, share: float = 1.0) -> ServerConfig:
    return ServerConfig(
        listen=FREE, metrics_listen=FREE, otlp_endpoint=kept.endpoint, trace_share=share
    )


def call(served: Served, traceparent: str, **more: str) -> None:
    """Make a call of a client that is traced itself."""
    with grpc.insecure_channel(served.address) as channel:
        request = pb.RecognizeRequest(config=recognition(), audio=speech())
        SpeechRecognitionStub(channel).Recognize(
            request, metadata=[("traceparent", traceparent), *more.items()]
        )


def test_a_stream_is_a_span_with_what_happened_in_it_and_where_its_time_went() -> None:
    with collector() as kept:
        with serving(config=traced(kept)) as served:
            heard = hear(served.client, [speech(), bytes(40_000)], streaming())
            session = heard.responses[0].started.session_id
        span = kept.next()
    assert span.name == "vau.v1.SpeechRecognition/StreamingRecognize"
    assert span.kind == span.SPAN_KIND_SERVER
    facts = attributes(span.attributes)
    assert facts["vau.session"] == session
    assert facts["vau.backend"] == muntaniala().info.id
    assert facts["vau.samples"] == heard.finished.samples
    assert facts["vau.frames"] == heard.finished.frames
    assert facts["rpc.response.status_code"] == "OK"
    for stage in ("wait", "queue", "feature", "compute", "post", "write"):
        assert float(facts[f"vau.{stage}_s"]) >= 0.0
    assert float(facts["vau.compute_s"]) > 0.0
    assert [event.name for event in span.events] == ["started", "first answer", "notice"]
    assert attributes(span.events[2].attributes) == {"vau.code": "AUDIO_ALL_ZERO"}
    assert span.end_time_unix_nano > span.start_time_unix_nano


def test_the_resource_says_which_service_it_is() -> None:
    with collector() as kept:
        with serving(config=traced(kept)) as served:
            served.client.recognize(recognition(), speech())
        _, resource = kept.spans.get(timeout=30)
    assert resource["service.name"] == "vau"
    assert resource["service.version"]


def test_the_trace_of_the_caller_goes_on() -> None:
    with collector() as kept:
        with serving(config=traced(kept)) as served:
            call(served, SAMPLED)
        span = kept.next()
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)


def test_a_caller_decides_whether_its_trace_is_recorded_and_we_about_ours() -> None:
    with collector() as kept:
        with serving(config=traced(kept, share=0.0)) as served:
            call(served, UNSAMPLED)
            served.client.recognize(recognition(), speech())  # a trace of our own
            call(served, SAMPLED)
        assert kept.next().trace_id.hex() == TRACE
        assert kept.spans.empty()


@pytest.mark.parametrize("traceparent", ["", "nonsense", "00-0-0-01", "ff" * 500])
def test_a_trace_that_nobody_can_read_is_a_new_one(traceparent: str) -> None:
    with collector() as kept:
        with serving(config=traced(kept)) as served:
            call(served, traceparent)
        assert kept.next().parent_span_id == b""


def test_a_call_that_fails_is_an_error_with_its_reason() -> None:
    backend = Failing(muntaniala())
    pair = (MODEL, cast("Backend", backend))
    with collector() as kept:
        with serving(pair, config=traced(kept)) as served:
            backend.defect = BackendFault("gone")
            with pytest.raises(VauError):
                hear(served.client, [speech()], streaming())
        span = kept.next()
    assert span.status.code == span.status.STATUS_CODE_ERROR
    assert span.status.message == "BACKEND_LOST"
    assert attributes(span.attributes)["rpc.response.status_code"] == "UNAVAILABLE"


def test_lines_of_a_call_name_its_trace() -> None:
    with collector() as kept, logged() as lines:
        with serving(config=traced(kept)) as served:
            call(served, SAMPLED)
        (ended,) = lines.of("ended")
    assert ended["trace"] == TRACE


def test_nothing_that_identifies_a_caller_is_sent() -> None:
    with collector() as kept:
        with serving(config=traced(kept)) as served:
            call(served, SAMPLED, authorization="Bearer very-secret")
        assert b"very-secret" not in kept.next().SerializeToString()


def test_a_collector_that_is_away_costs_its_spans_and_nothing_else() -> None:
    with collector() as gone:
        pass
    with serving(config=traced(gone)) as served:
        for _ in range(3):
            heard = hear(served.client, [speech()], streaming())
            assert heard.finished.samples == 16_000
        eventually(lambda: served.slots_in_use() == 0)


def test_without_an_endpoint_opentelemetry_is_not_even_loaded() -> None:
    code = (
        "import sys, vau.wire.server; from vau.config import ServerConfig;"
        "from vau.tracing import tracer_of; tracer_of(ServerConfig());"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert tracer_of(ServerConfig()) is SILENT


def test_an_endpoint_without_opentelemetry_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "vau.tracing.otlp", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    for name in list(sys.modules):
        if name.startswith("opentelemetry"):
            monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigInvalid, match=r"pip install 'vau\[otel\]'"):
        tracer_of(ServerConfig(otlp_endpoint="http://127.0.0.1:4317"))


@pytest.mark.parametrize("endpoint", ["127.0.0.1:4317", "ftp://x", "http"])
def test_an_endpoint_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(ConfigInvalid, match="no address of a collector"):
        ServerConfig(otlp_endpoint=endpoint)
