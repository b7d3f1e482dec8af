"""Spans to an OpenTelemetry collector, over OTLP and gRPC.

Ref: the W3C's Trace Context, https://www.w3.org/TR/trace-context/, for ``traceparent``; the
     semantic conventions of OpenTelemetry for RPC, for the names that begin with ``rpc``.
"""

import threading
from typing import Final

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span as ApiSpan
from opentelemetry.trace import SpanKind, StatusCode, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from vau.config import version
from vau.tracing.port import Fact, Metadata, Span

EVERY_MS: Final = 1000  # a batch is sent
WAIT_S: Final = 5.0  # for the collector, for a batch and at the end
SERVICE: Final = "vau.v1.SpeechRecognition"
FINE: Final = ("OK", "CANCELLED")
"""Codes of calls that nobody need look at: a client may hang up."""


class OtlpTracer:
    """Sends the spans of one server, a batch at a time, on a thread of its own.

    Of a collector that is away nothing is felt but lines in the log; its spans are lost.
    """

    def __init__(self, endpoint: str, share: float) -> None:
        """Begin to send to ``endpoint``: ``http://host:port``, or https.

        share: of the traces that begin here, so many are recorded. Of those that began
               elsewhere, those that are recorded there.
        """
        exporter = OTLPSpanExporter(
            endpoint=endpoint, insecure=endpoint.startswith("http://"), timeout=WAIT_S
        )
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(share)),
            resource=Resource.create({"service.name": "vau", "service.version": version()}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, schedule_delay_millis=EVERY_MS)
        )
        self._tracer = self._provider.get_tracer("vau", version())
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, name: str, metadata: Metadata, /) -> Span:
        """Begin a span, within the trace of the caller's ``traceparent`` if there is one."""
        carrier = {key: value for key, value in metadata if isinstance(value, str)}
        span = self._tracer.start_span(
            f"{SERVICE}/{name}",
            context=self._propagator.extract(carrier),
            kind=SpanKind.SERVER,
            attributes={"rpc.system": "grpc", "rpc.service": SERVICE, "rpc.method": name},
        )
        return _OtlpSpan(span)

    def close(self) -> None:
        """Send what is left, for WAIT_S at most."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True, name="otlp-end")
        closing.start()
        closing.join(WAIT_S)


class _OtlpSpan:
    """A span of the SDK, in the words of the port."""

    def __init__(self, span: ApiSpan) -> None:
        self._span = span
        context = span.get_span_context()
        self._trace = format_trace_id(context.trace_id) if span.is_recording() else ""

    @property
    def trace(self) -> str:
        return self._trace

    def set(self, **facts: Fact) -> None:
        self._span.set_attributes(_named(facts))

    def event(self, name: str, /, **facts: Fact) -> None:
        self._span.add_event(name, _named(facts))

    def end(self, code: str, reason: str, /) -> None:
        self._span.set_attributes({"rpc.response.status_code": code})
        if code not in FINE:
            self._span.set_status(StatusCode.ERROR, reason)
        self._span.end()


def _named(facts: dict[str, Fact]) -> dict[str, Fact]:
    """Put our names into a room of their own."""
    return {f"vau.{name}": value for name, value in facts.items() if value != ""}
