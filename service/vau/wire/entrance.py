"""Another way into a server than gRPC, to the same host: the live page has one."""

from typing import Protocol

from vau.wire.host import Host


class Entrance(Protocol):
    """Opened once the backends are checked, and closed when all streams have ended."""

    async def open(self, host: Host) -> str:
        """Listen; return the URL to go to. Raises ConfigInvalid if that cannot be had."""

    async def close(self) -> None:
        """Listen no more, and end what is still connected. Harmless if it never was open."""
