"""Flags that say what computes: models, backends, the search for phonemes."""

import json
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from vau.commands.flags import (
    DEFAULT_BACKEND,
    DEFAULT_MODEL,
    SETTINGS,
    flag,
    is_typed,
    variable,
)


def engine(context: typer.Context, model: str, backend: str) -> dict[str, str]:
    """Return the model and backend of a command that may use a server.

    On a server only the command line names them, and empty means the server's first: the
    environment and the file say what to take on this machine, where empty has its default.
    """
    if not context.params["server"]:
        return {"model": model or DEFAULT_MODEL, "backend": backend or DEFAULT_BACKEND}
    return {
        name: value if is_typed(context, name) else ""
        for name, value in (("model", model), ("backend", backend))
    }


def passed_over(context: typer.Context) -> Iterator[str]:
    """Yield what environment and file say of model and backend, if a server is not to hear it.

    Each as a sentence: whoever set it may have meant the server.
    """
    if not context.params["server"]:
        return
    file, settings = context.params["_config"], context.meta.get(SETTINGS, {})
    for name in ("model", "backend"):
        if is_typed(context, name):
            continue
        value = os.environ.get(variable(name), "")
        if value:
            given = f"{variable(name)}={shlex.quote(value)}"
        elif name in settings:
            given = f"{name} = {json.dumps(settings[name], default=str)} in {file}"
        else:
            continue
        yield (
            f"{given} is about this machine: the server takes its first {name}, unless "
            f"--{name} is typed"
        )


def replayed(
    context: typer.Context, given: dict[str, str], claimed: dict[str, str]
) -> dict[str, str]:
    """Return the model and backend of a command that does again what a transcript tells of.

    given, claimed: by name. The transcript's own means go before what environment and file
                    say of this machine, and the command line before all of them.
    """
    default = {"model": DEFAULT_MODEL, "backend": DEFAULT_BACKEND}
    return {
        name: (value if is_typed(context, name) else claimed[name] or value) or default[name]
        for name, value in given.items()
    }


def _jobs(what: str) -> Any:  # noqa: ANN401
    return flag("--jobs", what, min=1, metavar="N", show_default="one per core")


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
FallbackBackends = Annotated[
    list[str],
    flag(
        "--fallback-backend",
        "One that may take over when that fails; same-kind and any are all such. Repeatable.",
        metavar="ID",
        show_default=False,
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
Decoder = Annotated[
    Literal["viterbi", "greedy"],
    flag("--decoder", "A search, or the best phoneme of each frame."),
]
Jobs = Annotated[int | None, _jobs("Processes here, or streams at a time on a server.")]
JobsOfEngine = Annotated[
    int | None, _jobs("Processes here, workers of Ray, or streams at a time on a server.")
]
BatchSize = Annotated[
    int | None,
    flag(
        "--batch-size",
        "Recordings side by side in each process or worker: more are faster, but all of them "
        "are heard anew after a crash.",
        min=1,
        metavar="N",
        show_default="up to 16",
    ),
]
Carrier = Annotated[
    Literal["local", "ray"],
    flag("--engine", "What carries the work: processes here, or workers of Ray (docs/ray.md)."),
]
Address = Annotated[
    str,
    flag(
        "--address",
        "A cluster of Ray, of which this machine is a node; without it, one is started here.",
        metavar="HOST:PORT",
        show_default=False,
    ),
]


def check_carrier(
    context: typer.Context, out: Path | str | None, formats: Sequence[str]
) -> None:
    """Raise BadParameter for what only one engine does, and another was chosen."""
    is_ray = context.params["engine"] == "ray"
    if is_ray and context.params["server"]:
        raise typer.BadParameter(
            "--engine: with --server the server computes; leave out one of them"
        )
    if context.params["server"] and is_typed(context, "batch_size"):
        raise typer.BadParameter(
            "--batch-size: with --server the server batches; leave it out, --jobs says how "
            "many streams"
        )
    if context.params["address"] and not is_ray and is_typed(context, "address"):
        raise typer.BadParameter("--address: is that of a cluster of Ray; add --engine ray")
    if is_ray and context.params["address"].startswith("ray://"):
        raise typer.BadParameter(
            "--address: ray:// is from outside the cluster; run this on one of its nodes with "
            "HOST:PORT, for example by 'ray job submit'"
        )
    if not isinstance(out, str):
        return
    if not is_ray:
        raise typer.BadParameter(
            f"--out: {out} is no folder of this machine; add --engine ray, or write into a "
            "folder and copy it"
        )
    if "kaldi" in formats:
        raise typer.BadParameter(
            "--format: an index of Kaldi names a file of a folder, and --out is an address; "
            "leave out kaldi"
        )
