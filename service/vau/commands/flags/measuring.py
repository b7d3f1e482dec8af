"""Flags of the verbs that measure: evaluate, compare, verify and bench."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from vau.commands.flags import flag
from vau.commands.flags.counts import stream_count


def _backend_ids(given: str | list[str]) -> tuple[str, ...]:
    text = given if isinstance(given, str) else ",".join(map(str, given))  # of a TOML file
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
        "--manifest",
        "What is said in the files, as for evaluate: gives a PER.",
        metavar="TSV|JSONL",
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
LoadFile = Annotated[
    Path | None,
    flag(
        "--file",
        "Speech to send, again and again.",
        metavar="FILE",
        show_default="as vau demo",
    ),
]
LoadStreams = Annotated[
    Any,
    flag(
        "--streams",
        "Streams at a time; auto: the most that are sustained, half of them with --shadow.",
        parser=stream_count,
        metavar="N|auto",
    ),
]
Duration = Annotated[
    float | None,
    flag(
        "--duration",
        "The load that is measured; with --shadow on each side, half of it if that decides.",
        min=1.0,
        metavar="SECONDS",
        show_default="30, or 240 with --shadow",
    ),
]
Seed = Annotated[int, flag("--seed", "Of where each stream begins.", min=0, metavar="N")]
PeerCommand = Annotated[
    str,
    flag(
        "--peer-command",
        "Start another server of speech.proto by this, and measure it in the same way.",
        metavar="COMMAND",
        show_default=False,
    ),
]
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
