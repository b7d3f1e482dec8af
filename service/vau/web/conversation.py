"""A WebSocket as the server's end of a call: what the handler of StreamingRecognize needs.

A pump takes messages off the socket beside the handler, so that a client that has left is
noticed whatever the handler waits for. It holds few of them: the rest waits in the transport.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc
from starlette.websockets import WebSocket, WebSocketDisconnect

from vau.errors import ConfigInvalid, VauError
from vau.v1 import speech_pb2 as pb
from vau.web.caller import Caller
from vau.web.mapping import CLOSE_CODES, ending, request_of, text_of
from vau.wire.clock import Leash
from vau.wire.context import Metadata

MOST_WAITING: Final = 8  # messages between the socket and the handler, which bounds the rest
WELL: Final = 1000  # the code with which a WebSocket ends that has done what it was for


class Conversation:
    """One call over a WebSocket that has been accepted."""

    def __init__(self, socket: WebSocket, caller: Caller) -> None:
        """Serve ``caller``; nothing is read before ``heard`` is entered."""
        self._socket = socket
        self._caller = caller
        self._requests: asyncio.Queue[Any] = asyncio.Queue(MOST_WAITING)
        self._is_finished = False

    def peer(self) -> str:
        """Return the address of the client."""
        return self._caller.peer()

    def invocation_metadata(self) -> Metadata:
        """Return what came with the handshake."""
        return self._caller.invocation_metadata()

    def auth_context(self) -> dict[str, list[bytes]]:
        """Return what TLS has shown of the client."""
        return self._caller.auth_context()

    @asynccontextmanager
    async def heard(self) -> AsyncIterator[None]:
        """Take messages off the socket within the block, and cancel it if the client leaves."""
        leash = Leash()
        handler = asyncio.current_task()
        assert handler is not None
        pumping = asyncio.create_task(self._pump(handler, leash))
        try:
            async with leash:
                yield
        finally:
            pumping.cancel()

    async def read(self) -> Any:  # noqa: ANN401 - a request, or gRPC's mark of the end
        """Return the next request, or ``grpc.aio.EOF``. Raises VauError for what is none."""
        request = await self._requests.get()
        if isinstance(request, VauError):
            raise request
        return request

    async def write(self, message: pb.StreamingRecognizeResponse) -> None:
        """Send a response, as soon as there is room for it."""
        self._is_finished = message.HasField("finished")
        await self._send(text_of(message))

    async def abort_with_status(self, status: grpc.Status) -> None:
        """Say why the call ends, and end it. Raises AbortError, as gRPC does."""
        told = ending(status)
        await self._send(json.dumps(told, ensure_ascii=False))
        await self._close(CLOSE_CODES + status.code.value[0], told["error"].get("reason", ""))
        raise grpc.aio.AbortError

    async def end(self) -> None:
        """End a call that ended well."""
        await self._close(WELL)

    async def _send(self, text: str) -> None:
        try:
            await self._socket.send_text(text)
        except (WebSocketDisconnect, RuntimeError) as cause:
            raise asyncio.CancelledError from cause  # as a call over gRPC that was left

    async def _close(self, code: int, reason: str = "") -> None:
        try:
            await self._socket.close(code, reason)
        except (WebSocketDisconnect, RuntimeError) as cause:
            raise asyncio.CancelledError from cause

    async def _pump(self, handler: "asyncio.Task[Any]", leash: Leash) -> None:
        """Move messages until the client has left, or says what it must not."""
        try:
            while (request := request_of(await self._receive())) is not None:
                await self._requests.put(request)
            await self._requests.put(grpc.aio.EOF)
            await self._receive()
        except WebSocketDisconnect:
            if not self._is_finished:
                handler.cancel()
        except VauError as error:
            await self._requests.put(error)
        else:
            leash.pull(
                ConfigInvalid(
                    "request: came after halfClose, which is to be the last; leave it out",
                    field="request",
                )
            )

    async def _receive(self) -> str | bytes:
        """Return the next message. Raises WebSocketDisconnect if none can come."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", WELL))
        found: str | bytes | None = message.get("text")
        return message["bytes"] if found is None else found
