"""What breaks within the RTL under live streams ends in the same bits or a typed error.

Needs Verilator and a C++ compiler; ``./run e2e-board`` installs them, and fails without.
"""

from collections.abc import Iterator
from contextlib import closing
from random import Random
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.board_server import BoardServer, served
from tests.boards import HIDDEN, INPUTS, Right, weights_for
from tests.rtl.board import Fault, RtlBoard
from tests.rtl.marks import simulated
from vau.errors import BackendFault, DeviceCorrupt
from vau_backends.board.device.opening import driver_of
from vau_backends.board.device.streams import Driver
from vau_backends.board.link.frame import Frame
from vau_backends.board.link.words import Operation
from vau_backends.board.transport.urls import Url

STEPS: Final = (Operation.STEP, Operation.STEP_N)
STRIKES: Final = 12
"""Of each kind."""

FRAMES, AT_A_TIME = 40, 5
UNITS: Final = -(-HIDDEN // 2)
ROWS: Final = 4 * (UNITS + INPUTS // 2)
"""Of weights that a step reads in a die."""

PLACES: Final = {  # dies that have them, how many there are in each, and how many bits
    Fault.FLIP_WEIGHTS: (range(4), ROWS, 8 * UNITS),
    Fault.FLIP_ELEMENT: (range(4), INPUTS // 2 + UNITS, 9),
    Fault.FLIP_C: ((1, 3), UNITS, 17),
    Fault.FLIP_TABLE: ((1, 3), 512, 17),
    Fault.FLIP_SUM: ((0, 2), 1, 8),
    Fault.FLIP_ANSWER: ((1, 3), 1, 8),
    Fault.KILL: (range(4), 1, 1),
    Fault.MISCOUNT: ((0,), 1, 1),
    Fault.MISHEAR: ((0,), AT_A_TIME * HIDDEN, 9),
}
LASTING: Final = {Fault.KILL, Fault.MISCOUNT, Fault.FLIP_TABLE}
"""What is put right by nothing but a loss of power."""


@pytest.fixture
def board() -> Iterator[RtlBoard]:
    with closing(RtlBoard()) as board:
        yield board


def strike_at(
    server: BoardServer, board: RtlBoard, request: int, kind: Fault, chance: Random
) -> None:
    """Let a fault strike right before a board hears so many more requests for steps."""
    left = [request]
    dies, places, bits = PLACES[kind]

    def struck(frame: Frame) -> Frame:
        left[0] -= frame.op in STEPS
        if left[0] == 0:
            left[0] = -1
            where = chance.randrange(places), chance.randrange(bits)
            board.inject(chance.choice(dies), kind, *where)
        return frame

    server.meddle = struck


def run(
    driver: Driver, x: NDArray[np.int8], board: RtlBoard
) -> tuple[NDArray[np.int8], list[str]]:
    """Take a stream through frames as they arrive; a board that fails loses its power once.

    Returns h of each frame, and which errors there were.
    """
    stream, heard, errors = driver.begin(), list[NDArray[np.int8]](), list[str]()
    while (at := AT_A_TIME * len(heard)) < len(x):
        try:
            heard.append(driver.run(stream, x[at : at + AT_A_TIME])[0])
        except (BackendFault, DeviceCorrupt) as error:
            if errors:
                raise
            errors.append(type(error).__name__)
            board.reboot()
    driver.end(stream)
    return np.concatenate(heard), errors


@simulated
@pytest.mark.parametrize("kind", Fault, ids=lambda kind: kind.name)
def test_a_fault_under_a_stream_costs_no_bit_or_is_told(board: RtlBoard, kind: Fault) -> None:
    chance = Random(kind)
    weights = weights_for(1)
    right, noticed = Right(weights), 0
    with served(board) as server, closing(driver_of(Url.parse(server.url), weights)) as driver:
        driver.start()
        for _ in range(STRIKES):
            x = np.frombuffer(chance.randbytes(FRAMES * INPUTS), np.int8).reshape(FRAMES, -1)
            before = driver.mended.total()
            strike_at(server, board, chance.randint(1, FRAMES // AT_A_TIME), kind, chance)
            hidden, errors = run(driver, x, board)
            right.holds(hidden, x)
            noticed += bool(errors) or driver.mended.total() > before
            assert kind in LASTING or not errors
    assert noticed >= 3  # some fall where nobody looks before it is written anew
