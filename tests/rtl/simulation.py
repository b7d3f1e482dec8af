"""A board of the RTL in this process, and a driver on it."""

import os
import select
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau_backends.board.device.opening import laid_out
from vau_backends.board.device.streams import Driver
from vau_backends.board.transport.port import Port
from vau_backends.board.virtual.library import SimulatedBoard
from vau_backends.muntaniala.array import GATES
from vau_backends.muntaniala.weights import LayerWeights, NetworkWeights

CLASSES: Final = 5
AT_A_TIME: Final = 1 << 20  # cycles
READ_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One layer."""

    hidden: int
    inputs: int


def network(shape: Shape, seed: int, most: int = 127) -> NetworkWeights:
    """Return a layer with weights of -most - 1 to most; the whole range saturates often."""
    rng = np.random.default_rng(seed)

    def some(*size: int) -> NDArray[np.int8]:
        return rng.integers(-most - 1, most + 1, size, np.int8)

    gates = GATES * shape.hidden
    layer = LayerWeights(some(gates, shape.inputs), some(gates, shape.hidden), some(gates))
    return NetworkWeights((layer,), some(CLASSES, shape.hidden), some(CLASSES))


@contextmanager
def driven(
    library: Path,
    weights: NetworkWeights,
    seed: int = 0,
    opened: Callable[..., SimulatedBoard] = SimulatedBoard,
) -> Iterator[Driver]:
    """Open, load and prove the board of a library. Raises what ``Driver.start`` does."""
    with opened(library, serial=1, seed=seed) as board, driver_on(board, weights) as driver:
        yield driver


@contextmanager
def driver_on(board: SimulatedBoard, weights: NetworkWeights) -> Iterator[Driver]:
    """Load and prove a board, which nobody else touches until the block is left.

    Raises what ``Driver.start`` does.
    """
    ours, theirs = socket.socketpair()
    clock = Thread(target=_clock, args=(board, theirs))
    clock.start()
    driver = Driver(lambda _: _port(ours), laid_out(weights), lambda _: True)
    try:
        driver.start()
        yield driver
    finally:
        driver.close()
        ours.close()
        clock.join()
        theirs.close()


def _port(ours: socket.socket) -> Port:
    """Return a port on a copy of the descriptor, so that the board can be opened again."""
    descriptor = os.dup(ours.fileno())
    os.set_blocking(descriptor, False)
    return Port("simulation", descriptor, lambda: os.close(descriptor))


def _clock(board: SimulatedBoard, line: socket.socket) -> None:
    """Take bytes to the board and back, until the other end is closed."""
    with suppress(ConnectionError):  # the driver does not wait long for the answer to CLOSE
        while data := line.recv(READ_BYTES):
            board.put(data)
            while True:
                cycles = board.run(AT_A_TIME)
                if said := board.get():
                    line.sendall(said)
                if board.is_idle or not cycles or _waits(line):
                    break


def _waits(line: socket.socket) -> bool:
    readable: Sequence[socket.socket]
    readable, _, _ = select.select([line], [], [], 0.0)
    return bool(readable)
