"""Which tracer a server has."""

from vau.config import ServerConfig
from vau.errors import ConfigInvalid
from vau.tracing.port import SILENT, Tracer


def tracer_of(config: ServerConfig) -> Tracer:
    """Return what the config asks for. Raises ConfigInvalid if OpenTelemetry is not there."""
    if not config.otlp_endpoint:
        return SILENT
    try:
        # Not before somebody asks: it is an extra, and takes half a second to load.
        from vau.tracing.otlp import OtlpTracer  # noqa: PLC0415
    except ImportError as cause:
        raise ConfigInvalid(
            f"otlp_endpoint={config.otlp_endpoint!r} needs OpenTelemetry, and {cause.name} is "
            "not installed; pip install 'vau[otel]'",
            field="otlp_endpoint",
        ) from cause
    return OtlpTracer(config.otlp_endpoint, config.trace_share)
