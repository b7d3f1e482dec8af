"""A server as a process. Its log is stderr.

``python -m tests.server_process [GRACE_S [RESUME_KEY_FILE [HOST:PORT]]]``
"""

import asyncio
import sys
from pathlib import Path

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
    log = log_to(sys.stderr)
    metrics = Metrics(CollectorRegistry())
    backend = muntaniala()
    grace_s, key_file, listen = (*sys.argv[1:], *("30", "", FREE)[len(sys.argv) - 1 :])
    config = ServerConfig(
        listen=listen,
        metrics_listen=FREE,
        drain_grace_s=float(grace_s),
        resume_key_file=Path(key_file) if key_file else None,
    )
    lane = Lane(MODEL, backend, metrics.of(backend.info.id).on_round)
    asyncio.run(serve(config, [lane], metrics))
    log.close()


if __name__ == "__main__":
    main()
