"""The server's end of a call, as the handlers use it: gRPC's, or that of another entrance."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import grpc

Metadata = Any  # pairs of a name and a text, or bytes if the name ends in -bin


class Peer(Protocol):
    """Who calls, as far as the connection tells."""

    def peer(self) -> str:
        """Return the address in the form of gRPC: ``ipv4:127.0.0.1:50051``."""

    def invocation_metadata(self) -> Metadata:
        """Return what came with the call; None if nothing did."""

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Return what TLS has shown of the caller: bytes, several for each name."""


class Context(Peer, Protocol):
    """One call, until it is ended. What is cancelled in it was left by its client."""

    async def read(self) -> Any:  # noqa: ANN401 - as gRPC types it
        """Return the next request; ``grpc.aio.EOF`` once the client has closed its half."""

    async def write(self, message: Any) -> None:  # noqa: ANN401 - as gRPC types it
        """Send a response, as soon as the client has room for it."""

    async def abort_with_status(self, status: grpc.Status) -> Any:  # noqa: ANN401
        """End the call with a status."""
