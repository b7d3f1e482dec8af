"""Flags of ``vau estimate``: networks, arrays, clocks and what to draw of them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from vau.commands.flags import DEFAULT_MODEL, flag, is_typed


def shape(
    context: typer.Context, model: str, numbers: tuple[int | None, ...]
) -> tuple[str, tuple[int | None, ...]]:
    """Return the model, or the numbers of a network, of a command that takes one or the other.

    numbers:  layers and hidden units; None is not given.
    Raises    BadParameter if both stand on the command line. Else the model of environment
              and file gives way to numbers, and numbers from there to a model that is typed.
    """
    names = ("layers", "hidden")
    typed = [name for name in names if is_typed(context, name)]
    if is_typed(context, "model"):
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
        if is_typed(context, name):
            raise typer.BadParameter(
                f"--kernel is no network, and --{name.replace('_', '-')} is about one; leave "
                "out one of them"
            )


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
