"""The page on which Prometheus reads the meters."""

from typing import Self

from prometheus_client import start_http_server

from vau.config import join_address, split_address
from vau.errors import ConfigInvalid
from vau.metrics.meters import Metrics


class MetricsPage:
    """``/metrics`` over HTTP, on a thread of its own."""

    def __init__(self, metrics: Metrics, listen: str) -> None:
        """Listen at ``listen``. Raises ConfigInvalid if that address cannot be had."""
        host, port = split_address(listen, "metrics_listen")
        try:
            self._server, self._thread = start_http_server(port, host, metrics.registry)
        except OSError as cause:
            raise ConfigInvalid(
                f"metrics_listen={listen!r}: {cause.strerror}; choose another address",
                field="metrics_listen",
            ) from cause
        self.address = join_address(host, self._server.server_port)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
