"""Slots of a server, as anybody sees them, and how long one takes to come free."""

from time import monotonic, sleep
from typing import Final

from tests.real_server import RealServer
from tests.serving import hear, speech, streaming
from tests.soak.check import NotSo
from vau.client import Client
from vau.errors import VauError

LOOK_S: Final = 0.02


def slots_in_use(server: RealServer) -> int:
    with Client(server.grpc) as client:
        listed = client.backends(include_unavailable=True).backends
    return sum(backend.slots_in_use for backend in listed)


def wait_for_slots(server: RealServer, in_use: int, within_s: float) -> float:
    """Wait until so many slots are in use; return after how long. Raises NotSo if they stay."""
    begun_s = monotonic()
    with Client(server.grpc) as client:
        while True:
            listed = client.backends(include_unavailable=True).backends
            now = sum(backend.slots_in_use for backend in listed)
            after_s = monotonic() - begun_s
            if now == in_use:
                return round(after_s, 3)
            if after_s > within_s:
                raise NotSo(f"{now} slots are in use after {after_s:.1f} s, not {in_use}")
            sleep(LOOK_S)


def error_of(server: RealServer, seconds: float = 10.0) -> str:
    """Return the class of the error that a new stream meets; empty if it ends well."""
    try:
        with Client(server.grpc, connect_timeout_s=seconds) as client:
            hear(client, [speech(1600)], streaming())
    except VauError as error:
        return type(error).__name__
    return ""
