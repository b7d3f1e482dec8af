"""Boards to try the driver on, of software and of our RTL, and what they have to answer.

Both speak the protocol on their own, and what breaks in them is broken within. What no board
does by itself (to be busy, to lose a reply, to be unplugged) their server does for both.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.board_server import BoardServer, served
from tests.rtl.board import RtlBoard
from tests.rtl.marks import simulated
from tests.software_board import SoftwareBoard, board_info
from vau.model import Network
from vau.testing.models import random_model
from vau_backends.board.device.opening import driver_of, tilings_on
from vau_backends.board.device.streams import Driver
from vau_backends.board.link.info import Info
from vau_backends.board.transport.urls import Url
from vau_backends.muntaniala import cell
from vau_backends.muntaniala.array import Knobs
from vau_backends.muntaniala.states import States
from vau_backends.muntaniala.weights import NetworkWeights, from_model

INPUTS: Final = 12
HIDDEN: Final = 9  # units that do not divide by rows
CLASSES: Final = 7


class AnyBoard(Protocol):
    """A board, and what a test may do to it while nobody talks to it."""

    info: Info

    def push(self, data: bytes) -> bytes:
        """Take bytes in; return what it says to them."""

    def reboot(self) -> None:
        """Take its power away, and give it back; what was broken is whole again."""

    def flip(self, die: int, bits: int = 1) -> None:
        """Flip bits in one row of the weights of a die; its parity sees an odd number."""

    def kill(self, die: int) -> None:
        """Let a die say nothing from now on."""

    def miscount(self) -> None:
        """Let it count its cycles wrong from now on."""

    def close(self) -> None:
        """Take its power away."""


def software() -> AnyBoard:
    """Make a board of software, with an array for each of two layers."""
    return SoftwareBoard(board_info())


on_software: Final = pytest.mark.parametrize(
    "board", [pytest.param(software, id="software")], indirect=True
)
"""For tests of what our RTL has not: instruments, no parity."""


@cache
def weights_for(layers: int, hidden: int = HIDDEN, inputs: int = INPUTS) -> NetworkWeights:
    """Return a network of so many layers, an array for each."""
    network = Network(layers=layers, hidden=hidden, inputs=inputs, classes=CLASSES)
    return from_model(random_model(network))


@dataclass(frozen=True, slots=True)
class Right:
    """What a board has to answer, by the reference."""

    weights: NetworkWeights

    def of(self, x: NDArray[np.int8]) -> tuple[NDArray[np.int32], tuple[int, ...]]:
        """Return the logits of a stream, shape (frames, classes), and saturations by layer."""
        layers, hidden = len(self.weights.layers), self.weights.layers[0].w_h.shape[1]
        zero = States(
            np.zeros((1, layers, hidden), np.int8), np.zeros((1, layers, hidden), np.int16)
        )
        tilings = tilings_on(board_info(arrays=layers), self.weights)
        answer = cell.run(self.weights, tilings, Knobs(), x[np.newaxis], zero)
        return answer.logits[0], tuple(map(int, answer.saturations[0]))

    def logits(self, hidden: NDArray[np.int8]) -> NDArray[np.int64]:
        """Return what the host makes of h of the last layer."""
        return cell.output(self.weights, hidden.astype(np.int64))

    def holds(self, hidden: NDArray[np.int8], x: NDArray[np.int8]) -> None:
        """Assert that these are the bits of a stream that begins with ``x``."""
        np.testing.assert_array_equal(self.logits(hidden), self.of(x)[0])


@pytest.fixture(
    params=[
        pytest.param(software, id="software"),
        pytest.param(RtlBoard, id="rtl", marks=simulated),
    ]
)
def board(request: pytest.FixtureRequest) -> Iterator[AnyBoard]:
    """Give a board of 2x2 dies with 8 units each."""
    board: AnyBoard = request.param()
    yield board
    board.close()


@pytest.fixture
def server(board: AnyBoard) -> Iterator[BoardServer]:
    """Serve it on TCP, on a thread of this process."""
    with served(board) as server:
        yield server


@pytest.fixture
def weights(board: AnyBoard) -> NetworkWeights:
    """Give a network that fits it."""
    return weights_for(board.info.arrays)


@pytest.fixture
def right(weights: NetworkWeights) -> Right:
    """Give the reference of that network."""
    return Right(weights)


@pytest.fixture
def driver(server: BoardServer, weights: NetworkWeights) -> Iterator[Driver]:
    """Start a driver on it."""
    driver = driver_of(Url.parse(server.url), weights)
    try:
        driver.start()
        yield driver
    finally:
        driver.close()
