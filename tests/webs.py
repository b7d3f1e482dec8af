"""What speaks to the live page's entrance: a client of WebSockets, and one of HTTP."""

import base64
import http.client
import json
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from google.protobuf import json_format
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.serving import FREE, PATIENCE_S, Heard, streaming
from vau.config import ServerConfig
from vau.v1 import speech_pb2 as pb

SUBPROTOCOL: Final = "vau.v1"
HALF_CLOSE: Final = '{"halfClose": true}'


def web_config(**more: Any) -> ServerConfig:  # noqa: ANN401 - any field
    return ServerConfig(listen=FREE, metrics_listen=FREE, web_listen=FREE, **more)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a WebSocket ended."""

    code: int
    error: dict[str, Any]
    """What was said of it; empty if nothing was."""


class Socket:
    """A WebSocket to a server, as a page has one."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, request: bytes | str | dict[str, Any] | pb.StreamingConfig) -> None:
        if isinstance(request, pb.StreamingConfig):
            request = {"config": json_format.MessageToDict(request)}
        self.connection.send(json.dumps(request) if isinstance(request, dict) else request)

    def hear(self) -> dict[str, Any]:
        """Return the next message of the server as it is."""
        said: dict[str, Any] = json.loads(self.connection.recv(PATIENCE_S))
        return said

    def rest(self) -> tuple[list[pb.StreamingRecognizeResponse], Ended]:
        """Return what comes until the end, and how that is."""
        responses: list[pb.StreamingRecognizeResponse] = []
        error: dict[str, Any] = {}
        try:
            while True:
                said = self.hear()
                if "error" in said:
                    error = said["error"]
                else:
                    message = pb.StreamingRecognizeResponse()
                    responses.append(json_format.ParseDict(said, message))
        except ConnectionClosed as closed:
            return responses, Ended(closed.rcvd.code if closed.rcvd else 1006, error)

    def drop(self) -> None:
        """Lose the connection without a word."""
        self.connection.socket.shutdown(socket.SHUT_RDWR)

    def failure(self) -> Ended:
        return self.rest()[1]


@contextmanager
def web_socket(
    url: str,
    *,
    token: str = "",
    origin: str | None = None,
    subprotocols: Sequence[str] = (SUBPROTOCOL,),
    tls: ssl.SSLContext | None = None,
    sock: socket.socket | None = None,
    max_queue: int = 16,
) -> Iterator[Socket]:
    """Open a WebSocket to the server whose page is at ``url``."""
    offered = [*subprotocols, *([f"bearer.{token}"] if token else [])]
    with connect(
        url.replace("http", "ws", 1) + "api/stream",
        subprotocols=offered or None,  # type: ignore[arg-type]
        origin=origin,  # type: ignore[arg-type]
        ssl=tls,
        sock=sock,
        max_queue=max_queue,
        open_timeout=PATIENCE_S,
        close_timeout=PATIENCE_S,
        max_size=None,
        proxy=None,
    ) as connection:
        yield Socket(connection)


def hear_web(
    url: str,
    requests: Iterable[bytes | dict[str, Any]],
    config: pb.StreamingConfig | None = None,
    **more: Any,  # noqa: ANN401 - as for web_socket
) -> tuple[Heard, Ended]:
    """Send it all, close the half, and return what came back."""
    with web_socket(url, **more) as socket:
        socket.send(config or streaming())
        for request in requests:
            socket.send(request)
        socket.send(HALF_CLOSE)
        responses, ended = socket.rest()
        return Heard(responses), ended


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer over HTTP."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - it is JSON
        return json.loads(self.body)


def fetch(
    url: str,
    path: str,
    method: str = "GET",
    *,
    headers: Mapping[str, str] = MappingProxyType({}),
    tls: ssl.SSLContext | None = None,
) -> Fetched:
    """Send one request, its path just as it is."""
    address = urlsplit(url).netloc
    if url.startswith("https"):
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            address, timeout=PATIENCE_S, context=tls
        )
    else:
        connection = http.client.HTTPConnection(address, timeout=PATIENCE_S)
    try:
        connection.request(method, path, headers=dict(headers))
        answer = connection.getresponse()
        names = {name.lower(): value for name, value in answer.getheaders()}
        return Fetched(answer.status, names, answer.read())
    finally:
        connection.close()


def packed(data: bytes) -> str:
    """Return bytes as JSON has them."""
    return base64.b64encode(data).decode()
