"""Flags of ``vau serve``: where it listens, what it serves and what it allows."""

from pathlib import Path
from typing import Annotated, Any

from vau.commands.flags import DEFAULT_WEB, flag
from vau.commands.flags.counts import stream_count

Listen = Annotated[
    str,
    flag("--listen", "Where gRPC listens; port 0 takes a free one.", metavar="HOST:PORT"),
]
MetricsListen = Annotated[
    str,
    flag(
        "--metrics-listen",
        "Where Prometheus reads /metrics, and proxies /readyz.",
        metavar="HOST:PORT|off",
    ),
]
Web = Annotated[bool, flag("--web", "Serve the live page, too; needs the extra web.")]
WebListen = Annotated[
    str,
    flag(
        "--web-listen",
        "Where the live page is; port 0 takes a free one.",
        metavar="HOST:PORT",
        show_default=DEFAULT_WEB,
    ),
]
WebOrigins = Annotated[
    list[str],
    flag(
        "--web-origin",
        "Another origin whose pages may use it, such as https://demo.example; repeatable.",
        metavar="URL",
        show_default=False,
    ),
]
Models = Annotated[
    list[str],
    flag("--model", "Shipped model, or the folder of one; repeatable.", metavar="NAME|DIR"),
]
Backends = Annotated[
    list[str],
    flag("--backend", "Accelerator to open; repeatable.", metavar="KIND[:INSTANCE]"),
]
Boards = Annotated[
    list[str],
    flag(
        "--board",
        "Board for --backend board; repeatable: each is a backend of its own.",
        metavar="URL",
        show_default=False,
    ),
]
Shadows = Annotated[
    list[str],
    flag(
        "--shadow",
        "Accelerator that hears the same, for the metrics alone; repeatable.",
        metavar="KIND[:INSTANCE]",
        show_default=False,
    ),
]
ShadowShare = Annotated[
    float,
    flag("--shadow-share", "Part of the streams that shadows hear unasked.", metavar="0..1"),
]
MaxStreams = Annotated[
    Any,
    flag(
        "--max-streams",
        "Streams at a time; more are refused. auto measures what this machine can carry.",
        parser=stream_count,
        metavar="N|auto",
    ),
]
MaxWait = Annotated[
    float,
    flag("--max-wait-ms", "How long the first of a batch waits for others.", metavar="MS"),
]
MaxBatchSize = Annotated[
    int,
    flag(
        "--max-batch-size",
        "Streams in a batch; 0 for as many as the backend gains by.",
        metavar="N",
    ),
]
MaxAudioMessage = Annotated[
    int, flag("--max-audio-message", "Bytes of audio in a message.", min=2, metavar="BYTES")
]
MaxUnaryAudio = Annotated[
    float, flag("--max-unary-audio", "Audio in one Recognize call.", metavar="SECONDS")
]
MaxLag = Annotated[
    float, flag("--max-lag", "Audio that may wait for its answer.", metavar="SECONDS")
]
ConfigTimeout = Annotated[
    float, flag("--config-timeout", "How long a stream may say nothing.", metavar="SECONDS")
]
DrainGrace = Annotated[
    float, flag("--drain-grace", "What live streams get after SIGTERM.", metavar="SECONDS")
]
ResumeKeyFile = Annotated[
    Path | None,
    flag(
        "--resume-key-file",
        "Seal checkpoints with its key, so that servers that share it resume each other's "
        "streams.",
        metavar="FILE",
        show_default="a key that dies with the process",
    ),
]
ResumeTtl = Annotated[
    float, flag("--resume-ttl", "How long a checkpoint is good.", metavar="SECONDS")
]
IdleTimeout = Annotated[
    float, flag("--idle-timeout", "Silence that ends a stream.", metavar="SECONDS")
]
MaxStreamDuration = Annotated[
    float,
    flag("--max-stream-duration", "How long a stream may last; 0 for ever.", metavar="SECONDS"),
]
WriteTimeout = Annotated[
    float,
    flag("--write-timeout", "How long a client may leave answers unread.", metavar="SECONDS"),
]
Keepalive = Annotated[
    float, flag("--keepalive", "Silence before a connection is tested.", metavar="SECONDS")
]
KeepaliveTimeout = Annotated[
    float,
    flag("--keepalive-timeout", "What it then has to answer in.", metavar="SECONDS"),
]
MaxConnectionAge = Annotated[
    float,
    flag("--max-connection-age", "When a connection is to end; 0 is never.", metavar="SECONDS"),
]
MaxConnectionAgeGrace = Annotated[
    float,
    flag("--max-connection-age-grace", "What its streams then get.", metavar="SECONDS"),
]
Build = Annotated[
    str, flag("--build", "What to call this build: a revision, an image.", metavar="TEXT")
]
Insecure = Annotated[bool, flag("--insecure", "Allow plaintext that other machines can reach.")]
