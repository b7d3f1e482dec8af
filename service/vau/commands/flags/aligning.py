"""Flags and arguments of the verb that aligns what is known to be said."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from vau.commands.flags import flag
from vau.commands.flags.files import check_of_manifest, formats_among

FORMATS: Final = ("jsonl", "textgrid", "ctm", "audacity")

WAYS: Final = {
    "said": "SAID",
    "phones": "--phones",
    "text": "--text",
    "text_file": "--text-file",
}
"""To say what is said in one recording."""

OF_A_MANIFEST: Final = ("column", "split", "limit", "labels")


def check_given(context: typer.Context, file: Path | None, manifest: Path | None) -> None:
    """Raise BadParameter unless one recording is given with what is said in it, or many."""
    if file is not None and manifest is not None:
        raise typer.BadParameter("--manifest: names the recordings; leave out FILE")
    if file is None and manifest is None:
        raise typer.BadParameter(
            "FILE: name a recording and what is said in it, or a --manifest of many"
        )
    (_check_one if manifest is None else _check_many)(context)


def _check_one(context: typer.Context) -> None:
    """Raise BadParameter if it is not said, or said twice, what is said in one recording."""
    given = [how for name, how in WAYS.items() if context.params[name] is not None]
    if len(given) != 1:
        raise typer.BadParameter(
            f"{' and '.join(given)} say twice what is said; leave out all but one"
            if given
            else "SAID: what is said in it? name it behind FILE, as phones or text"
        )
    check_of_manifest(context, OF_A_MANIFEST)


def _check_many(context: typer.Context) -> None:
    """Raise BadParameter for a manifest of which nothing would come, or beside SAID."""
    for name, how in WAYS.items():
        if context.params[name] is not None:
            raise typer.BadParameter(
                f"{how}: the --manifest says what is said; leave out one of them"
            )
    if not any(context.params[name] for name in ("out", "labels", "as_json")):
        raise typer.BadParameter(
            "--out: of a --manifest nothing is shown but figures; name a folder for the "
            "alignments, or --labels to measure against, or --json"
        )


MaybeFile = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="Audio file.", show_default=False)
]
Said = Annotated[
    str | None,
    typer.Argument(
        metavar="SAID",
        help="What is said in it: phones if each word is a phone of the model in upper case "
        '("HH AH L OW"), or else text.',
        show_default=False,
    ),
]
Phones = Annotated[
    str | None, flag("--phones", "What is said, as phones.", metavar="PHONES", elsewhere=False)
]
Text = Annotated[
    str | None, flag("--text", "What is said, as text.", metavar="TEXT", elsewhere=False)
]
TextFile = Annotated[
    Path | None,
    flag("--text-file", "What is said, as text in a file.", metavar="TXT", elsewhere=False),
]
Lexicon = Annotated[
    Path | None,
    flag(
        "--lexicon",
        "How words are said, as in CMUdict; goes before the dictionary.",
        metavar="FILE",
    ),
]
Manifest = Annotated[
    Path | None,
    flag(
        "--manifest",
        "Align all of a TSV or JSONL with the columns utt, path, and phones or text.",
        metavar="TSV|JSONL",
    ),
]
Column = Annotated[
    Literal["phones", "text"] | None,
    flag(
        "--column",
        "Which of them says what is said.",
        show_default="phones if it has them",
    ),
]
Labels = Annotated[
    Path | None,
    flag(
        "--labels",
        "Measure against these: utt TAB PHONE:frames ..., frames of 10 ms.",
        metavar="TSV",
    ),
]
Out = Annotated[Path | None, flag("--out", "Write alignments into this folder.", metavar="DIR")]
Formats = Annotated[
    Any,
    flag(
        "--format",
        "What to write: jsonl, textgrid, ctm, audacity.",
        parser=partial(formats_among, FORMATS),
        metavar="FORMAT,...",
        elsewhere=False,  # there it names formats of transcripts
    ),
]
