"""Over HTTP: the page on which Prometheus reads the meters, and readiness."""

import socket
import sys
from collections.abc import Callable, Iterable
from http import HTTPStatus
from socketserver import ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from vau.config import join_address, split_address
from vau.errors import ConfigInvalid
from vau.metrics.meters import Metrics

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PATH: Final = "/metrics"
READY: Final = "/readyz"


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each request: one that is slow holds up no other."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Tell of a defect. Who hangs up, as a proxy does that knows enough, is none."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _OverIPv6(_Server):
    address_family = socket.AF_INET6


class _Silent(WSGIRequestHandler):
    """Whoever scrapes every five seconds is not worth a line each."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


class MetricsPage:
    """``/metrics`` and ``/readyz`` over HTTP, on threads of their own, and nothing else."""

    def __init__(self, metrics: Metrics, listen: str, why_not: Callable[[], str]) -> None:
        """Listen at ``listen``. Raises ConfigInvalid if that address cannot be had.

        why_not: says, on any thread, why no stream should be sent here; nothing if one may.
        """
        host, port = split_address(listen, "metrics_listen")
        self._why_not = why_not
        self._show = make_wsgi_app(metrics.registry)
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            kind = _OverIPv6 if family == socket.AF_INET6 else _Server
            self._server = make_server(host, port, self._answer, kind, _Silent)
        except OSError as cause:
            raise ConfigInvalid(
                f"metrics_listen={listen!r}: {cause.strerror}; choose another address",
                field="metrics_listen",
            ) from cause
        self.address = join_address(host, self._server.server_port)
        self._thread = Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def _answer(self, asked: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        if asked["PATH_INFO"] == PATH:
            shown: Iterable[bytes] = self._show(asked, start)
            return shown
        status, text = HTTPStatus.NOT_FOUND, f"there are {PATH} and {READY}"
        if asked["PATH_INFO"] == READY:
            why_not = self._why_not()
            status = HTTPStatus.SERVICE_UNAVAILABLE if why_not else HTTPStatus.OK
            text = why_not or "ready"
        start(f"{status.value} {status.phrase}", [("Content-Type", "text/plain")])
        return [f"{text}\n".encode()]

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
