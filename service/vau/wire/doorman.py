"""The doorman: stops calls without a token before a byte of what they send is read.

An interceptor, so that what is not named here is closed, methods of tomorrow included. It
sees neither the connection nor what becomes of the call; for both ``vau.wire.call`` asks the
door again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Final

import grpc
from grpc_health.v1 import health

from vau.door.buckets import Bucket
from vau.errors import AuthError
from vau.logs import facts
from vau.wire.context import Context
from vau.wire.door import Door, host_of
from vau.wire.health import SERVICE
from vau.wire.status import to_grpc

logger = logging.getLogger(__name__)

Details = grpc.HandlerCallDetails
Handler = Any  # of one method; gRPC types it by what it takes and gives

INFO: Final = f"/{SERVICE}/GetServerInfo"
HEALTH: Final = frozenset(
    f"/{health.SERVICE_NAME}/{name}" for name in ("Check", "Watch", "List")
)
LINES_PER_S: Final = 1.0  # of refusals in the log, or else whoever knocks fills the disk
LINES_AT_ONCE: Final = 10.0
MAX_METHOD_CHARACTERS: Final = 100  # of a name that anybody may make up
HOLD_S: Final = 0.05
"""A refusal comes so late. To one that comes while it is sending its first message gRPC's own
asyncio client says INTERNAL, whatever it was; by then the message is on its way, and unread."""


class Doorman(grpc.aio.ServerInterceptor):
    """Lets a call pass if it brings a token, or is for what needs none."""

    def __init__(self, door: Door, *, closed_health: bool) -> None:
        """Stand at ``door``."""
        self._door = door
        self._open = {INFO} if closed_health else {INFO, *HEALTH}
        self._lines = Bucket(LINES_PER_S, LINES_AT_ONCE, monotonic())
        self._unlogged = 0

    async def intercept_service(
        self, continuation: Callable[[Details], Awaitable[Handler]], details: Details
    ) -> Handler:
        """Return the method that was called, or one that refuses."""
        if details.method not in self._open:
            try:
                self._door.token(details.invocation_metadata)
            except AuthError as refusal:
                return self._refusing(refusal, details.method)
        return await continuation(details)

    def _refusing(self, refusal: AuthError, method: str) -> Handler:
        async def refuse(_requests: object, context: Context) -> None:
            self.note(refusal, method, context.peer())
            await asyncio.sleep(HOLD_S)
            await context.abort_with_status(to_grpc(refusal))

        # Whatever the method takes and gives: of this kind none waits for a request.
        return grpc.stream_stream_rpc_method_handler(refuse)

    def note(self, refusal: AuthError, method: str, peer: str) -> None:
        """Count a refusal, and log it unless there are too many of them."""
        self._door.refused(refusal)
        if self._lines.take(1.0, monotonic()):
            self._unlogged += 1
            return
        logger.warning(
            "refused",
            extra=facts(
                method=method[:MAX_METHOD_CHARACTERS],
                peer=host_of(peer),
                why=refusal.facts["why"],
                unlogged=self._unlogged,
            ),
        )
        self._unlogged = 0
