"""Flags of what ``vau serve`` tells of itself: its log, and traces."""

from typing import Annotated

from vau.commands.flags import flag
from vau.logs.setup import Level

LogLevel = Annotated[
    Level, flag("--log-level", "The least that is logged; debug has a line for each start.")
]
SlowStreamMs = Annotated[
    float,
    flag(
        "--slow-stream-ms",
        "Report streams of which more than 1 in 100 frames took longer; 0 for none.",
        metavar="MS",
    ),
]
OtlpEndpoint = Annotated[
    str,
    flag(
        "--otlp-endpoint",
        "Send traces to this OpenTelemetry collector; needs the extra otel.",
        metavar="URL",
        show_default=False,
    ),
]
TraceShare = Annotated[
    float, flag("--trace-share", "Part of the traces begun here that is sent.", metavar="0..1")
]
