"""What a call tells of itself while it lasts, to whoever traces calls through several services.

The service knows these few words only. ``vau.tracing.otlp`` says them to an OpenTelemetry
collector; without one nobody listens, which costs next to nothing.
"""

from vau.tracing.port import NO_SPAN, SILENT, Span, Tracer
from vau.tracing.setup import tracer_of

__all__ = ["NO_SPAN", "SILENT", "Span", "Tracer", "tracer_of"]
