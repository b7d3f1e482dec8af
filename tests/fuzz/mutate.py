"""Bytes, text and JSON made a little wrong, or very."""

import json
import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

EDGES: Final = (
    *(0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF),
    *(0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF),
)
"""Numbers at which widths and signs end."""

MOST_BYTES: Final = 1 << 16  # of what a mutation adds

WORDS: Final = (
    *("", " ", "0", "-1", "1", "nan", "inf", "-inf", "1e999", "0x10", "1_000", "9" * 5000),
    *(
        "\0",
        "\t",
        "\r",
        "\v",
        "\x85",
        "\u2028",
        "\ufeff",
        "\u0661",
        "\U0001f600",
        "é",
        "'",
        '"',
    ),
    *("../../etc/passwd", "/dev/null", "x" * 300, "x" * 5000, "%s%n", "a:b", "AA:", ":3", "#"),
)
"""Words that readers of text stumble over."""

VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 2, 10**6, 2**31, 2**63, 10**30, 10**400, -(10**9)),
    *(
        0.5,
        -0.0,
        1e-300,
        1e308,
        float("nan"),
        float("inf"),
        "",
        "0",
        "1",
        "x",
        "x" * 4000,
        "\0",
    ),
    *([], {}, [[]], [0], ["x", "x"], {"": None}, [None] * 100, "\ud800"),
)
"""Values that a reader of JSON did not expect there."""


def mutated(random: Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Return ``data`` with one to eight changes; ``others`` is what may be spliced in."""
    for _ in range(1 << random.randrange(4)):
        change = random.choice(_CHANGES)
        data = change(random, data, others)
    return data


def place(random: Random, data: bytes) -> int:
    """Return an offset; headers come first, and are changed most."""
    return int(len(data) * random.random() ** random.choice((1, 1, 3, 6)))


def _flip(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    if not data:
        return data
    changed = bytearray(data)
    changed[place(random, data)] ^= 1 << random.randrange(8)
    return bytes(changed)


def _edge(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    code = random.choice("bBHIQ")
    packed = struct.pack("<Q", random.choice(EDGES))[: struct.calcsize(code)]
    at = place(random, data)
    return data[:at] + random.choice((packed, packed[::-1])) + data[at + len(packed) :]


def _noise(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    at = place(random, data)
    noise = random.randbytes(random.randrange(1, 17))
    return data[:at] + noise + data[at + random.choice((0, len(noise))) :]


def _cut_end(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    return (
        data[: place(random, data)] if random.random() < 0.5 else data[: -place(random, data)]
    )


def _cut_out(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    at = place(random, data)
    return data[:at] + data[at + random.randrange(1, 64) :]


def _repeat(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    at, size = place(random, data), random.choice((1, 4, 8, 64, 1024))
    times = random.choice((2, 3, MOST_BYTES // size if random.random() < 0.02 else 4))
    return data[:at] + data[at : at + size] * times + data[at + size :]


def _splice(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    other = random.choice(others) if others else data
    return data[: place(random, data)] + other[place(random, other) :]


def _blank(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    at, size = place(random, data), random.choice((1, 2, 4, 16, 256))
    blank = random.choice((b"\0", b"\xff"))
    return data[:at] + blank * min(size, len(data) - at) + data[at + size :]


_CHANGES: Final[tuple[Callable[[Random, bytes, Sequence[bytes]], bytes], ...]] = (
    *(_flip, _flip, _edge, _edge, _noise, _cut_end, _cut_out, _repeat, _splice, _blank),
)


def mutated_text(random: Random, text: str) -> bytes:
    """Return lines of words with some of them moved, doubled, lost or replaced, as bytes."""
    lines = text.split("\n")
    for _ in range(1 << random.randrange(3)):
        at = random.randrange(len(lines))
        what = random.randrange(6)
        if what == 0:
            lines.insert(at, random.choice(lines))
        elif what == 1 and len(lines) > 1:
            del lines[at]
        else:
            between = random.choice(("\t", " ", ":", "="))
            cells = lines[at].split(between)
            cells[random.randrange(len(cells))] = random.choice(WORDS)
            lines[at] = between.join(cells)
    data = random.choice(("\n", "\n", "\n", "\r\n", "\r")).join(lines).encode()
    return mutated(random, data) if random.random() < 0.3 else data


def mutated_json(random: Random, value: object) -> object:
    """Return ``value`` with one node replaced, lost, doubled or under another name."""
    if not isinstance(value, (dict, list)) or not value or random.random() < 0.1:
        return random.choice(VALUES)
    if isinstance(value, dict):
        key = random.choice(list(value))
        what = random.randrange(8)
        rest = {name: each for name, each in value.items() if name != key}
        if what == 0:
            return rest
        if what == 1:
            return rest | {random.choice(WORDS): value[key]}
        return {**value, key: mutated_json(random, value[key])}
    at = random.randrange(len(value))
    what = random.randrange(8)
    if what == 0:
        return value[:at] + value[at + 1 :]
    if what == 1:
        return value[: at + 1] + value[at:]
    return [*value[:at], mutated_json(random, value[at]), *value[at + 1 :]]


def json_bytes(random: Random, value: object) -> bytes:
    """Return ``value`` with up to two mutations, as JSON that may be broken besides."""
    for _ in range(random.choice((0, 1, 1, 1, 2))):
        value = mutated_json(random, value)
    data = json.dumps(value).encode()
    what = random.random()
    if what < 0.02:
        return b"[" * 100_000 + data
    if what < 0.04:
        return data.replace(b"1", b"1" * 5000, 1)
    return mutated(random, data) if what < 0.2 else data
