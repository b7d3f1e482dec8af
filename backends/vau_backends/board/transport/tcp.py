"""A board behind a TCP port, for one client at a time."""

import socket
from collections.abc import Callable
from typing import Final

from vau.errors import BackendNotFound, DeviceLost, DeviceTimeout
from vau_backends.board.transport.places import place_of
from vau_backends.board.transport.port import Port

KEEP_ALIVE_S: Final = 5
KEEP_ALIVE_PROBES: Final = 3


def open_tcp(
    where: str,
    limit_s: float,
    *,
    name: str = "",
    why_lost: Callable[[], str] = lambda: "is it plugged in and on?",
) -> Port:
    """Connect to ``host:port``.

    name:     as errors call it; ``tcp:host:port`` unless it has another.
    why_lost: as ``Port`` takes it.
    Raises BackendNotFound if that names none, DeviceTimeout or DeviceLost if nobody answers.
    """
    name = name or f"tcp:{where}"
    place = place_of(where)
    if place is None:
        raise _nowhere(name)
    try:
        connection = socket.create_connection(place, limit_s)
    except UnicodeError as cause:  # of a host with an empty or an endless label
        raise _nowhere(name) from cause
    except TimeoutError as cause:
        raise DeviceTimeout(f"{name}: no answer within {limit_s:g} s", stage="open") from cause
    except OSError as cause:
        raise DeviceLost(
            f"{name}: {cause.strerror or cause}; does a board serve it?"
        ) from cause
    prepare(connection)
    return Port(name, connection.fileno(), connection.close, why_lost=why_lost)


def prepare(connection: socket.socket) -> None:
    """Send at once, block never, and find out if the machine at the other end is gone."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEP_ALIVE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEP_ALIVE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEP_ALIVE_PROBES)
    connection.setblocking(False)


def _nowhere(name: str) -> BackendNotFound:
    return BackendNotFound(
        f"board: {name} names no host and port, for example tcp:localhost:4000",
        field="board",
        name=name,
    )
