"""How a verb comes to the server that it asks."""

from typing import TYPE_CHECKING

import typer

from vau.commands.flags import engines
from vau.verbs.outcome import warn

if TYPE_CHECKING:
    from vau.client import Access


def access_of(context: typer.Context) -> "Access":
    """Return how a command is to come to its server, if it has one."""
    from vau.client import Access

    if not context.params["server"]:  # what the environment says is about another server
        return Access()
    names = ("tls", "tls_ca", "tls_cert", "tls_key", "token_file")
    return Access(**{name: context.params[f"_{name}"] for name in names})


def remark_passed_over(context: typer.Context) -> None:
    """Say which settings of environment and file a server does not hear of."""
    for text in engines.passed_over(context):
        warn(text)
