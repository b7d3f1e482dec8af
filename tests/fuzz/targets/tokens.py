"""Files of bearer tokens, and the headers that come with a call."""

import hashlib
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

from tests.fuzz.case import Parts
from tests.fuzz.mutate import WORDS, mutated_text
from tests.fuzz.target import Target, resident_bytes
from vau.door.tokens import Tokens, bearer
from vau.errors import VauError

_SECRET: Final = "vau_" + "s" * 43


@cache
def _text() -> str:
    digests = [hashlib.sha256(bytes([n])).hexdigest() for n in range(3)]
    return "\n".join(
        (
            "# who may come in",
            f"alice {hashlib.sha256(_SECRET.encode()).hexdigest()} max_streams=2",
            f"bob {digests[0]} max_streams=4 max_audio_rate=1.5  # both",
            f"bob {digests[1]} max_streams=4 max_audio_rate=1.5",
            f"carol {digests[2]} max_audio_rate=0.1",
        )
    )


def _make(random: Random) -> Parts:
    header = f"Bearer {_SECRET}".encode()
    if random.random() < 0.7:
        scheme = random.choice(("Bearer", "bearer", "Basic", "", "Bearer Bearer"))
        header = f"{scheme} {random.choice((*WORDS, _SECRET))}".encode()
    file = mutated_text(random, _text()) if random.random() < 0.95 else _text().encode()
    return (("tokens", file), ("authorization", header))


class _Doorkeeper:
    """Reads the file, and looks for the secret of the header in it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "tokens"

    def take(self, parts: Parts) -> bool:
        (_, text), (_, header) = parts
        self._file.write_bytes(text)
        try:
            tokens = Tokens.read(self._file)
            secret = bearer([header.decode()])
        except VauError as error:
            if _SECRET in f"{error}{error.facts}":
                raise AssertionError("a secret is repeated") from error
            return False
        found = tokens.find(secret)
        assert found is None or secret == _SECRET, "a stranger was let in"
        return True

    def check(self) -> None:
        assert self.take((("tokens", _text().encode()), ("", f"Bearer {_SECRET}".encode())))

    def resident_bytes(self) -> int:
        return resident_bytes()

    def close(self) -> None:
        pass


TARGET: Final = Target(share=6, make=_make, open=_Doorkeeper)
