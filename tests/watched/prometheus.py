"""A real Prometheus, with the configuration and the rules that are deployed."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic, sleep, time
from typing import Final

from deploy.dashboards.ask import Prometheus
from deploy.dashboards.shelf import ROOT
from tests.real_server import STARTS, free_ports, was_taken
from tests.rules import RULES
from vau.errors import Unreachable

PROGRAM: Final = ROOT / ".cache/tools/prometheus"
CONFIG: Final = ROOT / "deploy/prometheus.yml"
PATIENCE_S: Final = 300.0  # for what must come, on however busy a machine
LOOK_S: Final = 0.2
OVERRIDES: Final = (
    ("scrape_interval: 5s", "scrape_interval: 1s"),
    ("evaluation_interval: 5s", "evaluation_interval: 1s"),
    ("- alerts.yml", f"- {RULES}"),
)
"""What differs from what is deployed, beside whom it scrapes."""


@contextmanager
def scraping(folder: Path, targets: Mapping[str, str]) -> Iterator[Prometheus]:
    """Run a Prometheus until the block ends.

    targets: host:port of each server, by what it is to be called.
    """
    config = folder / "prometheus.yml"
    config.write_text(_config(targets), encoding="utf-8")
    log = folder / "prometheus.log"
    for starts_left in reversed(range(STARTS)):
        (port,) = free_ports(1)
        command = [
            str(PROGRAM),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with log.open("wb") as opened:
            process = subprocess.Popen(command, stdout=opened, stderr=opened)
        prometheus = Prometheus(f"http://127.0.0.1:{port}")
        try:
            try:
                until(partial(_is_there, prometheus, process, log), "Prometheus to answer")
            except AssertionError:
                if starts_left and was_taken(log):
                    continue
                raise
            yield prometheus
            return
        finally:
            process.kill()
            process.wait()


def _config(targets: Mapping[str, str]) -> str:
    text, found, _ = CONFIG.read_text(encoding="utf-8").partition("    dns_sd_configs:")
    assert found, f"{CONFIG} finds its servers in another way"
    text += "    static_configs:"
    for name, address in targets.items():
        text += f'\n      - {{targets: ["{address}"], labels: {{instance: {name}}}}}'
    for there, here in OVERRIDES:
        assert text.count(there) == 1, f"{CONFIG} says {there!r} no more, or twice"
        text = text.replace(there, here)
    return text


def _is_there(prometheus: Prometheus, process: "subprocess.Popen[bytes]", log: Path) -> bool:
    assert process.poll() is None, log.read_text(encoding="utf-8")[-2000:]
    try:
        prometheus.at("vector(1)")
    except Unreachable:
        return False
    return True


def until(is_so: Callable[[], object], what: str) -> None:
    """Wait. Raises TimeoutError if it never comes."""
    end_s = monotonic() + PATIENCE_S
    while not is_so():
        if monotonic() > end_s:
            raise TimeoutError(f"waited {PATIENCE_S:g} s for {what}")
        sleep(LOOK_S)


def until_said(prometheus: Prometheus, query: str) -> None:
    """Wait until a query has an answer."""
    until(lambda: prometheus.at(query), query)


def until_scraped(prometheus: Prometheus, servers: int) -> None:
    """Wait until every server that answers has been scraped after this moment."""
    now_s = time()
    query = f'count(up{{job="vau"}} == 1 and timestamp(up) > {now_s}) >= {servers}'
    until_said(prometheus, query)
