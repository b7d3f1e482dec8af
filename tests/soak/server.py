"""A server whose every setting can be set: ``python -m tests.soak.server``.

It is put together as ``vau serve`` puts it together; some limits have no flag, and waiting for
their defaults would take minutes.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from prometheus_client import CollectorRegistry

from tests.real_server import RealServer, real_server
from vau.commands.serve import open_lanes
from vau.config import ServerConfig
from vau.logs import log_to
from vau.metrics import Metrics
from vau.wire.server import serve

PROGRAM: Final = (sys.executable, "-m", "tests.soak.server")


@contextmanager
def soak_server(
    folder: Path,
    bundle: Path,
    *backends: str,
    log: str = "server.log",
    stderr: IO[bytes] | int | None = None,
    grpc: str = "",
    settings: Mapping[str, float | str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[RealServer]:
    """Serve ``bundle``; ``settings`` are fields of ServerConfig."""
    arguments = [word for name in backends or ("muntaniala",) for word in ("--backend", name)]
    with real_server(
        *("--model", bundle, "--settings", json.dumps(settings or {}), *arguments),
        log=folder / log,
        stderr=stderr,
        program=PROGRAM,
        grpc=grpc,
        **(variables or {}),
    ) as server:
        yield server


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen")
    parser.add_argument("--metrics-listen")
    parser.add_argument("--model")
    parser.add_argument("--backend", action="append")
    parser.add_argument("--settings", type=json.loads)
    asked = parser.parse_args()
    settings: dict[str, Any] = {
        name: Path(value) if name.endswith("_file") else value
        for name, value in asked.settings.items()
    }
    config = ServerConfig(listen=asked.listen, metrics_listen=asked.metrics_listen, **settings)
    with log_to(sys.stderr) as log:
        metrics = Metrics(CollectorRegistry())
        log.on_lost(metrics.log_lines_lost)
        lanes = open_lanes([asked.model], asked.backend, metrics, slots=config.max_streams)
        asyncio.run(serve(config, lanes, metrics))


if __name__ == "__main__":
    main()
