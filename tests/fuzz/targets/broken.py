"""Has every fault there is, at inputs that are known: by it the fuzzer itself is tested."""

import ctypes
from pathlib import Path
from random import Random
from time import sleep
from typing import Final

from tests.fuzz.case import Parts
from tests.fuzz.target import Hang, Target, resident_bytes
from vau.errors import ConfigInvalid

LEAK_BYTES: Final = 8 << 20
_SLEEP_S: Final = 3600.0


def _make(random: Random) -> Parts:
    kinds = ("good", "good", "typed", "untyped", "crash", "hang", "late")
    return (("kind", random.choice(kinds).encode()),)


class _Broken:
    def __init__(self, _folder: Path) -> None:
        self._kept: list[bytes] = []

    def take(self, parts: Parts) -> bool:
        ((_, kind),) = parts
        if kind == b"typed":
            raise ConfigInvalid("as it should be")
        if kind == b"untyped":
            raise KeyError("no error of ours")
        if kind == b"crash":
            ctypes.string_at(0)
        if kind == b"hang":
            sleep(_SLEEP_S)
        if kind == b"late":
            raise Hang("no answer")
        if kind == b"leak":
            self._kept.append(b"x" * LEAK_BYTES)
        return True

    def check(self) -> None:
        pass

    def resident_bytes(self) -> int:
        return resident_bytes()

    def close(self) -> None:
        pass


def _leak(_random: Random) -> Parts:
    return (("kind", b"leak"),)


TARGET: Final = Target(share=1, make=_make, open=_Broken)
LEAKY: Final = Target(share=1, make=_leak, open=_Broken)
