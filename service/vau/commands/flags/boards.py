"""Flags of ``vau board``: which board, and what is to be done to it."""

from typing import Annotated

import typer

from vau.commands.flags import flag

Url = Annotated[
    str,
    typer.Argument(
        metavar="URL",
        help="tcp:HOST:PORT, serial:/dev/ttyUSB0, pty:PATH, virtual:2x2 or a serial number.",
        show_default=False,
    ),
]
Board = Annotated[
    str,
    flag(
        "--board",
        "A board that is there, and not a virtual one.",
        metavar="URL",
        elsewhere=False,
        show_default=False,
    ),
]
Array = Annotated[
    str, flag("--array", "Dies of a virtual board, rows first.", metavar="RxC", elsewhere=False)
]
Listen = Annotated[
    str,
    flag(
        "--listen",
        "Where it is served; port 0 takes a free one.",
        metavar="HOST:PORT|pty",
        elsewhere=False,
    ),
]
Serial = Annotated[
    int,
    flag(
        "--serial",
        "Serial number that it gives, which is shown in 16 hexadecimal digits.",
        min=0,
        max=2**64 - 1,
        metavar="N",
        elsewhere=False,
    ),
]
Model = Annotated[
    str,
    flag(
        "--model",
        "Network to load, if not the one that suits.",
        metavar="NAME|DIR",
        elsewhere=False,
        show_default=False,
    ),
]
Steps = Annotated[int, flag("--steps", "Steps to compare.", min=1, metavar="N")]
Faults = Annotated[int, flag("--faults", "Faults of bytes and frames.", min=1, metavar="N")]
Slow = Annotated[int, flag("--slow", "Faults of each kind that lasts.", min=0, metavar="N")]
Seed = Annotated[int, flag("--seed", "Of everything that is chance.", min=0, metavar="N")]
