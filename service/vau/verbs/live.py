"""Verbs that hear a voice as it comes: ``stream`` and ``demo``."""

import json
from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from vau.commands import flags
from vau.commands.flags import asking, door, engines, files
from vau.verbs.outcome import warn
from vau.verbs.reach import access_of, remark_passed_over


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
    from vau.transcripts import Output

    files.check_output(context, out, formats, logits=logits)
    options = verb.StreamOptions(
        server=server,
        access=access_of(context),
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
    remark_passed_over(context)
    verb.stream(options, partial(print, flush=True), warn)


def demo(
    context: typer.Context,
    *,
    file: files.Voice = None,
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
        warn(notice)
    print(json.dumps(shown.report()) if as_json else shown.text())
