"""A driver on a board that lies: replies lost, doubled, damaged, or wrong under a right CRC."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

import numpy as np

from tests.boards import INPUTS, Right, weights_for
from tests.fuzz.case import Parts
from tests.fuzz.mutate import mutated
from tests.fuzz.target import Target, resident_bytes
from tests.fuzz.targets.board_link import lying
from tests.software_board import SoftwareBoard, board_info
from vau.errors import DeviceLost, VauError
from vau_backends.board.device.opening import laid_out
from vau_backends.board.device.streams import Driver
from vau_backends.board.link.chunks import Chunks
from vau_backends.board.link.frame import Frame
from vau_backends.board.transport.port import Port

REPLIES: Final = 60
"""About as many as the board gives from INFO to the last step."""

FRAMES: Final = 6
_HARMLESS: Final = ("twice", "noise")


class LyingPort(Port):
    """A port without a descriptor. Where there is nothing to be read any more it hangs up."""

    def __init__(self, board: SoftwareBoard, edits: dict[int, tuple[str, bytes]]) -> None:
        self.name, self.bits_per_s = "lying", 0.0
        self._board, self._edits = board, edits
        self._said: list[bytes] = []
        self._count = 0

    def send(self, data: bytes, limit_s: float) -> None:  # noqa: ARG002 - as Port has it
        for reply in Chunks().push(self._board.push(data)):
            if reply is not None:
                self._said += self._told(reply)

    def receive(self, limit_s: float) -> bytes:  # noqa: ARG002 - as Port has it
        if not self._said:
            raise DeviceLost(f"{self.name}: it hung up")
        return self._said.pop(0)

    def gather(self, limit_s: float) -> None:
        """Nothing comes that was not asked for."""

    def close(self) -> None:
        self._said.clear()

    def _told(self, reply: Frame) -> list[bytes]:
        edit, whole = self._edits.get(self._count), reply.encode()
        self._count += 1
        if edit is None:
            return [whole]
        kind, seed = edit
        return _EDITS[kind](Random(seed), whole)


_EDITS: Final[dict[str, Callable[[Random, bytes], list[bytes]]]] = {
    "lie": lambda random, whole: [lying(random, whole)],
    "damage": lambda random, whole: [mutated(random, whole)],
    "twice": lambda _random, whole: [whole, whole],
    "noise": lambda random, whole: [b"\0" + random.randbytes(40), whole],
    "lost": lambda _random, _whole: [],
}


def _make(random: Random) -> Parts:
    kinds = ("lie", "lie", "lie", *_EDITS)
    numbers = random.sample(range(REPLIES), random.choice((1, 1, 2, 5)))
    return tuple((f"{n} {random.choice(kinds)}", random.randbytes(8)) for n in numbers)


@cache
def _stream() -> tuple[Right, np.ndarray[tuple[int, ...], np.dtype[np.int8]]]:
    x = np.random.default_rng(3).integers(-128, 128, (FRAMES, INPUTS), np.int8)
    return Right(weights_for(1)), x


class _Driven:
    """Opens the board, loads it, and steps a stream; its bits are right, or may be lies."""

    def __init__(self, _folder: Path) -> None:
        self._info = board_info(arrays=1, contexts=1)

    def take(self, parts: Parts) -> bool:
        right, x = _stream()
        edits = {int(name.split()[0]): (name.split()[1], seed) for name, seed in parts}
        port = LyingPort(SoftwareBoard(self._info), edits)
        driver = Driver(lambda _: port, laid_out(right.weights), lambda _: True)
        try:
            driver.start()
            hidden, _ = driver.run(driver.begin(), x)
            driver.readings()
        except VauError:
            return False
        finally:
            driver.close()
        if all(kind in _HARMLESS for kind, _ in edits.values()):
            right.holds(hidden, x)
        return True

    def check(self) -> None:
        assert self.take(())

    def resident_bytes(self) -> int:
        return resident_bytes()

    def close(self) -> None:
        pass


TARGET: Final = Target(share=4, make=_make, open=_Driven)
