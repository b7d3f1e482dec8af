"""A collector of OpenTelemetry: the real protocol, on a free port, that keeps what it gets."""

import queue
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from opentelemetry.proto.collector.trace.v1 import (
    trace_service_pb2,
    trace_service_pb2_grpc,
)
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

PATIENCE_S = 30.0

Attributes = dict[str, str | int | float]


class _Service(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, spans: "queue.SimpleQueue[tuple[trace_pb2.Span, Attributes]]") -> None:
        self._spans = spans

    def Export(  # noqa: N802
        self, request: trace_service_pb2.ExportTraceServiceRequest, _context: object
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        for resource in request.resource_spans:
            of = attributes(resource.resource.attributes)
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self._spans.put((span, of))
        return trace_service_pb2.ExportTraceServiceResponse()


@dataclass(frozen=True, slots=True)
class Collector:
    """What a collector was sent."""

    endpoint: str
    spans: "queue.SimpleQueue[tuple[trace_pb2.Span, Attributes]]" = field(
        default_factory=queue.SimpleQueue
    )

    def next(self) -> trace_pb2.Span:
        """Wait for the next span."""
        return self.spans.get(timeout=PATIENCE_S)[0]


@contextmanager
def collector() -> Iterator[Collector]:
    """Collect spans for as long as the block lasts."""
    server = grpc.server(ThreadPoolExecutor(2))
    port = server.add_insecure_port("127.0.0.1:0")
    kept = Collector(f"http://127.0.0.1:{port}")
    register = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    register(_Service(kept.spans), server)  # type: ignore[no-untyped-call]
    server.start()
    try:
        yield kept
    finally:
        server.stop(None)


def attributes(pairs: Iterable[common_pb2.KeyValue]) -> Attributes:
    """Return attributes as a dictionary."""
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value")
        for pair in pairs
    }
