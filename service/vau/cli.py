"""The command line: every verb, and what becomes of an error.

What a verb does lives in a module of its own, imported when the verb runs and not before:
numpy, gRPC and soundfile take longer to load than ``vau --help`` takes without them.
"""

# ruff: noqa: PLC0415 - imports inside functions, for the reason above

import json
import os
import signal
import sys
import traceback
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from vau import errors
from vau.commands import flags
from vau.commands.flags import (
    asking,
    door,
    engines,
    estimating,
    files,
    measuring,
    observing,
    serving,
)
from vau.commands.flags import boards as boarding
from vau.commands.flags.said import Verb, reword
from vau.commands.standard_streams import (
    abandon_output,
    hold_standard_streams,
    why_unwritten,
)
from vau.errors import VauError

if TYPE_CHECKING:
    from vau.boards import Finding
    from vau.client import Access

DONE, SOME_FAILED, USAGE, UNUSABLE, BAD_AUDIO, LOST, REFUSED = range(7)
DEFECT: Final = 70
UNWRITTEN: Final = 74  # EX_IOERR of sysexits.h
INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM

EXIT_CODES: Final[dict[type[VauError], int]] = {
    VauError: DEFECT,
    errors.ServerDefect: DEFECT,
    errors.ConfigError: USAGE,
    errors.AudioError: BAD_AUDIO,
    errors.ModelError: UNUSABLE,
    errors.BackendError: UNUSABLE,
    errors.BackendBusy: REFUSED,
    errors.SlotsExhausted: REFUSED,
    errors.AuthError: REFUSED,
    errors.QuotaExceeded: REFUSED,
    errors.CapabilityMissing: UNUSABLE,
    errors.BadSnapshot: UNUSABLE,
    errors.ResumeError: LOST,
    errors.StreamEnded: LOST,
    errors.Draining: LOST,
    errors.Unreachable: LOST,
}
EPILOG: Final = """
Any flag may also stand in the environment (--chunk-ms as VAU_CHUNK_MS) or in the TOML file \
of --config (chunk-ms = 100). The command line goes first, then the environment, then the \
file. Which of its models and backends a server is to take is said on the command line alone.

Exit status: 0 done; 1 some files failed, bits differ, or nobody read the output; 2 usage; \
3 model or backend unusable; 4 audio unreadable; 5 server unreachable or lost, or it ended \
the stream; 6 refused: no slot is free, no right or no quota; 70 a defect of ours; \
74 the output cannot be written; 130 interrupted; 143 terminated.
"""

app = typer.Typer(
    help="Phonemes from speech, live, on recurrent-network accelerators.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain text: half the height, and it can be copied
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
)


def main() -> int:
    """Run the command line and return its exit status."""
    hold_standard_streams()
    signal.signal(signal.SIGTERM, _terminated)
    # Threads of BLAS only wait for each other over matrices as small as ours: many times
    # slower once the cores are busy. It looks at this when numpy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # gRPC would write lines of its own between ours, which are JSON; what they say of a call,
    # its status says too.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        status = app(prog_name="vau", standalone_mode=False)
        sys.stdout.flush()
    except VauError as error:
        return _complain(error)
    except typer.TyperException as error:
        if message := error.format_message():  # empty after help that nobody asked for
            print(f"vau: error: {message} (see --help)", file=sys.stderr)
        return USAGE
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:  # at the last flush; before it, typer does the same
        abandon_output()
        return SOME_FAILED
    except Exception as error:  # noqa: BLE001 - a defect: whoever repairs it must see where
        if isinstance(error, OSError) and (why := why_unwritten(error)):
            print(f"vau: error: the output cannot be written: {why}", file=sys.stderr)
            abandon_output()
            return UNWRITTEN
        traceback.print_exc()
        return DEFECT
    return int(status or DONE)


def _terminated(_number: int, _frame: object) -> None:
    raise SystemExit(TERMINATED)  # rather than die: what is open gets closed


def _complain(
    error: VauError, file: Path | None = None, context: typer.Context | None = None
) -> int:
    """Say in one line what went wrong, of a file or of a command; return the exit status."""
    if context is not None:
        reword(context, error)
    text = " ".join(str(error).split())
    where = f"{file}: " if file is not None and str(file) not in text else ""
    print(f"vau: error: {where}{text}", file=sys.stderr)
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)


def _access(context: typer.Context) -> "Access":
    """Return how a command is to come to its server, if it has one."""
    from vau.client import Access

    if not context.params["server"]:  # what the environment says is about another server
        return Access()
    names = ("tls", "tls_ca", "tls_cert", "tls_key", "token_file")
    return Access(**{name: context.params[f"_{name}"] for name in names})


def _warn(text: str) -> None:
    """Say what is worth knowing and no error."""
    print("vau: notice:", text, file=sys.stderr, flush=True)


def _remark_passed_over(context: typer.Context) -> None:
    """Say which settings of environment and file a server does not hear of."""
    for text in engines.passed_over(context):
        _warn(text)


def _print_version(wanted: bool) -> None:
    if wanted:
        from vau.config import version

        print(f"vau {version()}")
        raise typer.Exit


@app.callback()
def vau(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Phonemes from speech, live, on recurrent-network accelerators."""


@app.command(cls=Verb)
def serve(
    *,
    listen: serving.Listen = flags.DEFAULT_SERVER,
    metrics_listen: serving.MetricsListen = "127.0.0.1:9464",
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
    from dataclasses import replace

    from prometheus_client import CollectorRegistry

    from vau.commands.serve import open_lanes, reckoned_streams, shadows_of, with_boards
    from vau.config import ServerConfig
    from vau.door.config import DoorConfig
    from vau.lane import Batching
    from vau.logs import log_to
    from vau.metrics import Metrics
    from vau.wire.server import serve as serve_until_told

    config = ServerConfig(
        listen=listen,
        metrics_listen=metrics_listen,
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
        asyncio.run(serve_until_told(config, lanes, metrics, shadows))


def _print_microphones(wanted: bool) -> None:
    if wanted:
        from vau.commands.live_audio import microphones

        print(microphones())
        raise typer.Exit


ListDevices = Annotated[
    bool,
    flags.flag(
        "--list-devices",
        "List the sound devices, and stop.",
        is_eager=True,
        callback=_print_microphones,
    ),
]


@app.command(cls=Verb)
def stream(
    context: typer.Context,
    *,
    file: files.FileOrPipe = "",
    server: asking.Server = flags.DEFAULT_SERVER,
    _tls: door.Tls = False,
    _tls_ca: door.TlsCa = None,
    _tls_cert: door.TlsCert = None,
    _tls_key: door.TlsKey = None,
    _token_file: door.TokenFile = None,
    mic: asking.Mic = False,
    device: asking.Device = "",
    _list_devices: ListDevices = False,
    model: engines.ServedModel = "",
    backend: engines.ServedBackend = "",
    fallback_backend: engines.FallbackBackends = [],  # noqa: B006
    channel: files.Channel = "mix",
    decoder: engines.Decoder = "viterbi",
    chunk_ms: asking.ChunkMs = 100,
    pace: asking.Pace = True,
    resume: asking.Resume = True,
    end_silence: asking.EndSilence = None,
    start_timeout: asking.StartTimeout = None,
    max_segment: asking.MaxSegment = None,
    out: files.Out = None,
    formats: files.Formats = "jsonl",
    logits: files.Logits = False,
    as_json: flags.Json = False,
    _config: flags.Config = None,
) -> None:
    """Stream a file, a pipe or a microphone to a server, live.

    Prints each phoneme once it is certain, after its start and end in seconds; silence as ·.
    With a rule that ends segments, also where speech and segments begin and end.
    """
    from vau.commands import stream as verb
    from vau.transcript import Output

    files.check_output(context, out, formats, logits=logits)
    options = verb.StreamOptions(
        server=server,
        access=_access(context),
        file=file,
        mic=mic,
        device=device,
        model=model,
        backend=backend,
        fallback_backends=tuple(fallback_backend),
        channel=channel,
        decoder=decoder,
        chunk_ms=chunk_ms,
        pace=pace,
        output=None if out is None else Output(out, formats),
        logits=logits,
        resume=resume,
        endpointing=verb.endpointing_of(start_timeout, end_silence, max_segment),
        as_json=as_json,
    )
    _remark_passed_over(context)
    verb.stream(options, partial(print, flush=True), _warn)


@app.command(cls=Verb)
def transcribe(
    context: typer.Context,
    *,
    paths: files.Paths,
    server: asking.Server = "",
    _tls: door.Tls = False,
    _tls_ca: door.TlsCa = None,
    _tls_cert: door.TlsCert = None,
    _tls_key: door.TlsKey = None,
    _token_file: door.TokenFile = None,
    model: engines.Model = "",
    backend: engines.Backend = "",
    channel: files.Channel = "mix",
    decoder: engines.Decoder = "viterbi",
    out: files.Out = None,
    formats: files.Formats = "jsonl",
    logits: files.Logits = False,
    jobs: engines.Jobs = None,
    _config: flags.Config = None,
) -> int:
    """Turn files and folders into phonemes or posteriors.

    Without --out, prints each path and its phonemes with a tab between. A file that cannot be
    read is reported, and the others go on.
    """
    from vau.commands import transcribe as verb
    from vau.commands.display import progress
    from vau.processes import core_count
    from vau.transcript import Output

    files.check_output(context, out, formats, logits=logits)
    plan = verb.TranscribePlan(
        **engines.engine(context, model, backend),
        server=server,
        access=_access(context),
        jobs=jobs or core_count(),
        channel=channel,
        decoder=decoder,
        logits=logits,
        output=None if out is None else Output(out, formats),
    )
    _remark_passed_over(context)
    with progress(Console(stderr=True), "s of audio") as show:
        tell = partial(print, flush=True)
        items = verb.find_items(paths)
        complain = partial(_complain, context=context)
        statuses = verb.transcribe_all(items, plan, show, tell, complain, warn=_warn)
    if DONE in statuses:
        return SOME_FAILED if any(statuses) else DONE
    return statuses[0]


@app.command(cls=Verb)
def evaluate(
    context: typer.Context,
    *,
    manifest: files.Manifest,
    split: measuring.Split = "",
    limit: measuring.Limit = None,
    server: asking.Server = "",
    _tls: door.Tls = False,
    _tls_ca: door.TlsCa = None,
    _tls_cert: door.TlsCert = None,
    _tls_key: door.TlsKey = None,
    _token_file: door.TokenFile = None,
    model: engines.Model = "",
    backend: engines.Backend = "",
    decoder: engines.Decoder = "viterbi",
    jobs: engines.Jobs = None,
    noise_db: measuring.NoiseDb = None,
    noise: measuring.Noise = None,
    band: measuring.Band = None,
    clip: measuring.Clip = 0.0,
    gain_db: measuring.GainDb = 0.0,
    matrix: measuring.Matrix = False,
    peer: measuring.Peers = [],  # noqa: B006 - typer copies it
    plots: measuring.Plots = None,
    page: measuring.Page = None,
    as_json: flags.Json = False,
    _config: flags.Config = None,
) -> None:
    """Measure the phoneme error rate on a manifest, and what else can be known of it.

    Scores the backend, and beside it float, the network before it was quantised. Paths in the
    manifest are relative to its folder. Silence counts on neither side.
    """
    from vau.commands import evaluate as verb
    from vau.commands.display import progress
    from vau.evaluation.condition import CLEAN, MATRIX, Condition
    from vau.evaluation.report import matrix_table, report, table
    from vau.processes import core_count

    condition = Condition(
        noise_db=noise_db, noise=noise, rate_hz=band, clip=clip, gain_db=gain_db
    )
    if matrix and condition != CLEAN:
        raise typer.BadParameter(
            f"--matrix has conditions of its own, and {' '.join(condition.flags)} is another; "
            "leave out one of the two"
        )
    plan = verb.EvaluatePlan(
        manifest=manifest,
        split=split,
        limit=limit,
        **engines.engine(context, model, backend),
        server=server,
        access=_access(context),
        decoder=decoder,
        jobs=jobs or core_count(),
        conditions=MATRIX if matrix else (condition,),
        peers=tuple(peer),
        plots=plots,
        page=page,
    )
    _remark_passed_over(context)
    with progress(Console(stderr=True), "utterances") as show:
        found = verb.evaluate(plan, show, _warn)
    if as_json:
        source = {"manifest": str(manifest), "split": split}
        reports = [{**source, **report(each)} for each in found]
        print(json.dumps(reports if matrix else reports[0]), flush=True)
    else:
        lines = [*matrix_table(found), ""] if matrix else table(found[0])
        print("\n".join(lines), flush=True)
    for file in verb.draw_and_write(plan, found):
        print(f"vau: written: {file}", file=sys.stderr)


@app.command(cls=Verb)
def verify(
    context: typer.Context,
    *,
    recording: files.Recording,
    transcript: files.Transcript = None,
    digest: measuring.Digest = "",
    tier: measuring.Tier = "all",
    model: engines.ReplayedModel = "",
    backend: engines.ReplayedBackend = "",
    channel: files.Channel = "mix",
    as_json: flags.Json = False,
    _config: flags.Config = None,
) -> int:
    """Replay a recording, and say whether it still gives the bits of its transcript.

    On every tier that computes them on this machine. Before bits it compares model, array and
    input, and names the first that differs. An npz of --logits beside the transcript tells
    where.
    """
    from vau.commands.verify import plan as verb
    from vau.commands.verify.claim import claim_of

    claim = claim_of(transcript, digest)
    given = {"model": model, "backend": backend}
    plan = verb.VerifyPlan(
        recording=recording,
        claim=claim,
        **engines.replayed(context, given, {"model": claim.model, "backend": claim.backend}),
        tier=tier,
        channel=channel,
    )
    verdict = verb.verify(plan, None if as_json else partial(print, flush=True))
    print(json.dumps(verdict.facts()) if as_json else verdict.text(), flush=True)
    return DONE if verdict.difference is None else SOME_FAILED


@app.command(cls=Verb)
def compare(
    context: typer.Context,
    *,
    files: files.Files,
    backends: measuring.ComparedBackends,
    manifest: measuring.KnownLabels = None,
    model: engines.Model = flags.DEFAULT_MODEL,
    channel: files.Channel = "mix",
    decoder: engines.Decoder = "viterbi",
    chunk_ms: measuring.CallMs = 100,
    tolerance: measuring.Tolerance = 0.1,
    strict: measuring.Strict = False,
    plot: measuring.Plot = None,
    plot_file: measuring.PlotFile = None,
    as_json: flags.Json = False,
    _config: flags.Config = None,
) -> int:
    """Let several accelerators hear the same files, and say where they part.

    Phones, error rates, posteriors frame by frame, and what a frame takes of time and energy.
    A file that cannot be read is reported, and the others go on.
    """
    from vau.commands.compare import plan as verb
    from vau.commands.compare.report import report
    from vau.commands.compare.table import table
    from vau.commands.display import progress

    plan = verb.ComparePlan(
        files=tuple(files),
        backends=backends,
        model=model,
        manifest=manifest,
        channel=channel,
        decoder=decoder,
        chunk_ms=chunk_ms,
        tolerance=tolerance,
        plot=plot,
        plot_file=plot_file,
    )
    statuses: list[int] = []
    with progress(Console(stderr=True), "s of audio") as show:
        found = verb.compare(
            plan,
            show,
            _warn,
            lambda error, file: statuses.append(_complain(error, file, context)),
        )
    if not found.files:
        return statuses[0]
    print(json.dumps(report(found)) if as_json else "\n".join(table(found)), flush=True)
    for file in verb.draw_and_write(plan, found):
        print(f"vau: written: {file}", file=sys.stderr)
    return SOME_FAILED if statuses or (strict and found.is_beyond) else DONE


@app.command(cls=Verb)
def estimate(
    context: typer.Context,
    *,
    layers: estimating.Layers = None,
    hidden: estimating.Hidden = None,
    inputs: estimating.Inputs = 123,
    model: engines.Model = "",
    backend: estimating.EstimatedBackends = [flags.DEFAULT_BACKEND],  # noqa: B006 - typer copies it
    array: estimating.Array = "",
    clock_mhz: estimating.ClockMhz = None,
    operating_point: estimating.OperatingPoint = "",
    streams: estimating.Streams = 1,
    dies: estimating.Dies = None,
    reload: estimating.Reload = "parallel",
    chunk_frames: estimating.ChunkFrames = 1,
    resident: estimating.Resident = None,
    dram_gbps: estimating.DramGbps = None,
    reuse_credit: estimating.ReuseCredit = False,
    kernel: estimating.Kernel = None,
    constants: estimating.Constants = False,
    sweep: estimating.Sweep = None,
    timeline: estimating.Timeline = None,
    frames: estimating.Frames = 3,
    as_json: flags.Json = False,
    _config: flags.Config = None,
) -> None:
    """Estimate what a network would cost on an accelerator, without any audio.

    Silicon, memory, cycles, latency, energy, live streams and the 10 ms deadline; each figure
    says on what it rests. Without --layers and --hidden it takes the shape of a model.
    """
    from vau.commands.estimate import plan as verb
    from vau.estimate import Ask, KernelAsk

    asked = [verb.named(each) for each in backend]
    clock_hz = verb.unprefixed(clock_mhz, 6)
    if constants:
        print(verb.constants_text(verb.only(asked, "constants")[0], as_json=as_json))
        return
    if kernel:
        estimating.refuse_beside_kernel(context)
        estimator, instance = verb.only(asked, "kernel")
        dense = KernelAsk(kernel=kernel, instance=instance, clock_hz=clock_hz)
        print(verb.kernel_text(estimator, dense, as_json=as_json))
        return
    outputs = verb.Outputs(sweep=sweep, timeline=timeline, frames=frames, as_json=as_json)
    name, (layers, hidden) = estimating.shape(context, model, (layers, hidden))
    ask = Ask(
        network=verb.network_of(layers, hidden, inputs, name),
        clock_hz=clock_hz,
        operating_point=operating_point,
        streams=streams,
        dies=dies,
        reload=reload,
        chunk_frames=chunk_frames,
        residency=None if resident is None else "resident" if resident else "streamed",
        dram_bytes_per_s=verb.unprefixed(dram_gbps, 9),
        reuse_credit=reuse_credit,
    )
    asks = [
        (estimator, replace(ask, instance=array or instance)) for estimator, instance in asked
    ]
    verb.answer(asks, outputs, partial(print, flush=True))
    for file in outputs.files:
        print(f"vau: written: {file}", file=sys.stderr)


@app.command(cls=Verb)
def features(
    *,
    file: files.File,
    out: files.FeatureOut,
    kind: files.FeatureKind = "fbank",
    channel: files.Channel = "mix",
    _config: flags.Config = None,
) -> None:
    """Write the features of a file into an npz, as a model would get them."""
    from vau.commands.features import write_features

    frames, width = write_features(file, out, kind, channel)
    print(f"{out}: {frames} frames of {width} features")


@app.command(cls=Verb)
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
        with Client(server, access=_access(context)) as client:
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


@app.command(cls=Verb)
def demo(
    context: typer.Context,
    *,
    file: files.MaybeFile = None,
    model: engines.Model = flags.DEFAULT_MODEL,
    backend: engines.Backend = flags.DEFAULT_BACKEND,
    chunk_ms: asking.ChunkMs = 20,
    pace: asking.Pace = True,
    as_json: flags.Json = False,
    _config: flags.Config = None,
) -> None:
    """Show it all: a server, a voice, what is heard and its cost.

    Without FILE it takes a recording of Debian's pocketsphinx-testdata. A board is shown with
    munt-1x192, unless another model is named.
    """
    from vau.commands import demo as verb
    from vau.commands.clip import default_clip
    from vau.commands.display import drawn

    if not flags.is_given(context, "model"):
        model = verb.network_for(backend) or model
    options = verb.DemoOptions(
        file=file or default_clip(),
        model=model,
        backend=backend,
        chunk_ms=chunk_ms,
        pace=pace,
    )
    console = Console(stderr=as_json)
    tell = None if as_json or console.is_terminal else partial(print, flush=True)
    shown = verb.Demo(options, tell)
    with drawn(shown.monitor, str(options.file), console):
        shown.run()
    for notice in shown.notices:
        _warn(notice)
    print(json.dumps(shown.report()) if as_json else shown.text())


@app.command(cls=Verb)
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


bench = typer.Typer(
    help="Measure how fast it is, on this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(bench, name="bench")


@bench.command("serve", cls=Verb)
def bench_serve(
    context: typer.Context,
    *,
    ids: measuring.ShadowIds = None,
    shadow: measuring.CompareShadows = False,
    file: measuring.LoadFile = None,
    server: asking.LoadServer = "",
    _tls: door.Tls = False,
    _tls_ca: door.TlsCa = None,
    _tls_cert: door.TlsCert = None,
    _tls_key: door.TlsKey = None,
    _token_file: door.TokenFile = None,
    model: engines.Model = "",
    backend: engines.Backend = "",
    streams: measuring.LoadStreams = "auto",
    chunk_ms: asking.ChunkMs = 100,
    duration: measuring.Duration = None,
    seed: measuring.Seed = 0,
    peer_command: measuring.PeerCommand = "",
    as_json: flags.Json = False,
    _config: flags.Config = None,
) -> None:
    """Measure how many live streams a server carries, and how late it answers them.

    Latency counts from when a chunk was due to when all of it was answered. With --shadow it
    measures two servers in turns, of which one has shadows. Without a FILE as vau demo.
    """
    from vau.commands.bench import compared, compared_report, compared_text, report, text
    from vau.commands.bench import serve as verb
    from vau.commands.bench.plan import BenchPlan, default_duration_s
    from vau.commands.clip import default_clip

    if ids and not shadow:
        raise typer.BadParameter(f"{ids[0]} is a shadow: say --shadow before it")
    plan = BenchPlan(
        file=file or default_clip(),
        server=server,
        access=_access(context),
        **engines.engine(context, model, backend),
        streams=streams,
        chunk_ms=chunk_ms,
        duration_s=duration or default_duration_s(shadow),
        seed=seed,
        shadows=tuple(ids or flags.DEFAULT_SHADOWS) if shadow else (),
        peer_command=peer_command,
    )
    _remark_passed_over(context)
    tell = partial(print, file=sys.stderr, flush=True)
    if shadow:
        figures = compared_report.report(compared.bench(plan, tell))
        words = compared_text.text(figures)
    else:
        figures = report.report(verb.bench(plan, tell))
        words = text.text(figures)
    print(json.dumps(figures) if as_json else words, flush=True)


boards_group = typer.Typer(
    help="Boards of dies: what is plugged in, virtual ones, and their tests.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(boards_group, name="board")


def _tell(text: str) -> None:
    print(f"vau: {text}", file=sys.stderr, flush=True)


def _show(finding: "Finding", as_json: bool) -> int:
    """Print what was found out about boards; return the exit status."""
    print(json.dumps(finding.facts) if as_json else "\n".join(finding.lines), flush=True)
    return DONE if finding.is_good else SOME_FAILED


@boards_group.command("list", cls=Verb)
def board_list(*, as_json: flags.Json = False, _config: flags.Config = None) -> int:
    """List the boards in VAU_BOARDS and on USB, by their serial numbers."""
    from vau.boards import boards

    return _show(boards().sightings(), as_json)


@boards_group.command("serve", cls=Verb)
def board_serve(
    *,
    array: boarding.Array = "2x2",
    listen: boarding.Listen = "127.0.0.1:0",
    serial: boarding.Serial = 1,
    _config: flags.Config = None,
) -> None:
    """Simulate the RTL of a board and serve it, until SIGTERM or SIGINT.

    The first time it is built, which takes Verilator, a C++ compiler and some minutes.
    """
    from vau.boards import boards

    boards().serve(array, listen, serial)


@boards_group.command("check", cls=Verb)
def board_check(
    *,
    url: boarding.Url,
    model: boarding.Model = "",
    steps: boarding.Steps = 50,
    seed: boarding.Seed = 0,
    as_json: flags.Json = False,
    _config: flags.Config = None,
) -> int:
    """Go through all that a board has to do: INFO, load, checksums, known answers, steps."""
    from vau.boards import Bench, boards

    bench = Bench(board=url, model=model, count=steps, seed=seed)
    return _show(boards().check(bench, _tell), as_json)


@boards_group.command("selftest", cls=Verb)
def board_selftest(
    *,
    array: boarding.Array = "2x2",
    board: boarding.Board = "",
    model: boarding.Model = "",
    steps: boarding.Steps = 1000,
    seed: boarding.Seed = 0,
    as_json: flags.Json = False,
    _config: flags.Config = None,
) -> int:
    """Step a board and the reference side by side: bits, cycles and saturations."""
    from vau.boards import Bench, boards

    bench = Bench(board=board or f"virtual:{array}", model=model, count=steps, seed=seed)
    return _show(boards().selftest(bench, _tell), as_json)


@boards_group.command("chaos", cls=Verb)
def board_chaos(
    *,
    array: boarding.Array = "2x2",
    board: boarding.Board = "",
    model: boarding.Model = "",
    faults: boarding.Faults = 10_000,
    slow: boarding.Slow = 20,
    seed: boarding.Seed = 1,
    as_json: flags.Json = False,
    _config: flags.Config = None,
) -> int:
    """Let everything go wrong between driver and board: never a wrong bit, never a hang."""
    from vau.boards import Bench, boards

    bench = Bench(
        board=board or f"virtual:{array}",
        model=model,
        count=faults,
        seed=seed,
        slow_each=slow,
    )
    return _show(boards().chaos(bench, _tell), as_json)


if __name__ == "__main__":
    sys.exit(main())
