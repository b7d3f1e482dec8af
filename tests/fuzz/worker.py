"""The process that inputs are tried in: ``python -m tests.fuzz.worker ORDER``.

The order is JSON. What happens is written to a board in shared memory, which outlives the
process, and failures to a file, one by one; whoever watches needs no word from here.
"""

import faulthandler
import json
import mmap
import resource
import struct
import sys
import tempfile
import traceback
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Final, Self

from tests.fuzz.case import Failure, Parts, Verdict, random_of
from tests.fuzz.target import Hang, Taker
from tests.fuzz.targets import ALL
from vau.errors import VauError

CHECK_EVERY: Final = 500  # inputs between two looks at whether all is still well
END_S: Final = 90.0  # for a worker to end, with its server, on however busy a machine
WARM_UP: Final = 0.3  # of the inputs, before memory is expected to stay as it is
MOST_ADDRESS_BYTES: Final = 6 << 30  # so that memory asked for by a lie is refused, not found
_BOARD: Final = struct.Struct("<qdqqqq")
BOARD_BYTES: Final = _BOARD.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which inputs to try."""

    target: str
    seed: int
    first: int
    last: int
    """One behind the last of them."""

    stop_s: float
    """By the clock of ``monotonic``: then no further input is begun."""

    input_s: float
    """For one input; then whoever watches ends the worker."""

    board: str
    failures: str
    """Files."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(slots=True)
class Progress:
    """How far a worker is."""

    number: int
    """Of the input that it tries."""

    begun_s: float
    """When it began with that, by the clock of ``monotonic``."""

    accepted: int = 0
    typed_errors: int = 0
    warm_bytes: int = 0
    last_bytes: int = 0

    @classmethod
    def read(cls, board: mmap.mmap) -> Self:
        return cls(*_BOARD.unpack_from(board))

    def write(self, board: mmap.mmap) -> None:
        board[:] = (
            _BOARD.pack(  # in one go: pack_into writes zeros first, and they would be read
                self.number,
                self.begun_s,
                self.accepted,
                self.typed_errors,
                self.warm_bytes,
                self.last_bytes,
            )
        )


class _Worker:
    def __init__(self, order: Order, taker: Taker, board: mmap.mmap) -> None:
        self._order, self._taker, self._board = order, taker, board
        self._progress = Progress(order.first, monotonic())

    def work(self) -> None:
        order, progress = self._order, self._progress
        warm = order.first + int(WARM_UP * (order.last - order.first))
        tried = order.first  # one behind the last of them
        for number in range(order.first, order.last):
            if monotonic() > order.stop_s:
                break
            parts = ALL[order.target].make(random_of(order.seed, order.target, number))
            progress.number, progress.begun_s = number, monotonic()
            progress.write(self._board)
            self._try(parts)
            if (number + 1 - order.first) % CHECK_EVERY == 0:
                self._check(parts)
            tried = number + 1
            if number == warm:
                progress.warm_bytes = self._taker.resident_bytes()
        self._check(())
        progress.last_bytes = self._taker.resident_bytes()
        progress.number, progress.begun_s = tried, monotonic() + END_S
        progress.write(self._board)

    def _try(self, parts: Parts) -> None:
        try:
            if self._taker.take(parts):
                self._progress.accepted += 1
            else:
                self._progress.typed_errors += 1
        except VauError:
            self._progress.typed_errors += 1
        except Hang as hang:
            self._failed("hang", str(hang), parts)
        except Exception:  # noqa: BLE001 - finding these is what this is for
            self._failed("untyped", traceback.format_exc(), parts)

    def _check(self, parts: Parts) -> None:
        """Look whether all is well; what broke it is this input, or one since the last look."""
        self._progress.begun_s = monotonic()
        self._progress.write(self._board)
        try:
            self._taker.check()
        except Exception:  # noqa: BLE001 - as above
            self._failed("untyped", "no longer well: " + traceback.format_exc(), parts)

    def _failed(self, verdict: Verdict, said: str, parts: Parts) -> None:
        failure = Failure(
            target=self._order.target,
            number=self._progress.number,
            verdict=verdict,
            said=said,
            parts=parts,
        )
        with Path(self._order.failures).open("a", encoding="utf-8") as file:
            file.write(failure.line() + "\n")


def main() -> None:
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESS_BYTES, MOST_ADDRESS_BYTES))
    order = Order(**json.loads(sys.argv[1]))
    with (
        Path(order.board).open("r+b") as file,
        mmap.mmap(file.fileno(), BOARD_BYTES) as board,
        tempfile.TemporaryDirectory(prefix="vau-fuzz-", dir=Path(order.board).parent) as folder,
        closing(ALL[order.target].open(Path(folder))) as taker,
    ):
        _Worker(order, taker, board).work()


if __name__ == "__main__":
    main()
