"""A server as a process: ``python -m tests.server_process [GRACE_S]``. Its log is stderr."""

import asyncio
import sys

from prometheus_client import CollectorRegistry

from tests.serving import (
    FREE,
    MODEL,
    muntaniala,
)
from vau.config import ServerConfig
from vau.lane import Lane
from vau.logs import log_to
from vau.metrics import Metrics
from vau.wire.server import serve


def main() -> None:
    log_to(sys.stderr)
    metrics = Metrics(CollectorRegistry())
    backend = muntaniala()
    config = ServerConfig(
        listen=FREE,
        metrics_listen=FREE,
        drain_grace_s=float(sys.argv[1]) if sys.argv[1:] else 30.0,
    )
    lane = Lane(MODEL, backend, metrics.of(backend.info.id).on_round)
    asyncio.run(serve(config, [lane], metrics))


if __name__ == "__main__":
    main()
