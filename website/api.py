"""The reference of the wire: the comments of the contract, its errors, and its notices.

``./run docs --write`` makes docs/reference/api.md of it. What stands in ``protos/`` and in the
tables of ``vau.wire`` is all there is on the page: nothing is remembered here.
"""

import inspect
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)

from vau import errors
from vau.honesty import Kind
from vau.wire import changes
from vau.wire.status import STATUS, rich_status
from vau.wire.stream import notices

ROOT: Final = Path(__file__).resolve().parent.parent
CONTRACT: Final = "vau/v1/speech.proto"
PACKAGE: Final = ".vau.v1."

# Field numbers within descriptor.proto, of which the paths of comments are made.
FILE_MESSAGE, FILE_ENUM, FILE_SERVICE, FILE_SYNTAX = 4, 5, 6, 12
MESSAGE_FIELD, MESSAGE_NESTED, MESSAGE_ENUM = 2, 3, 4
ENUM_VALUE, SERVICE_METHOD = 2, 2

Place = tuple[int, ...]
MENTION: Final = re.compile(r"(?<![\w`.])(?P<name>[A-Z][A-Za-z]+)(?P<field>\.[a-z_]+)?(?!\w)")

HEAD: Final = """\
# API

The gRPC service `vau.v1.SpeechRecognition`, from
[protos/vau/v1/speech.proto](../../protos/vau/v1/speech.proto), whose comments are its
documentation: `./run docs --write` makes this page of them. A server with reflection on tells
the same to `grpcurl`. From Python: [client.md](client.md).

"""
ERRORS: Final = """\
## Errors

An error is a gRPC status with details of `google.rpc`. `ErrorInfo` is always among them: its
domain is `vau`, its reason one of these, or one that is newer than the client. Where a field of
a request is at fault, `BadRequest` names it. The class is what the Python client raises, of
`vau.errors`.

| reason | gRPC status | further details | class | when |
| --- | --- | --- | --- | --- |
"""
NOTICES: Final = """
## Notices

Codes of [`Notice`](#notice), and the figures in its metadata. A client must tolerate others.

| code | metadata | what it says |
| --- | --- | --- |
"""


class Contract:
    """The contract with its comments."""

    def __init__(self, file: FileDescriptorProto) -> None:
        self.file = file
        self._comments = {
            tuple(place.path): place.leading_comments.strip()
            for place in file.source_code_info.location
        }
        self.names = {each.name for each in file.message_type}
        self.names |= {each.name for each in file.enum_type}

    def comment(self, place: Place, within: str = "") -> str:
        """Return a comment as one paragraph, which links to the types that it names."""
        text = " ".join(self._comments.get(place, "").split())
        text = text.replace("|", "\\|").replace("<", "&lt;")

        def linked(found: "re.Match[str]") -> str:
            name = found["name"]
            before = text[: found.start()].rstrip()
            is_a_word = re.fullmatch("[A-Z][a-z]+", name) and not found["field"]
            begins = not before or before[-1] in ".:;"
            if name not in self.names or name == within or (is_a_word and begins):
                return found[0]
            return f"[`{found[0]}`](#{_slug(name)})"

        return MENTION.sub(linked, text)

    def paragraphs(self, place: Place) -> str:
        """Return a comment with its paragraphs."""
        return "\n\n".join(
            " ".join(part.split()) for part in self._comments[place].split("\n\n")
        )


def read() -> Contract:
    """Return the contract as protoc reads it. Raises CalledProcessError if it cannot."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "set"
        protoc = (sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'protos'}")
        how = ("--include_source_info", f"--descriptor_set_out={output}")
        subprocess.run((*protoc, *how, CONTRACT), check=True)
        (file,) = FileDescriptorSet.FromString(output.read_bytes()).file
    return Contract(file)


def page() -> str:
    """Return the page."""
    contract = read()
    parts = [HEAD, contract.paragraphs((FILE_SYNTAX,)), "\n"]
    for at, service in enumerate(contract.file.service):
        parts += _service(contract, service, (FILE_SERVICE, at))
    parts.append("\n## Messages\n")
    for at, message in enumerate(contract.file.message_type):
        parts += _message(contract, message, message.name, (FILE_MESSAGE, at))
    parts.append("\n## Enumerations\n")
    for at, enum in enumerate(contract.file.enum_type):
        parts += _enum(contract, enum, enum.name, (FILE_ENUM, at))
    return "".join([*parts, "\n", ERRORS, *_errors(), NOTICES, *_notices()])


def _service(
    contract: Contract, service: ServiceDescriptorProto, place: Place
) -> Iterator[str]:
    yield f"\n## {service.name}\n\n{contract.comment(place)}\n"
    for at, method in enumerate(service.method):
        asked, answered = (
            ("stream of " if streams else "") + _type_link(name)
            for streams, name in (
                (method.client_streaming, method.input_type),
                (method.server_streaming, method.output_type),
            )
        )
        yield f"\n### {method.name}\n\n{asked} → {answered}\n\n"
        yield contract.comment((*place, SERVICE_METHOD, at)) + "\n"


def _message(
    contract: Contract, message: DescriptorProto, name: str, place: Place
) -> Iterator[str]:
    if message.options.map_entry:
        return
    yield f"\n### {name}\n\n"
    if text := contract.comment(place, name):
        yield text + "\n\n"
    if message.field:
        yield "| field | type | what it says | no. |\n| --- | --- | --- | --- |\n"
    maps = {each.name: each for each in message.nested_type if each.options.map_entry}
    for at, field in enumerate(message.field):
        text = contract.comment((*place, MESSAGE_FIELD, at), name)
        yield f"| `{field.name}` | {_type(field, maps)} | "
        if field.HasField("oneof_index") and not field.proto3_optional:
            one = message.oneof_decl[field.oneof_index].name
            text = f"*One of `{one}`.* {text}"
        yield f"{text} | {field.number} |\n"
    if not message.field:
        yield "It has no fields.\n"
    if reserved := [_range(each.start, each.end - 1) for each in message.reserved_range]:
        yield f"\nReserved: {', '.join(reserved)}.\n"
    for at, enum in enumerate(message.enum_type):
        yield from _enum(contract, enum, f"{name}.{enum.name}", (*place, MESSAGE_ENUM, at))
    for at, nested in enumerate(message.nested_type):
        inner = f"{name}.{nested.name}"
        yield from _message(contract, nested, inner, (*place, MESSAGE_NESTED, at))


def _enum(
    contract: Contract, enum: EnumDescriptorProto, name: str, place: Place
) -> Iterator[str]:
    yield f"\n### {name}\n\n"
    if text := contract.comment(place, name):
        yield text + "\n\n"
    yield "| value | what it says | no. |\n| --- | --- | --- |\n"
    for at, value in enumerate(enum.value):
        text = contract.comment((*place, ENUM_VALUE, at), name)
        yield f"| `{value.name}` | {text} | {value.number} |\n"
    if reserved := [_range(each.start, each.end) for each in enum.reserved_range]:
        yield f"\nReserved: {', '.join(reserved)}.\n"


def _type(field: FieldDescriptorProto, maps: dict[str, DescriptorProto]) -> str:
    entry = maps.get(field.type_name.rpartition(".")[2])
    if entry:
        key, value = (_type(each, {}) for each in entry.field)
        return f"map of {key} to {value}"
    label = ""
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        label = "repeated "
    elif field.proto3_optional:
        label = "optional "
    if field.type_name:
        return label + _type_link(field.type_name)
    kind = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    return f"{label}`{kind}`"


def _type_link(full_name: str) -> str:
    if not full_name.startswith(PACKAGE):
        return f"`{full_name.removeprefix('.')}`"
    name = full_name.removeprefix(PACKAGE)
    return f"[`{name}`](#{_slug(name)})"


def _range(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first} to {last}"


def _slug(name: str) -> str:
    """Return the anchor of a heading, as a checkout and the site make it."""
    return name.lower().replace(".", "")


def _errors() -> Iterator[str]:
    drawn = re.findall(r"─ (\w+) +(.+)", errors.__doc__ or "")
    meant = dict(drawn)
    raised = {row.reason: kind for kind, row in STATUS.items()}  # the last, as by a client
    for reason, kind in sorted(raised.items()):
        row, (_, *others) = STATUS[kind], rich_status(kind("")).details
        details = ", ".join(each.type_url.rpartition(".")[2] for each in others)
        text = meant[kind.__name__]
        text = f"{text[0].upper()}{text[1:]}."
        if (more := _first(inspect.getdoc(kind))) != text:
            text += " " + more
        yield f"| `{reason}` | `{row.code.name}` | {details} | `{kind.__name__}` | {text} |\n"


def _first(docstring: str | None) -> str:
    """Return the first paragraph, in one line."""
    return " ".join((docstring or "").partition("\n\n")[0].split()).replace("``", "`")


def _notices() -> Iterator[str]:
    figures = {"going_away": (1.0,), "lagging": (1, 1)}
    for name, make in inspect.getmembers(notices, inspect.isfunction):
        if name.startswith("_"):
            continue
        made = make(*figures.get(name, (1.0,)))
        said = _first(inspect.getdoc(make)).removeprefix("Say that ")
        yield f"| `{made.code}` | {', '.join(made.metadata)} | {said[0].upper()}{said[1:]} |\n"
    yield (
        f"| `{changes.CODE}` | from, to, why, utterance, frame, sample, repeated_steps | "
        "Another backend took over: [fallback.md](../fallback.md). |\n"
    )
    audio = ", ".join(f"`{kind.value}`" for kind in Kind)
    yield f"| {audio} | [see there](../audio-honesty.md) | The audio is doubtful. |\n"
