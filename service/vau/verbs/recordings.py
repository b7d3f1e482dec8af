"""Verbs that take files: ``transcribe``, ``verify``, ``compare``, ``plot`` and ``features``."""

import json
import os
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Final

import typer
from rich.console import Console

from vau.commands import flags
from vau.commands.flags import asking, door, engines, files, measuring
from vau.verbs.outcome import DONE, SOME_FAILED, complain, inform, warn, written
from vau.verbs.reach import access_of, remark_passed_over

STOPPING: Final = b"vau: the files under way are finished; again to stop at once\n"


def transcribe(
    context: typer.Context,
    *,
    paths: files.Paths = [],  # noqa: B006
    manifest: files.Listed = None,
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
    channel: files.Channel = "mix",
    decoder: engines.Decoder = "viterbi",
    out: files.Place = None,
    formats: files.Formats = "jsonl",
    logits: files.Logits = False,
    resume: files.Resumed = False,
    strict: files.Strict = False,
    progress: files.ShownProgress = "bar",
    engine: engines.Carrier = "local",
    address: engines.Address = "",
    jobs: engines.JobsOfEngine = None,
    batch_size: engines.BatchSize = None,
    _config: flags.Config = None,
) -> int:
    """Turn recordings into phonemes or posteriors: files, folders, a list or a manifest.

    Without --out, prints each path and its phonemes with a tab between; with it, what became
    of all. A file that cannot be read is reported, and the others go on.
    """
    from vau.commands import display
    from vau.commands.transcribe import items as which
    from vau.commands.transcribe.plan import Result, TranscribePlan
    from vau.commands.transcribe.progress import JsonProgress
    from vau.commands.transcribe.run import transcribe_all
    from vau.commands.transcribe.totals import Totals
    from vau.processes import core_count, stopping_on_interrupt
    from vau.transcripts import Output

    files.check_output(context, out, formats, logits=logits)
    files.check_resumed(out, resume=resume)
    engines.check_carrier(context, out, formats)
    manifest = files.listed_in(context, paths, manifest)
    plan = TranscribePlan(
        **engines.engine(context, model, backend),
        server=server,
        access=access_of(context),
        engine=engine,
        address=address,
        jobs=jobs or (0 if address and engine == "ray" else core_count()),
        batch_size=batch_size,
        channel=channel,
        decoder=decoder,
        logits=logits,
        output=None if out is None else Output(files.folder_of(out), formats),
        url=out if isinstance(out, str) else "",
        resume=resume,
        strict=strict,
    )
    remark_passed_over(context)
    totals, started_s = Totals(), perf_counter()
    listed = which.paths_of(paths, sys.stdin.buffer)
    items = which.find_items(listed, manifest, warn, split=split, limit=limit)
    lines = JsonProgress(partial(print, file=sys.stderr, flush=True), len(items))
    bar = display.progress(Console(stderr=True), "s of audio")
    with (
        bar if progress == "bar" else nullcontext(lines.on_audio) as show,
        stopping_on_interrupt(partial(os.write, 2, STOPPING)) as stopping,
    ):
        tell = partial(print, file=sys.stdout, flush=True)  # Ray may not have it, we do

        def count(outcome: Result) -> None:
            totals.add(outcome)
            if progress == "jsonl":
                lines.on_file(outcome)

        object_to = partial(complain, context=context)
        statuses = transcribe_all(
            items, plan, show, tell, object_to, warn=warn, count=count, stopping=stopping
        )
    if out is not None:
        for line in totals.lines(perf_counter() - started_s):
            inform(line)
    if len(statuses) < len(items) and stopping():
        inform(f"interrupted, {len(items) - len(statuses)} of {len(items)} files not begun")
        raise KeyboardInterrupt
    if strict:
        return statuses[-1]
    if DONE in statuses:
        return SOME_FAILED if any(statuses) else DONE
    return statuses[0]


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
            warn,
            lambda error, file: statuses.append(complain(error, file, context)),
        )
    if not found.files:
        return statuses[0]
    print(json.dumps(report(found)) if as_json else "\n".join(table(found)), flush=True)
    for file in verb.draw_and_write(plan, found):
        written(file)
    return SOME_FAILED if statuses or (strict and found.is_beyond) else DONE


def plot(
    *,
    file: files.File,
    out: files.PictureOut = None,
    from_s: files.DrawnFrom = 0.0,
    to_s: files.DrawnTo = None,
    model: engines.Model = flags.DEFAULT_MODEL,
    backend: engines.Backend = flags.DEFAULT_BACKEND,
    channel: files.Channel = "mix",
    decoder: engines.Decoder = "viterbi",
    chunk_ms: measuring.CallMs = 100,
    _config: flags.Config = None,
) -> None:
    """Draw a recording: its sound, posteriors, phones, and the energy of each frame.

    All of it is heard, whatever part is drawn.
    """
    from vau.commands.display import progress
    from vau.commands.plot import plan as verb

    plan = verb.PlotPlan(
        file=file,
        out=out or Path(f"{file.name}.png"),
        from_s=from_s,
        to_s=to_s,
        model=model,
        backend=backend,
        channel=channel,
        decoder=decoder,
        chunk_ms=chunk_ms,
    )
    with progress(Console(stderr=True), "s of audio") as show:
        verb.plot(plan, show)
    written(plan.out)


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
