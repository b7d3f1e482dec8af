"""Verbs that find figures: ``evaluate``, ``estimate`` and ``bench serve``."""

import json
import sys
from dataclasses import replace
from functools import partial

import typer
from rich.console import Console

from vau.commands import flags
from vau.commands.flags import asking, door, engines, estimating, files, measuring
from vau.verbs.outcome import warn, written
from vau.verbs.reach import access_of, remark_passed_over


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
        access=access_of(context),
        decoder=decoder,
        jobs=jobs or core_count(),
        conditions=MATRIX if matrix else (condition,),
        peers=tuple(peer),
        plots=plots,
        page=page,
    )
    remark_passed_over(context)
    with progress(Console(stderr=True), "utterances") as show:
        found = verb.evaluate(plan, show, warn)
    if as_json:
        source = {"manifest": str(manifest), "split": split}
        reports = [{**source, **report(each)} for each in found]
        print(json.dumps(reports if matrix else reports[0]), flush=True)
    else:
        lines = [*matrix_table(found), ""] if matrix else table(found[0])
        print("\n".join(lines), flush=True)
    for file in verb.draw_and_write(plan, found):
        written(file)


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
        written(file)


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
        access=access_of(context),
        **engines.engine(context, model, backend),
        streams=streams,
        chunk_ms=chunk_ms,
        duration_s=duration or default_duration_s(shadow),
        seed=seed,
        shadows=tuple(ids or flags.DEFAULT_SHADOWS) if shadow else (),
        peer_command=peer_command,
    )
    remark_passed_over(context)
    tell = partial(print, file=sys.stderr, flush=True)
    if shadow:
        figures = compared_report.report(compared.bench(plan, tell))
        words = compared_text.text(figures)
    else:
        figures = report.report(verb.bench(plan, tell))
        words = text.text(figures)
    print(json.dumps(figures) if as_json else words, flush=True)
