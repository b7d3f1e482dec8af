"""Listens for browsers, in the event loop of the server and under its signals and log."""

import errno
import logging
import socket
import ssl
from typing import Any, Final

import uvicorn

from vau.config import EXCESS, ServerConfig, join_address, split_address
from vau.errors import ConfigInvalid
from vau.web.app import app_of
from vau.web.connection import HttpConnection, SocketConnection
from vau.web.mapping import TEXT_BYTES
from vau.wire.door import Door
from vau.wire.host import Host

HEADER_BYTES: Final = 16 << 10  # of a request; ours have a tenth of that
KEEP_ALIVE_S: Final = 5  # of a connection without a request
SEND_BYTES: Final = (
    64 << 10
)  # that the kernel keeps for who reads slowly, and twice that at most
LINGER_S: Final = 2  # for what is still connected at the end


class WebEntrance:
    """The entrance of one server."""

    def __init__(self, config: ServerConfig) -> None:
        """Listen nowhere yet."""
        self._config = config
        self._server: uvicorn.Server | None = None
        self._sockets: list[socket.socket] = []

    @property
    def connections(self) -> int:
        """How many there are."""
        return 0 if self._server is None else len(self._server.server_state.connections)

    async def open(self, host: Host) -> str:
        """Listen; return the URL of the page."""
        self._sockets = bound(self._config)
        # It has tracebacks for what any client may send; what is a defect we say ourselves.
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)
        config = _transport(self._config, host)
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        # Not its `serve`, which takes the signals of the process.
        await server.startup(sockets=self._sockets)
        self._server = server
        name, _ = split_address(self._config.web_listen, "web_listen")
        scheme = "http" if config.ssl is None else "https"
        return f"{scheme}://{join_address(name, self._sockets[0].getsockname()[1])}/"

    async def close(self) -> None:
        """Listen no more, and end what is still connected."""
        if self._server is not None:
            await self._server.shutdown(sockets=self._sockets)
        for each in self._sockets:
            each.close()


def _transport(config: ServerConfig, host: Host) -> uvicorn.Config:
    transport = uvicorn.Config(
        app_of(host),
        http=HttpConnection,
        ws=SocketConnection,
        loop="none",
        lifespan="off",
        interface="asgi3",
        workers=1,  # or it would look into the environment
        log_config=None,
        access_log=False,
        proxy_headers=False,  # anybody could say that he is somebody else
        server_header=False,
        date_header=False,
        ws_max_size=max(EXCESS * config.max_audio_message_bytes, EXCESS * TEXT_BYTES),
        ws_ping_interval=config.keepalive_s,
        ws_ping_timeout=None,  # an answer may wait behind unread audio: see _patient
        ws_per_message_deflate=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=LINGER_S,
        h11_max_incomplete_event_size=HEADER_BYTES,
    )
    transport.load()
    transport.ssl = _tls(host.door)
    return transport


def _tls(door: Door) -> ssl.SSLContext | None:
    """Return TLS that shows the certificate of the moment; None without one."""
    if door.identity is None:
        return None

    def renew(shown: Any, _name: str | None, _context: ssl.SSLContext) -> None:  # noqa: ANN401
        if door.identity is not None:
            shown.context = door.identity.tls

    first = door.identity.tls
    first.sni_callback = renew
    return first


def bound(config: ServerConfig) -> list[socket.socket]:
    """Return sockets at the addresses of the page's host, as far as this machine has them.

    Raises ConfigInvalid if it has none, or one of them is taken.
    """
    host, port = split_address(config.web_listen, "web_listen")
    made: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        failures: list[OSError] = []
        for family, _kind, _protocol, _name, address in found:
            try:
                made.append(_bound(config, family, (address[0], port, *address[2:])))
            except OSError as failure:
                failures.append(failure)
                if failure.errno == errno.EADDRINUSE:
                    raise
            else:
                port = made[0].getsockname()[1]  # of all of them, if any would have done
        if not made:
            raise failures[0]
    except OSError as cause:
        for each in made:
            each.close()
        raise ConfigInvalid(
            f"web_listen={config.web_listen!r}: {cause.strerror or cause}; choose another "
            "address",
            field="web_listen",
        ) from cause
    return made


def _bound(config: ServerConfig, family: int, address: tuple[Any, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _patient(made, config)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def _patient(listening: socket.socket, config: ServerConfig) -> None:
    """Let the kernel find out who is gone without a word; what is accepted inherits it.

    It is asked for what its own side holds, and so a client that is merely ahead of its answers
    is not taken for one that is gone.
    """
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    idle_s, answer_s = config.keepalive_s, config.keepalive_timeout_s
    tcp = socket.IPPROTO_TCP
    listening.setsockopt(tcp, socket.TCP_KEEPIDLE, max(1, round(idle_s)))
    listening.setsockopt(tcp, socket.TCP_KEEPINTVL, max(1, round(answer_s / 3)))
    listening.setsockopt(tcp, socket.TCP_KEEPCNT, 3)
    longest_s = max(idle_s + answer_s, config.write_timeout_s)
    listening.setsockopt(tcp, socket.TCP_USER_TIMEOUT, round(longest_s * 1e3))
