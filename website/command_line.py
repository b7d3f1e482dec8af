"""The reference of the command line: what typer knows of each verb.

``./run docs --write`` makes docs/reference/cli.md of it.
"""

import inspect
from collections.abc import Iterator
from typing import Any, Final

import typer.main

from vau.cli import EPILOG, app

HEAD: Final = """\
# Command line

Every verb of `vau`, as it tells of itself with `--help`: `./run docs --write` makes this page
of the code. A flag may be given on the command line, in the environment or in a file of
settings ([below](#settings)).

"""
SETTINGS: Final = """\
## Settings

The command line goes first, then the environment, then the file of `--config`, then the
default. The file is TOML: its keys are the flags of the verb without the two dashes, and a flag
that may be repeated takes a list.

```toml
# vau serve --config vau.toml
listen = "0.0.0.0:50051"
max-streams = "auto"
idle-timeout = 30.0
tls-cert = "cert.pem"
tls-key = "key.pem"
```

A key that the verb does not have is refused, and so is a value that cannot be meant, with the
file and the key in the message. Flags below without a variable are taken from the command line
alone.

Variables that belong to no flag: `VAU_KERNEL` forces a tier of the kernel
([README](../../README.md#without-a-compiler)), `VAU_BOARDS` lists boards
([boards.md](../boards.md)), `VAU_CACHE` is the folder where simulations of boards are kept once
they are compiled.

"""


def page() -> str:
    """Return the page."""
    group = typer.main.get_command(app)
    verbs = dict(_verbs(group))
    lines = [HEAD, "| verb | what it does |\n| --- | --- |\n"]
    for name, command in verbs.items():
        lines.append(
            f"| [`vau {name}`](#vau-{name.replace(' ', '-')}) | {_summary(command)} |\n"
        )
    lines += ["\n## Exit status\n\n| status | when |\n| --- | --- |\n", *_statuses(), "\n"]
    lines.append(SETTINGS)
    for name, command in verbs.items():
        lines += _verb(name, command)
    return "".join(lines).rstrip("\n") + "\n"


def _verbs(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _verbs(command, f"{before}{name} ")
        else:
            yield before + name, command


def _summary(command: Any) -> str:  # noqa: ANN401
    return inspect.cleandoc(command.help).partition("\n\n")[0].replace("\n", " ")


def _statuses() -> Iterator[str]:
    """Return the rows of what stands under ``vau --help``."""
    _, _, said = EPILOG.partition("Exit status: ")
    for each in said.strip().rstrip(".").split("; "):
        status, _, when = each.partition(" ")
        yield f"| {status} | {when} |\n"


def _verb(name: str, command: Any) -> Iterator[str]:  # noqa: ANN401
    context = typer.Context(command, info_name=f"vau {name}")
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"## vau {name}\n\n```text\nvau {name} {usage}\n```\n\n"
    yield inspect.cleandoc(command.help) + "\n\n"
    records = [_record(each, context) for each in command.params]
    yield "| flag | what it says | default | variable |\n| --- | --- | --- | --- |\n"
    yield from (record for record in records if record)
    yield "\n"


def _record(parameter: Any, context: Any) -> str:  # noqa: ANN401
    """Return the row of a flag or an argument; nothing of one that help does not show."""
    shown = parameter.get_help_record(context)
    if shown is None:
        return ""
    flag, text = shown
    said, _, rest = text.partition("  [")
    facts = dict(
        each.partition(": ")[::2] for each in rest.removesuffix("]").split("; ") if each
    )
    default = facts.pop("default", "")
    variable = getattr(parameter, "envvar", None) or ""
    more = "".join(f"; {name} {value}".rstrip() for name, value in facts.items())
    cells = (f"`{flag}`", said.rstrip(".") + more + ".", _code(default), _code(variable))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
