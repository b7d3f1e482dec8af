"""Values of frozen dataclasses in the form of a checkpoint, field by field as they are typed.

A field that is added to such a class is thereby in every checkpoint, and a type that this
module does not know is an error when the first one is written.
"""

from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from vau.checkpoint.form import Reader, Writer, damaged

MOST_TEXT_BYTES: Final = 1024
DEEPEST: Final = 8  # records within records

T = TypeVar("T")


def save_record(value: object, out: Writer) -> None:
    """Write down a dataclass. Raises ValueError for a number below 0."""
    kind: Any = type(value)
    for name, hint in _fields(kind).items():
        _save(hint, getattr(value, name), out)


def restore_record(kind: type[T], saved: Reader, depth: int = 0) -> T:
    """Read one. Raises ResumeInvalid for what is none."""
    if depth == DEEPEST:
        raise damaged("records within records without end")
    key: Any = kind
    hints = _fields(key)
    return kind(**{name: _restore(hint, saved, depth) for name, hint in hints.items()})


@cache
def _fields(kind: Hashable) -> dict[str, Any]:
    """Return the fields of a dataclass and how they are typed."""
    if not (isinstance(kind, type) and is_dataclass(kind)):
        raise TypeError(f"{kind} is no dataclass")
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind) if field.init}


def _save(hint: Any, value: Any, out: Writer) -> None:  # noqa: ANN401 - whatever the field is
    kind, arguments = get_origin(hint), get_args(hint)
    if kind in {Union, UnionType}:
        out.flag(value is not None)
        if value is not None:
            _save(_present(hint), value, out)
    elif kind is tuple:
        if arguments[1:] == (...,):
            out.count(len(value))
            arguments = arguments[:1] * len(value)
        for each, inner in zip(arguments, value, strict=True):
            _save(each, inner, out)
    elif kind is Literal:
        out.count(arguments.index(value))
    elif is_dataclass(hint):
        save_record(value, out)
    else:
        write: dict[object, Callable[[Any], None]] = {
            bool: out.flag,
            int: out.count,
            float: out.real,
            str: out.text,
        }
        write[hint](value)


def _restore(hint: Any, saved: Reader, depth: int) -> Any:  # noqa: ANN401 - as above
    kind, arguments = get_origin(hint), get_args(hint)
    if kind in {Union, UnionType}:
        return _restore(_present(hint), saved, depth) if saved.flag() else None
    if kind is tuple:
        if arguments[1:] == (...,):
            arguments = arguments[:1] * saved.count(most=saved.left)
        return tuple(_restore(each, saved, depth) for each in arguments)
    if kind is Literal:
        return arguments[saved.count(most=len(arguments) - 1)]
    if isinstance(hint, type) and is_dataclass(hint):
        return restore_record(hint, saved, depth + 1)
    read: dict[object, Callable[[], object]] = {
        bool: saved.flag,
        int: saved.count,
        float: saved.real,
        str: lambda: saved.text(MOST_TEXT_BYTES),
    }
    return read[hint]()


def _present(hint: Any) -> Any:  # noqa: ANN401 - as above
    """Return what a field holds unless it is None."""
    (present,) = (each for each in get_args(hint) if each is not NoneType)
    return present
