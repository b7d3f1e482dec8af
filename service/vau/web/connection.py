"""What one connection may take: uvicorn bounds what it holds, and here is for how long."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

MOST: Final = 1000  # connections; gRPC has a limit of its own
HTTP_S: Final = 60.0  # for a connection that becomes no WebSocket: browsers make another
LAST_WORD_S: Final = 10.0  # for a client to take what was said last, and to answer the close


class HttpConnection(H11Protocol):
    """A connection that has become no WebSocket yet."""

    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, if there are not too many."""
        super().connection_made(transport)
        if len(self.connections) > MOST:
            transport.abort()
            return
        self._end = self.loop.call_later(HTTP_S, self.late)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        super().connection_lost(exc)
        if self._end is not None:
            self._end.cancel()

    def late(self) -> None:
        """End it, unless it has become a WebSocket."""
        if self.transport.get_protocol() is self:
            self.transport.abort()


class SocketConnection(WebSocketsSansIOProtocol):
    """A WebSocket."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as uvicorn calls it
        """Give the client less time to answer the close than uvicorn would."""
        super().__init__(*args, **kwargs)
        self.close_timeout = LAST_WORD_S

    def on_task_complete(self, task: "asyncio.Task[None]") -> None:
        """Give up a client that does not take what it was told last."""
        super().on_task_complete(task)
        self.loop.call_later(LAST_WORD_S, self.transport.abort)
