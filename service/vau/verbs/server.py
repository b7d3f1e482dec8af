"""Verbs of whoever runs a server: ``serve``, ``backends`` and ``token``."""

import json
import signal
import sys
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import typer

from vau.commands import flags
from vau.commands.flags import asking, door, engines, observing, serving
from vau.errors import ConfigInvalid
from vau.verbs.outcome import write_line
from vau.verbs.reach import access_of

if TYPE_CHECKING:  # it takes gRPC with it
    from vau.wire.server import Addresses


def serve(
    *,
    listen: serving.Listen = flags.DEFAULT_SERVER,
    metrics_listen: serving.MetricsListen = "127.0.0.1:9464",
    web: serving.Web = False,
    web_listen: serving.WebListen = "",
    web_origin: serving.WebOrigins = [],  # noqa: B006
    model: serving.Models = [flags.DEFAULT_MODEL],  # noqa: B006 - typer copies it
    backend: serving.Backends = [flags.DEFAULT_BACKEND],  # noqa: B006
    board: serving.Boards = [],  # noqa: B006
    shadow: serving.Shadows = [],  # noqa: B006
    shadow_share: serving.ShadowShare = 1.0,
    max_streams: serving.MaxStreams = 64,
    max_wait_ms: serving.MaxWait = 0.0,
    max_batch_size: serving.MaxBatchSize = 0,
    max_audio_message: serving.MaxAudioMessage = 64 << 10,
    max_unary_audio: serving.MaxUnaryAudio = 60.0,
    max_lag: serving.MaxLag = 2.05,
    config_timeout: serving.ConfigTimeout = 10.0,
    idle_timeout: serving.IdleTimeout = 60.0,
    max_stream_duration: serving.MaxStreamDuration = 0.0,
    write_timeout: serving.WriteTimeout = 30.0,
    drain_grace: serving.DrainGrace = 30.0,
    resume_key_file: serving.ResumeKeyFile = None,
    resume_ttl: serving.ResumeTtl = 600.0,
    keepalive: serving.Keepalive = 30.0,
    keepalive_timeout: serving.KeepaliveTimeout = 10.0,
    max_connection_age: serving.MaxConnectionAge = 0.0,
    max_connection_age_grace: serving.MaxConnectionAgeGrace = 30.0,
    insecure: serving.Insecure = False,
    tls_cert: door.TlsCert = None,
    tls_key: door.TlsKey = None,
    tls_client_ca: door.TlsClientCa = None,
    tokens: door.Tokens = None,
    max_streams_per_client: door.MaxStreamsPerClient = 0,
    reflection: door.Reflection = None,
    closed_health: door.ClosedHealth = False,
    log_level: observing.LogLevel = "info",
    slow_stream_ms: observing.SlowStreamMs = 50.0,
    otlp_endpoint: observing.OtlpEndpoint = "",
    trace_share: observing.TraceShare = 1.0,
    build: serving.Build = "",
    _config: flags.Config = None,
) -> None:
    """Run the server.

    It logs JSON lines on stderr; "listening" says where. SIGTERM and SIGINT drain it, SIGHUP
    has certificates and tokens read again.
    """
    import asyncio

    from prometheus_client import CollectorRegistry

    from vau.commands.serve import open_lanes, reckoned_streams, shadows_of, with_boards
    from vau.config import OFF, ServerConfig
    from vau.door.config import DoorConfig
    from vau.lane import Batching
    from vau.logs import log_to
    from vau.metrics import Metrics
    from vau.web.setup import entrance_of
    from vau.wire.server import serve as serve_until_told

    config = ServerConfig(
        listen=listen,
        metrics_listen=metrics_listen,
        web_listen=(web_listen or flags.DEFAULT_WEB) if web else OFF,
        web_origins=tuple(web_origin),
        insecure=insecure,
        door=DoorConfig(
            tls_cert=tls_cert,
            tls_key=tls_key,
            tls_client_ca=tls_client_ca,
            tokens=tokens,
            reflection=reflection,
            closed_health=closed_health,
            max_streams_per_client=max_streams_per_client,
        ),
        build=build,
        shadow_share=shadow_share,
        max_streams=max_streams or 1,
        max_audio_message_bytes=max_audio_message,
        max_unary_audio_s=max_unary_audio,
        max_lag_s=max_lag,
        config_timeout_s=config_timeout,
        idle_timeout_s=idle_timeout,
        max_stream_duration_s=max_stream_duration,
        write_timeout_s=write_timeout,
        drain_grace_s=drain_grace,
        resume_key_file=resume_key_file,
        resume_ttl_s=resume_ttl,
        keepalive_s=keepalive,
        keepalive_timeout_s=keepalive_timeout,
        max_connection_age_s=max_connection_age,
        max_connection_age_grace_s=max_connection_age_grace,
        slow_stream_s=slow_stream_ms / 1e3,
        otlp_endpoint=otlp_endpoint,
        trace_share=trace_share,
    )
    if not web and (web_listen or web_origin):
        raise ConfigInvalid(
            "web_listen and web_origin are of the live page, which is not served; add --web",
            field="web_listen" if web_listen else "web_origin",
        )
    entrance = entrance_of(config)
    backend = with_boards(backend, board)
    # Until it listens there is nothing to read again; its shadows never have anything.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with log_to(sys.stderr, log_level) as log:
        if max_streams is None:
            config = replace(config, max_streams=reckoned_streams(model, backend))
        metrics = Metrics(CollectorRegistry())
        log.on_lost(metrics.log_lines_lost)
        batching = Batching(max_wait_s=max_wait_ms / 1e3, max_size=max_batch_size)
        slots = config.max_streams
        lanes = open_lanes(model, backend, metrics, slots=slots, batching=batching)
        shadows = shadows_of(shadow, model, lanes=lanes, metrics=metrics, config=config)
        asyncio.run(
            serve_until_told(
                config, lanes, metrics, shadows, entrance=entrance, announce=announce
            )
        )


def announce(addresses: "Addresses") -> None:
    """Say where the live page is, for people: a browser wants a URL."""
    from vau.config import OFF

    if addresses.web != OFF:
        with suppress(OSError):  # nobody may read it; the log has it, too
            write_line(f"vau: the live page is at {addresses.web}", sys.stdout)


def backends(
    context: typer.Context,
    *,
    server: asking.ServerToAsk = "",
    _tls: door.Tls = False,
    _tls_ca: door.TlsCa = None,
    _tls_cert: door.TlsCert = None,
    _tls_key: door.TlsKey = None,
    _token_file: door.TokenFile = None,
    model: engines.Model = flags.DEFAULT_MODEL,
    as_json: flags.Json = False,
    _config: flags.Config = None,
) -> None:
    """List the accelerators of this machine, or of a server."""
    from vau.client import Client
    from vau.commands import backends as inventory

    room = None
    if server:
        with Client(server, access=access_of(context)) as client:
            found, room = inventory.on_server(client)
    else:
        found = list(inventory.here(model))
    if as_json:
        streams = {} if room is None else {"streams": asdict(room)}
        print(json.dumps({"backends": [each.facts() for each in found], **streams}))
        return
    for each in found:
        print(each.line())
    if room is not None:
        print(room.line())


def token(
    *,
    name: door.TokenName,
    max_streams: door.TokenStreams = None,
    max_audio_rate: door.TokenRate = None,
    secret_file: door.SecretFile = None,
    as_json: flags.Json = False,
    _config: flags.Config = None,
) -> None:
    """Make a token: its line for the file of --tokens, and its secret, which is shown once.

    The line goes to stdout and the secret to stderr, or into a file for --token-file:
    vau token alice --secret-file secret >> tokens
    """
    from vau.door.tokens import Holder, mint, write_secret

    holder = Holder(name=name, max_streams=max_streams, max_audio_rate=max_audio_rate)
    minted = mint(holder)
    if secret_file is not None:
        write_secret(secret_file, minted.secret, "secret-file")
        print(json.dumps({"name": name, "line": minted.line}) if as_json else minted.line)
        return
    if as_json:
        print(json.dumps({"name": name, "secret": minted.secret, "line": minted.line}))
        return
    print(minted.line, flush=True)
    print(f"vau: the secret of {name}, which nobody can show again:", file=sys.stderr)
    print(minted.secret, file=sys.stderr)
