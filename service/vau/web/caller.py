"""Who is at the other end of a connection, as the door asks for it."""

from collections.abc import Sequence
from typing import Final

from starlette.requests import HTTPConnection

from vau.config import join_address
from vau.wire.context import Metadata
from vau.wire.door import HEADER

BEARER: Final = "bearer."
"""Begins the subprotocol that holds a token: browsers send no other header of ours."""


class Caller:
    """What a door may know of who asks: TLS shows nothing of browsers."""

    def __init__(self, connection: HTTPConnection, tokens: Sequence[str]) -> None:
        """Let ``tokens`` be what was sent as a token."""
        client = connection.client
        self._host, self._port = (client.host, client.port) if client else ("", 0)
        self._metadata = tuple((HEADER, value) for value in tokens)

    def peer(self) -> str:
        """Return the address in the form of gRPC."""
        kind = "ipv6" if ":" in self._host else "ipv4"
        return f"{kind}:{join_address(self._host, self._port)}"

    def invocation_metadata(self) -> Metadata:
        """Return what came as a token."""
        return self._metadata

    def auth_context(self) -> dict[str, list[bytes]]:
        """Return nothing: no certificate is asked for."""
        return {}


def over_http(connection: HTTPConnection) -> Caller:
    """Return who sends a request: a token comes in a header."""
    return Caller(connection, connection.headers.getlist(HEADER))


def over_websocket(connection: HTTPConnection) -> Caller:
    """Return who opens a WebSocket: a token comes as a subprotocol."""
    offered = connection.scope["subprotocols"]
    found = [each.removeprefix(BEARER) for each in offered if each.startswith(BEARER)]
    return Caller(connection, [f"Bearer {token}" for token in found])
