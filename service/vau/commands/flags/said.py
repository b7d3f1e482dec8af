"""What is wrong with a setting, in the words of whoever gave it.

What refuses a setting knows it by the name that it has in code, and its value as it was
read: ``drain_grace_s=-1.0``. Whoever typed ``--drain-grace -1``, or set VAU_DRAIN_GRACE, or
wrote ``drain-grace = -1`` into a file, looks for that. A ``Verb`` hears of all that goes wrong
in a command and says it so; nothing else has to know where a value came from.
"""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import typer
from typer.core import TyperCommand

from vau.errors import VauError

TYPED: Final = "vau.typed"
"""What a context calls the arguments of its command."""

UNITS: Final = ("_s", "_ms", "_hz", "_mhz", "_bytes")
OTHERWISE: Final = {
    "backend": "backends",
    "dram_bytes_per_s": "dram_gbps",
    "fallback_backends": "fallback_backend",
    "max_size": "max_batch_size",
    "residency": "resident",
    "shadows": "shadow",
    "web_origins": "web_origin",
}
"""Settings whose flags have another name, and not only another unit."""

ON_THE_WIRE: Final = {"checkpoint_interval": "resume", "output.encoding": "logits"}
"""Fields of a config, by how their paths end, that another flag decides."""

WIRE: Final = "config."  # how a server begins the path of what a client asked for
INDEX: Final = re.compile(r"\[\d+\]$")
VALUE: Final = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s;,]*[^\s;,:])"""
MENTION: Final = re.compile(
    rf"""(?<!\w)'[^']*'(?!\w)|(?<!\w)"[^"]*"(?!\w)"""
    rf"""|(?<![\w'"/.-])(?P<name>[a-z]+(?:_[a-z]+)*)(?:=(?P<value>{VALUE}))?(?!\.\w|[\w'"/=-])"""
)
"""A quotation, or a word that may be a setting and the value beside it."""

UNREADABLE: Final = {
    "float_parsing": "is no number",
    "float_type": "is no number",
    "finite_number": "is no number",
    "int_parsing": "is no whole number",
    "int_type": "is no whole number",
    "int_from_float": "is no whole number",
    "bool_parsing": "is neither true nor false",
    "bool_type": "is neither true nor false",
    "string_type": "is no text",
    "path_type": "is no path",
    "list_type": "is no list",
    "greater_than_equal": "is less than {ge:g}",
    "less_than_equal": "is more than {le:g}",
}
"""How what typer reads values with calls a mistake, and what we say instead."""

BOUNDS: Final = ("greater_than_equal", "less_than_equal")  # which a NaN keeps to as little


@dataclass(frozen=True, slots=True)
class Given:
    """A setting as somebody gave it."""

    name: str
    """``--drain-grace``, ``VAU_DRAIN_GRACE``, or ``drain-grace in vau.toml``."""

    with_value: str
    """``--drain-grace -1``, ``VAU_DRAIN_GRACE=-1`` or ``drain-grace = -1 in vau.toml``."""


class Verb(TyperCommand):
    """A command that names settings as they were given, whatever refuses them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        """Read the arguments. Raises TyperException for those that cannot be meant."""
        ctx.meta[TYPED] = tuple(args)
        try:
            rest = super().parse_args(ctx, args)
        except typer.BadParameter as error:
            if type(error) is not typer.BadParameter or error.param is None:
                raise  # of what is missing it says that well
            raise _Misread(misread(ctx, error)) from error
        for each in _options(self):
            given = (ctx.default_map or {}).get(each.name)
            if given == [] and each.multiple and each.default:
                listed = given_as(ctx, each).with_value
                raise _Misread(f"{listed}: name at least one, or leave it out")
            if isinstance(given, list) and ctx.params.get(each.name) == str(given):
                listed = given_as(ctx, each).with_value
                raise _Misread(f"{listed} is a list, and one value is wanted")
        return rest

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Run the command. Raises what it raises."""
        try:
            return super().invoke(ctx)
        except VauError as error:
            reword(ctx, error)
            raise


class _Misread(typer.BadParameter):
    """One whose message is whole."""

    def format_message(self) -> str:
        return self.message


def reword(context: Any, error: VauError) -> None:  # noqa: ANN401 - typer does not export the type
    """Name the settings in an error as they were given to the command of ``context``."""
    error.args = (said(context, str(error), error.field), *error.args[1:])


def said(context: Any, text: str, field: str = "") -> str:  # noqa: ANN401
    """Return ``text`` with settings named as they were given.

    field: the setting that it is about: the text begins with its name and a colon, or with
           its name, an equals sign and its value, as all errors of settings do. Others that
           it mentions are named as flags.
    """
    flags = {_stem(each.name): each for each in _options(context.command)}
    about = flags.get(_stem(_last(field)))
    head = ""
    if about is not None and text.startswith(field):
        given, rest = given_as(context, about), text.removeprefix(field)
        valued = re.match(f"=({VALUE})", rest)
        if valued:
            value = context.params.get(about.name)  # empty: the verb has put another there
            is_other = isinstance(value, list | tuple) or value == ""
            one = valued[1].strip("'\"") if is_other else ""
            head = given_as(context, about, one=one).with_value
            text = rest[valued.end() :]
        elif rest.startswith(":"):
            head, text = given.name, rest

    def mentioned(found: "re.Match[str]") -> str:
        name, value = found["name"], found["value"]
        option = flags.get(_stem(name)) if name and (value or "_" in name) else None
        if option is None:
            return found[0]
        flag = str(option.opts[0])
        if value in {None, "True"}:
            return flag
        source = context.get_parameter_source(option.name)
        if source is None or source.name == "DEFAULT":
            return found[0]  # nobody gave it: the text is about something else of that name
        return given_as(context, option).with_value

    return head + MENTION.sub(mentioned, text)


def misread(context: Any, error: Any) -> str:  # noqa: ANN401
    """Return why a value could not be read, without the words of what reads it."""
    given = given_as(context, error.param)
    for each in getattr(error.__cause__, "errors", list)():
        words = UNREADABLE.get(each["type"])
        if each["type"] in BOUNDS and str(each["input"]).strip("+-").lower() == "nan":
            words = UNREADABLE["float_type"]
        if words:
            return f"{given.with_value} {words.format(**each.get('ctx', {}))}"
    text = error.message.removeprefix("Value error, ").removeprefix("Input ").removesuffix(".")
    return f"{given.name}: {text}"


def given_as(context: Any, option: Any, *, one: str = "") -> Given:  # noqa: ANN401
    """Return how an option came to its value; ``one`` is that of several which is meant."""
    source = context.get_parameter_source(option.name)
    flag = option.opts[0]
    if option.param_type_name != "option":
        return Given(option.human_readable_name, option.human_readable_name)
    match source.name if source else "DEFAULT":
        case "ENVIRONMENT":
            value = one or option.resolve_envvar_value(context) or ""
            return Given(option.envvar, f"{option.envvar}={shlex.quote(value)}")
        case "DEFAULT_MAP":
            key, file = flag.removeprefix("--"), context.params["_config"]
            value = json.dumps(one or context.default_map[option.name], default=str)
            return Given(f"{key} in {file}", f"{key} = {value} in {file}")
        case "COMMANDLINE":
            value = _typed(context, option)
        case _:
            value = option.get_default(context)
    if getattr(option, "is_flag", False):
        name = option.secondary_opts[0] if value is False and option.secondary_opts else flag
        return Given(name, name)
    if one or option.multiple:
        value = one or None
    if value is None or isinstance(value, list | tuple):
        return Given(flag, flag)
    return Given(flag, f"{flag} {shlex.quote(str(value))}")


def _typed(context: Any, option: Any) -> Any:  # noqa: ANN401
    """Return what stands on the command line, before anything is made of it."""
    parser = context.command.make_parser(context)
    values, _, _ = parser.parse_args(list(context.meta[TYPED]))
    return values.get(option.name)


def _options(command: Any) -> Iterator[Any]:  # noqa: ANN401
    return (each for each in command.params if each.param_type_name == "option")


def _last(field: str) -> str:
    """Return the name at the end of a path on the wire; of what is none, all of it."""
    if not field.startswith(WIRE):
        return field
    path = INDEX.sub("", field)
    for end, name in ON_THE_WIRE.items():
        if path.endswith(f".{end}"):
            return name
    return path.rpartition(".")[2]


def _stem(name: str) -> str:
    """Return the name of a setting or an option without dashes and unit."""
    plain = name.replace("-", "_").strip("_")
    plain = OTHERWISE.get(plain, plain)
    return next((plain.removesuffix(each) for each in UNITS if plain.endswith(each)), plain)
