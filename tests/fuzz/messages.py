"""Messages of protobuf with random fields, found by walking their descriptors."""

from collections.abc import Sequence
from random import Random
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tests.fuzz.mutate import WORDS

_KIND = FieldDescriptor
_Field = Any  # FieldDescriptor, of either of its implementations
_Descriptor = Any  # likewise
_BITS: Final = {
    _KIND.TYPE_INT32: (-(1 << 31), (1 << 31) - 1),
    _KIND.TYPE_INT64: (-(1 << 63), (1 << 63) - 1),
    _KIND.TYPE_UINT32: (0, (1 << 32) - 1),
    _KIND.TYPE_UINT64: (0, (1 << 64) - 1),
    _KIND.TYPE_ENUM: (-(1 << 31), (1 << 31) - 1),
}
MOST_DEPTH: Final = 6


def scramble(random: Random, message: Message, words: Sequence[str], depth: int = 0) -> None:
    """Set some fields of ``message``, and clear some, wherever they are.

    words: strings that mean something somewhere, such as names of models.
    """
    for field in message.DESCRIPTOR.fields:
        what = random.random()
        if what < 0.02:
            message.ClearField(field.name)
        elif what < 0.1:
            _set(random, message, field, words, depth)
        elif _is_message(field) and message.HasField(field.name):
            scramble(random, getattr(message, field.name), words, depth + 1)


def _is_message(field: _Field) -> bool:
    return field.message_type is not None and not field.is_repeated


def _set(
    random: Random, message: Message, field: _Field, words: Sequence[str], depth: int
) -> None:
    if field.is_repeated:
        values = getattr(message, field.name)
        for _ in range(random.choice((1, 1, 2, 3, 50))):
            if field.message_type is not None:
                return  # maps and lists of messages are in no request
            values.append(_scalar(random, field, words))
    elif field.message_type is not None:
        inner = getattr(message, field.name)
        inner.SetInParent()
        if depth < MOST_DEPTH:
            scramble(random, inner, words, depth + 1)
    else:
        setattr(message, field.name, _scalar(random, field, words))


def _scalar(random: Random, field: _Field, words: Sequence[str]) -> float | str | bytes:
    kind = field.type
    if kind == _KIND.TYPE_BOOL:
        return random.random() < 0.5
    if kind == _KIND.TYPE_STRING:
        return random.choice(words if random.random() < 0.6 else WORDS)
    if kind == _KIND.TYPE_BYTES:
        return random.randbytes(random.choice((0, 1, 3, 40, 320, 5000)))
    if kind in (_KIND.TYPE_FLOAT, _KIND.TYPE_DOUBLE):
        return random.choice((0.0, -1.0, 1.0, float("inf"), float("nan"), 1e30))
    least, most = _BITS[kind]
    if field.enum_type is not None and random.random() < 0.8:
        return int(random.choice(field.enum_type.values).number)
    near = random.choice((0, 1, 2, 6, 7, 1000, 16_000, 44_100, most, least, most - 1))
    return max(least, min(most, near + random.choice((0, 0, 0, -1, 1))))


def fields_of(descriptor: _Descriptor) -> set[str]:
    """Return the full names of all fields that ``scramble`` may reach from a message."""
    found: set[str] = set()
    waiting: list[_Descriptor] = [descriptor]
    while waiting:
        for field in waiting.pop().fields:
            if field.full_name not in found:
                found.add(field.full_name)
                if field.message_type is not None:
                    waiting.append(field.message_type)
    return found
