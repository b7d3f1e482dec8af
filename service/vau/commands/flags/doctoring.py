"""Flags of ``vau doctor``."""

from typing import Annotated

from vau.commands.flags import flag

ServerToo = Annotated[
    str,
    flag(
        "--server",
        "Look at this server as well; --tls-cert and --tls-key are then shown to it.",
        metavar="HOST:PORT",
    ),
]
Quick = Annotated[bool, flag("--quick", "Leave out what takes seconds: nothing is measured.")]
