"""The flags that several commands share, and the two other ways to give one.

``--max-streams`` is VAU_MAX_STREAMS in the environment and ``max-streams`` in the TOML file
of ``--config``, in every command that has it. The command line goes before the environment,
that before the file. Neither of them names a server's models or backends: there they would
mean something else than on this machine.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

DEFAULT_MODEL: Final = "munt-3x384"
DEFAULT_BACKEND: Final = "muntaniala"
DEFAULT_SERVER: Final = "127.0.0.1:50051"
DEFAULT_SHADOWS: Final = ("rpu",)


def flag(name: str, help_text: str, **more: Any) -> Any:  # noqa: ANN401 - so is typer.Option
    """Return an option with its environment variable; ``negative`` names its opposite."""
    negative = more.pop("negative", "")
    names = (name, negative) if negative else (name,)
    declared = ("/".join(names),)
    envvar = variable(name) if more.pop("elsewhere", True) else None
    return typer.Option(*declared, envvar=envvar, show_envvar=False, help=help_text, **more)


def engine(context: typer.Context, model: str, backend: str) -> dict[str, str]:
    """Return the model and backend of a command that may use a server.

    On a server only the command line names them, and empty means the server's first: the
    environment and the file say what to take on this machine, where empty has its default.
    """
    if not context.params["server"]:
        return {"model": model or DEFAULT_MODEL, "backend": backend or DEFAULT_BACKEND}
    return {
        name: value if _is_typed(context, name) else ""
        for name, value in (("model", model), ("backend", backend))
    }


def replayed(
    context: typer.Context, given: dict[str, str], claimed: dict[str, str]
) -> dict[str, str]:
    """Return the model and backend of a command that does again what a transcript tells of.

    given, claimed: by name. The transcript's own means go before what environment and file
                    say of this machine, and the command line before all of them.
    """
    default = {"model": DEFAULT_MODEL, "backend": DEFAULT_BACKEND}
    return {
        name: (value if _is_typed(context, name) else claimed[name] or value) or default[name]
        for name, value in given.items()
    }


def shape(
    context: typer.Context, model: str, numbers: tuple[int | None, ...]
) -> tuple[str, tuple[int | None, ...]]:
    """Return the model, or the numbers of a network, of a command that takes one or the other.

    numbers:  layers and hidden units; None is not given.
    Raises    BadParameter if both stand on the command line. Else the model of environment
              and file gives way to numbers, and numbers from there to a model that is typed.
    """
    names = ("layers", "hidden")
    typed = [name for name in names if _is_typed(context, name)]
    if _is_typed(context, "model"):
        if typed:
            raise typer.BadParameter(
                f"--model has its own shape, and --{typed[0]} is another; leave out one of them"
            )
        return model, (None, None)
    return model or DEFAULT_MODEL, numbers


def refuse_beside_kernel(context: typer.Context) -> None:
    """Raise BadParameter for a typed flag that means nothing to a kernel."""
    understood = {"kernel", "backend", "clock_mhz", "as_json", "_config"}
    for name in sorted(context.params.keys() - understood):
        if _is_typed(context, name):
            raise typer.BadParameter(
                f"--kernel is no network, and --{name.replace('_', '-')} is about one; leave "
                "out one of them"
            )


def _is_typed(context: typer.Context, name: str) -> bool:
    """Tell whether a flag stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def variable(name: str) -> str:
    """Return the environment variable of a flag: ``--chunk-ms`` is VAU_CHUNK_MS."""
    return "VAU_" + name.removeprefix("--").replace("-", "_").upper()


def _channel(text: str) -> int | str:
    if text == "mix":
        return text
    if text.isascii() and text.isdecimal() and int(text):
        return int(text)
    raise typer.BadParameter(f"{text!r} is neither a channel, the first is 1, nor 'mix'")


def _formats(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in ("jsonl", "npz"):
            raise typer.BadParameter(f"{name!r} is neither 'jsonl' nor 'npz'")
    return names


def _backend_ids(given: str | list[str]) -> tuple[str, ...]:
    text = given if isinstance(given, str) else ",".join(given)  # a list of a TOML file
    ids = tuple(name.strip() for name in text.split(","))
    if len(ids) < 2 or not all(ids):
        raise typer.BadParameter(
            f"{text!r} are not two backends or more, separated by commas; the first is the "
            "reference: muntaniala,float"
        )
    for name in ids:
        if ids.count(name) > 1:
            raise typer.BadParameter(f"{name!r} is there twice; name each backend once")
    return ids


def _stream_count(given: str | int) -> int | None:
    text = str(given)  # a number, from a file of settings
    if text == "auto":
        return None
    if text.isascii() and text.isdecimal() and int(text):
        return int(text)
    raise typer.BadParameter(f"{text!r} is neither a number of streams nor 'auto'")


def _load(context: typer.Context, file: Path | None) -> Path | None:
    """Take the values of a TOML file as the defaults of the command."""
    if file is None or context.resilient_parsing:
        return file
    try:
        with file.open("rb") as opened:
            values = tomllib.load(opened)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        reason = getattr(cause, "strerror", None) or cause
        raise typer.BadParameter(f"{file}: {reason}") from cause
    known = {name for command in _siblings(context) for name in _settings(command)}
    unknown = sorted(values.keys() - known)
    if unknown:
        raise typer.BadParameter(
            f"{file}: no flag is called {', '.join(unknown)}; "
            f"there are {', '.join(sorted(known))}"
        )
    context.default_map = {
        parameter.name: [values[name]] if _wants_list(parameter, values[name]) else values[name]
        for name, parameter in _settings(context.command).items()
        if name in values
    }
    return file


def _siblings(context: typer.Context) -> list[Any]:
    """Return all commands, those of groups too: one file may serve them all."""
    return list(_commands(context.find_root().command))


def _commands(command: Any) -> Iterator[Any]:  # noqa: ANN401 - typer does not export the type
    """Yield a command, or those of a group at any depth."""
    if not hasattr(command, "commands"):
        yield command
    for each in getattr(command, "commands", {}).values():
        yield from _commands(each)


def _wants_list(parameter: Any, value: object) -> bool:  # noqa: ANN401
    return parameter.multiple and not isinstance(value, list)


def _settings(command: Any) -> dict[str, Any]:  # noqa: ANN401 - typer does not export the type
    """Return the options of a command by their names in a file."""
    return {
        name.removeprefix("--"): parameter
        for parameter in command.params
        if parameter.param_type_name == "option" and parameter.envvar
        for name in parameter.opts[:1]
        if name != "--config"
    }


Config = Annotated[
    Path | None,
    flag(
        "--config",
        "TOML file with any of these flags, without their dashes.",
        is_eager=True,
        callback=_load,
        metavar="TOML",
    ),
]
Server = Annotated[
    str,
    flag("--server", "Send the audio to this server.", metavar="HOST:PORT"),
]
ServerToAsk = Annotated[
    str,
    flag("--server", "Ask this server, not this machine.", metavar="HOST:PORT"),
]
Model = Annotated[
    str,
    flag(
        "--model",
        "Shipped model, or the folder of one.",
        metavar="NAME|DIR",
        show_default=DEFAULT_MODEL,
    ),
]
Backend = Annotated[
    str,
    flag(
        "--backend",
        "Accelerator: see 'vau backends'.",
        metavar="KIND[:INSTANCE]",
        show_default=DEFAULT_BACKEND,
    ),
]
ServedModel = Annotated[
    str,
    flag(
        "--model",
        "One of the server's models.",
        metavar="NAME",
        show_default="its first",
        elsewhere=False,
    ),
]
ServedBackend = Annotated[
    str,
    flag(
        "--backend",
        "One of the server's backends.",
        metavar="ID",
        show_default="its first",
        elsewhere=False,
    ),
]
ReplayedModel = Annotated[
    str,
    flag(
        "--model",
        "Shipped model, or the folder of one.",
        metavar="NAME|DIR",
        show_default="the transcript's",
    ),
]
ReplayedBackend = Annotated[
    str,
    flag(
        "--backend",
        "Accelerator: see 'vau backends'.",
        metavar="KIND[:INSTANCE]",
        show_default="the transcript's",
    ),
]
Channel = Annotated[
    Any,
    flag(
        "--channel",
        "Which channel of a file to take, or the mean of all.",
        parser=_channel,
        metavar="N|mix",
    ),
]
Decoder = Annotated[
    Literal["viterbi", "greedy"],
    flag("--decoder", "A search, or the best phoneme of each frame."),
]
Jobs = Annotated[
    int | None,
    flag(
        "--jobs",
        "Processes here, or streams at a time on a server.",
        min=1,
        metavar="N",
        show_default="one per core",
    ),
]
Out = Annotated[
    Path | None, flag("--out", "Write transcripts into this folder.", metavar="DIR")
]
Formats = Annotated[
    Any,
    flag(
        "--format",
        "jsonl: phonemes with times. npz: posteriors.",
        parser=_formats,
        metavar="jsonl,npz",
    ),
]
Logits = Annotated[
    bool, flag("--logits", "Put exact integer logits into npz, not log posteriors.")
]
ComparedBackends = Annotated[
    Any,
    flag(
        "--backends",
        "Accelerators to compare, the first with each of the others.",
        parser=_backend_ids,
        metavar="ID,ID[,...]",
    ),
]
KnownLabels = Annotated[
    Path | None,
    flag(
        "--manifest", "What is said in the files, as for evaluate: gives a PER.", metavar="TSV"
    ),
]
Tolerance = Annotated[
    float,
    flag(
        "--tolerance",
        "Total variation beyond which a frame counts as apart; 0 is any difference.",
        metavar="0..1",
    ),
]
Strict = Annotated[bool, flag("--strict", "Exit with 1 if a frame is beyond the tolerance.")]
Plot = Annotated[
    Path | None,
    flag(
        "--plot",
        "Draw the file that differs most, with matplotlib, into a .png.",
        metavar="PNG",
    ),
]
PlotFile = Annotated[
    Path | None, flag("--plot-file", "Draw this one of the files.", metavar="FILE")
]
CallMs = Annotated[
    int,
    flag(
        "--chunk-ms",
        "Audio of one call to a backend, milliseconds.",
        min=1,
        max=2000,
        metavar="MS",
    ),
]
ChunkMs = Annotated[
    int,
    flag("--chunk-ms", "Audio in one message, milliseconds.", min=1, max=2000, metavar="MS"),
]
Pace = Annotated[
    bool,
    flag(
        "--pace",
        "Send as fast as someone speaks, or as fast as possible.",
        negative="--no-pace",
    ),
]
Json = Annotated[bool, flag("--json", "Write JSON for programs.")]
Listen = Annotated[
    str,
    flag("--listen", "Where gRPC listens; port 0 takes a free one.", metavar="HOST:PORT"),
]
MetricsListen = Annotated[
    str,
    flag("--metrics-listen", "Where Prometheus reads /metrics.", metavar="HOST:PORT"),
]
Models = Annotated[
    list[str],
    flag("--model", "Shipped model, or the folder of one; repeatable.", metavar="NAME|DIR"),
]
Backends = Annotated[
    list[str],
    flag("--backend", "Accelerator to open; repeatable.", metavar="KIND[:INSTANCE]"),
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
    int, flag("--max-streams", "Streams at a time; more are refused.", min=1, metavar="N")
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
Keepalive = Annotated[
    float, flag("--keepalive", "Silence before a connection is tested.", metavar="SECONDS")
]
Build = Annotated[
    str, flag("--build", "What to call this build: a revision, an image.", metavar="TEXT")
]
Insecure = Annotated[bool, flag("--insecure", "Allow plaintext that other machines can reach.")]
Mic = Annotated[bool, flag("--mic", "Listen to a microphone; Ctrl-C ends it.")]
Device = Annotated[
    str, flag("--device", "Microphone, by number or part of its name.", metavar="NAME|N")
]
Manifest = Annotated[
    Path,
    flag(
        "--manifest",
        "TSV with the columns utt, path and phones; split, speaker, gender if it has them.",
        metavar="TSV",
    ),
]
Split = Annotated[str, flag("--split", "Only this split.", metavar="NAME", show_default="all")]
Limit = Annotated[int | None, flag("--limit", "Only the first utterances.", min=1, metavar="N")]
NoiseDb = Annotated[
    float | None, flag("--noise-db", "Add noise, so far below the speech.", metavar="DB")
]
Noise = Annotated[
    Literal["white", "pink"] | None,
    flag("--noise", "The colour of that noise.", show_default="white"),
]
Band = Annotated[
    int | None, flag("--band", "Take the audio through this sampling rate.", metavar="8000")
]
Clip = Annotated[
    float, flag("--clip", "Cut off this share of the samples, the largest.", metavar="SHARE")
]
GainDb = Annotated[float, flag("--gain-db", "Make it louder, or quieter.", metavar="DB")]
Matrix = Annotated[
    bool, flag("--matrix", "Try it clean, noisy, narrow, clipped and quiet; JSON is a list.")
]
Peers = Annotated[
    list[str],
    flag(
        "--peer",
        "Let this recogniser hear the same; repeatable.",
        metavar="pocketsphinx|hama",
        show_default=False,
    ),
]
Plots = Annotated[
    Path | None,
    flag("--plots", "Draw confusions and calibration as PNGs, with matplotlib.", metavar="DIR"),
]
Page = Annotated[
    Path | None,
    flag("--page", "Write the figures, drawn too, into this page.", metavar="MD"),
]
FeatureKind = Annotated[
    Literal["fbank", "mfcc"],
    flag("--kind", "Log-mel energies and log energy, or cepstra; with deltas."),
]
FeatureOut = Annotated[Path, flag("--out", "File to write.", metavar="NPZ")]
Layers = Annotated[
    int | None, flag("--layers", "Layers of the network, instead of --model.", metavar="N")
]
Hidden = Annotated[int | None, flag("--hidden", "Hidden units of each layer.", metavar="N")]
Inputs = Annotated[int, flag("--inputs", "Features of a frame.", metavar="N")]
Array = Annotated[
    str,
    flag(
        "--array",
        "Dies of each layer, rows x columns.",
        metavar="RxC",
        show_default="the least square that fits",
    ),
]
ClockMhz = Annotated[
    float | None,
    flag(
        "--clock-mhz",
        "Clock of the accelerator.",
        metavar="MHZ",
        show_default="10 of muntaniala, 498.504 of rpu",
    ),
]
OperatingPoint = Annotated[
    str,
    flag(
        "--operating-point",
        "Operating point of the dies, by its name in --constants.",
        metavar="NAME",
        show_default=False,
    ),
]
Streams = Annotated[
    int, flag("--streams", "Live streams at a time, of 100 frames a second.", metavar="N")
]
Dies = Annotated[
    int | None,
    flag(
        "--dies",
        "Dies there are; with too few the layers take turns.",
        metavar="N",
        show_default="as many as needed",
    ),
]
Reload = Annotated[
    Literal["parallel", "serial"],
    flag("--reload", "Then weights reach all dies at once, or one after the other."),
]
ChunkFrames = Annotated[
    int,
    flag("--chunk-frames", "Frames of each stream in one call, 16 at most: rpu.", metavar="T"),
]
Resident = Annotated[
    bool | None,
    flag(
        "--resident",
        "Weights are on the chip, or come from DRAM for each call: rpu.",
        negative="--streamed",
        show_default="streamed if one chip is too small",
    ),
]
DramGbps = Annotated[
    float | None,
    flag(
        "--dram-gbps",
        "Bandwidth of that DRAM, gigabytes a second: rpu.",
        metavar="GB/S",
        show_default="6.4",
    ),
]
ReuseCredit = Annotated[
    bool,
    flag(
        "--reuse-credit",
        "Charge banks once for a weight that serves a chunk, beyond the publication: rpu.",
    ),
]
Kernel = Annotated[
    Literal["dense"] | None,
    flag(
        "--kernel",
        "Estimate an endless matrix-vector product instead of a network: rpu.",
        show_default=False,
    ),
]
EstimatedBackends = Annotated[
    list[str],
    flag(
        "--backend",
        "Accelerator: muntaniala[:RxC] or rpu[:FORM]; repeatable, for one picture of several.",
        metavar="KIND[:INSTANCE]",
    ),
]
Frames = Annotated[
    int, flag("--frames", "Frames of the timeline; rpu plays whole calls.", min=1, metavar="N")
]
Sweep = Annotated[
    Path | None,
    flag(
        "--sweep",
        "Draw delay and energy of what else might be asked, with matplotlib.",
        metavar="PNG",
    ),
]
Timeline = Annotated[
    Path | None,
    flag(
        "--timeline",
        "Write what each part does when: text, Perfetto trace or picture.",
        metavar="TXT|JSON|PNG",
    ),
]
Constants = Annotated[
    bool, flag("--constants", "List every number behind the estimates, and stop.")
]
Digest = Annotated[
    str,
    flag(
        "--digest",
        "Compare with this output digest instead of a transcript.",
        metavar="HEX",
        show_default=False,
    ),
]
Tier = Annotated[
    str,
    flag(
        "--tier",
        "What computes it: amx, avx512, avx2, portable, numpy; reference, which is slow; or "
        "all but that.",
        metavar="NAME|all",
    ),
]
Transcript = Annotated[
    Path | None,
    typer.Argument(metavar="TRANSCRIPT", help="What --out wrote of it, as jsonl."),
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="Audio file.")]
Files = Annotated[list[Path], typer.Argument(metavar="FILES", help="Audio files.")]
Recording = Annotated[Path, typer.Argument(metavar="RECORDING", help="Audio file.")]
MaybeFile = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="Audio file with a voice.")
]
FileOrPipe = Annotated[
    str,
    typer.Argument(
        metavar="FILE|-", help="Audio file, or - for raw s16le 16 kHz mono on stdin."
    ),
]
Paths = Annotated[
    list[Path],
    typer.Argument(metavar="PATHS", help="Audio files, and folders at any depth."),
]
LoadFile = Annotated[
    Path | None,
    flag(
        "--file",
        "Speech to send, again and again.",
        metavar="FILE",
        show_default="as vau demo",
    ),
]
LoadServer = Annotated[
    str,
    flag(
        "--server",
        "Measure this server; without it, one that is started here.",
        metavar="HOST:PORT",
    ),
]
LoadStreams = Annotated[
    Any,
    flag(
        "--streams",
        "Streams at a time; auto takes half of what is sustained.",
        parser=_stream_count,
        metavar="N|auto",
    ),
]
Duration = Annotated[
    float,
    flag(
        "--duration",
        "Load on each side, in several runs; with --shadow, half of it if that decides.",
        min=1.0,
        metavar="SECONDS",
    ),
]
Seed = Annotated[int, flag("--seed", "Of where each stream begins.", min=0, metavar="N")]
CompareShadows = Annotated[
    bool,
    flag(
        "--shadow",
        "Measure with shadows and without, in turns.",
        elsewhere=False,  # of a server it names them: there the variable means something else
    ),
]
ShadowIds = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ID", help="Shadows of --shadow, as vau serve takes them; else rpu."
    ),
]
