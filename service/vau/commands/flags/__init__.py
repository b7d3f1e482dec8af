"""Flags, and the two other ways to give one.

``--max-streams`` is VAU_MAX_STREAMS in the environment and ``max-streams`` in the TOML file
of ``--config``, in every command that has it. The command line goes before the environment,
that before the file. Neither of them says which of its models and backends a server is to
take: there they would mean something else than on this machine.

Here is what every flag is made of; the modules of this package hold them by subject.
"""

import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final

import typer

SETTINGS: Final = "vau.settings"
"""What a context calls all that its file of settings says."""

DEFAULT_MODEL: Final = "munt-3x384"
DEFAULT_BACKEND: Final = "muntaniala"
DEFAULT_SERVER: Final = "127.0.0.1:50051"
DEFAULT_WEB: Final = "127.0.0.1:8080"
DEFAULT_SHADOWS: Final = ("rpu",)


def flag(name: str, help_text: str, **more: Any) -> Any:  # noqa: ANN401 - so is typer.Option
    """Return an option with its environment variable; ``negative`` names its opposite."""
    negative = more.pop("negative", "")
    names = (name, negative) if negative else (name,)
    declared = ("/".join(names),)
    envvar = variable(name) if more.pop("elsewhere", True) else None
    return typer.Option(*declared, envvar=envvar, show_envvar=False, help=help_text, **more)


def is_typed(context: typer.Context, name: str) -> bool:
    """Tell whether a flag stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def is_given(context: typer.Context, name: str) -> bool:
    """Tell whether a flag was set at all: typed, by its variable or in the file."""
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def variable(name: str) -> str:
    """Return the environment variable of a flag: ``--chunk-ms`` is VAU_CHUNK_MS."""
    return "VAU_" + name.removeprefix("--").replace("-", "_").upper()


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
    _check_keys(context, file, values)
    context.meta[SETTINGS] = values
    context.default_map = {
        parameter.name: [values[name]] if _wants_list(parameter, values[name]) else values[name]
        for name, parameter in _settings(context.command).items()
        if name in values
    }
    return file


def _check_keys(context: typer.Context, file: Path, values: dict[str, Any]) -> None:
    """Raise BadParameter for a table, and for a key that is no flag of any command."""
    known = {name for command in _siblings(context) for name in _settings(command)}
    for name, value in values.items():
        if isinstance(value, dict):
            raise typer.BadParameter(
                f"{file}: [{name}] is a table, and there are none here: write flags at the top "
                "of the file, as chunk-ms = 100; each command takes those that it has"
            )
        if name in known:
            continue
        near = get_close_matches(name.replace("_", "-").lstrip("-"), known, 1)
        raise typer.BadParameter(
            f"{file}: no flag is called {name}; "
            + (f"did you mean {near[0]}?" if near else _all_of(context))
        )


def _all_of(context: typer.Context) -> str:
    path = context.command_path.partition(" ")[2]
    return f"vau {path} has {', '.join(sorted(_settings(context.command)))}"


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
Json = Annotated[bool, flag("--json", "Write JSON for programs.")]
