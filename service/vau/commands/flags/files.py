"""Flags and arguments that name files, and what is in them."""

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote

import typer

from vau.commands.flags import flag, is_typed

FORMATS: Final = {
    "jsonl": "phonemes with times",
    "ctm": "for sclite",
    "textgrid": "for Praat",
    "audacity": "labels",
    "srt": "subtitles",
    "rttm": "speech",
    "npz": "posteriors",
    "kaldi": "posteriors as ark and scp",
}
"""What a transcript can be written in, and what of it."""


def _channel(given: str | int) -> int | str:
    text = str(given)  # a number, from a file of settings
    if text == "mix":
        return text
    if text.isascii() and text.isdecimal() and int(text):
        return int(text)
    raise typer.BadParameter(f"{text!r} is neither a channel, the first is 1, nor 'mix'")


def formats_among(known: Iterable[str], given: str | list[str]) -> tuple[str, ...]:
    """Return the formats that are named. Raises BadParameter for one that is not known."""
    text = given if isinstance(given, str) else ",".join(map(str, given))  # of a TOML file
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(known)}")
    return names


def _place(given: object) -> Path | str:
    """Return a folder of this machine, or the address of another."""
    if not isinstance(given, str):  # of a file of settings
        raise typer.BadParameter(f"{given!r} is neither a folder nor an address")
    if "://" not in given:
        return Path(given)
    if not given.startswith("file://"):
        return given
    path = unquote(given.removeprefix("file://").removeprefix("localhost"))
    if not path.startswith("/"):
        raise typer.BadParameter(f"{given!r} names another host; file:///folder is here")
    return Path(path)


def folder_of(place: Path | str) -> Path:
    """Return the folder; of an address one that takes nothing: nothing is to go there."""
    return place if isinstance(place, Path) else Path(os.devnull)


def check_output(
    context: typer.Context, out: Path | str | None, formats: tuple[str, ...], *, logits: bool
) -> None:
    """Raise BadParameter for what was typed and would be written nowhere.

    Environment and file may say it for other commands.
    """
    for name, option in (("formats", "--format"), ("logits", "--logits")):
        if out is None and is_typed(context, name):
            raise typer.BadParameter(
                f"{option}: says what --out writes, and there is no --out; add one, or leave "
                f"{option} out"
            )
    if logits and "npz" not in formats and is_typed(context, "logits"):
        raise typer.BadParameter(
            f"--logits: go into npz, and --format is {','.join(formats)}; "
            f"add --format {','.join(formats)},npz"
        )
    if out is not None and logits and "kaldi" in formats:
        raise typer.BadParameter(
            "--logits: takes the place of the log posteriors that --format kaldi needs; leave "
            "out one of them"
        )


def listed_in(context: typer.Context, paths: list[Path], manifest: Path | None) -> Path | None:
    """Return the manifest whose utterances stand behind ``paths``, if there is one.

    Raises BadParameter if nothing is named, or a part of a manifest that there is not.
    """
    if paths and not is_typed(context, "manifest"):
        manifest = None  # of an environment that speaks of other commands
    if not paths and manifest is None:
        raise typer.BadParameter(
            "PATHS: name files or folders, - for a list of them on stdin, or a --manifest"
        )
    if manifest is None:
        check_of_manifest(context, ("split", "limit"))
    return manifest


def check_of_manifest(context: typer.Context, names: Iterable[str]) -> None:
    """Raise BadParameter if one of these was typed, where there is no manifest."""
    for name in names:
        if is_typed(context, name):
            raise typer.BadParameter(f"--{name}: is of a --manifest, and there is none")


def check_resumed(out: Path | str | None, *, resume: bool) -> None:
    """Raise BadParameter for --resume where nothing was written."""
    if resume and out is None:
        raise typer.BadParameter("--resume: goes on with an --out, and there is none; add it")


Channel = Annotated[
    Any,
    flag(
        "--channel",
        "Which channel of a file to take, or the mean of all.",
        parser=_channel,
        metavar="N|mix",
    ),
]
Out = Annotated[
    Path | None, flag("--out", "Write transcripts into this folder.", metavar="DIR")
]
Place = Annotated[
    Any,
    flag(
        "--out",
        "Write transcripts into this folder; with --engine ray also s3://, gs:// and the like.",
        parser=_place,
        metavar="DIR|URL",
    ),
]
Formats = Annotated[
    Any,
    flag(
        "--format",
        ". ".join(f"{name}: {what}" for name, what in FORMATS.items()) + ".",
        parser=partial(formats_among, FORMATS),
        metavar="FORMAT,...",
    ),
]
Logits = Annotated[
    bool, flag("--logits", "Put exact integer logits into npz, not log posteriors.")
]
Resumed = Annotated[
    bool,
    flag(
        "--resume",
        "Leave alone what --out holds already, if recording, model and flags are the same.",
        negative="--no-resume",
        elsewhere=False,  # there it speaks of streams
    ),
]
ShownProgress = Annotated[
    Literal["none", "bar", "jsonl"],
    flag("--progress", "On stderr: a bar if that is a terminal, or JSON lines."),
]
Strict = Annotated[
    bool, flag("--strict", "Stop at the first file that cannot be read, with its status.")
]
Manifest = Annotated[
    Path,
    flag(
        "--manifest",
        "TSV or JSONL with the columns utt, path and phones; split, speaker, gender if it has "
        "them.",
        metavar="TSV|JSONL",
    ),
]
Listed = Annotated[
    Path | None,
    flag(
        "--manifest",
        "TSV or JSONL with the columns utt and path: utterances, each called as it says.",
        metavar="TSV|JSONL",
    ),
]
FeatureKind = Annotated[
    Literal["fbank", "mfcc"],
    flag("--kind", "Log-mel energies and log energy, or cepstra; with deltas."),
]
DrawnFrom = Annotated[
    float, flag("--from", "Draw the recording from here.", min=0.0, metavar="S")
]
DrawnTo = Annotated[
    float | None,
    flag("--to", "Draw it up to here.", min=0.0, metavar="S", show_default="its end"),
]
PictureOut = Annotated[
    Path | None,
    flag("--out", "File to write.", metavar="PNG", show_default="FILE.png, in this folder"),
]
FeatureOut = Annotated[Path, flag("--out", "File to write.", metavar="NPZ")]
Transcript = Annotated[
    Path | None,
    typer.Argument(metavar="TRANSCRIPT", help="What --out wrote of it, as jsonl."),
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="Audio file.")]
Files = Annotated[list[Path], typer.Argument(metavar="FILES", help="Audio files.")]
Recording = Annotated[Path, typer.Argument(metavar="RECORDING", help="Audio file.")]
Voice = Annotated[Path | None, typer.Argument(metavar="FILE", help="Audio file with a voice.")]
FileOrPipe = Annotated[
    str,
    typer.Argument(
        metavar="FILE|-", help="Audio file, or - for raw s16le 16 kHz mono on stdin."
    ),
]
Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="[PATHS|-]...",
        help='Audio files, folders at any depth, and patterns ("**/*.wav"); - for a list of '
        "them on stdin.",
        show_default=False,
    ),
]
