"""Replicas behind the proxy: each has an address of its own, and all have the same ports."""

import asyncio
import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Final

from tests.fleet.names import Names
from tests.fleet.proxy import Proxy, haproxy
from tests.real_server import RealServer, real_server
from tests.soak.check import NotSo
from vau.load.page import Scrape

PROXY, FIRST_REPLICA, KEEPER = 1, 10, 250  # the last bytes of their addresses
SERVERS: Final = "vau.test"  # a name of all replicas
MODEL: Final = "munt-3x384"
MOST_STREAMS: Final = 256
GRACE_S: Final = 3600.0  # a drain lasts until it is hurried, and who never reads may stay
PATIENCE_S: Final = 180.0
LOOK_S: Final = 0.05
CHECK_TIMEOUT: Final = "60s"
FALL: Final = "10"  # what a replica that stalls on a busy machine does not come to


@dataclass(frozen=True, slots=True)
class Ports:
    """Those of every address of a fleet."""

    grpc: int
    metrics: int
    proxy_metrics: int


@dataclass(slots=True)
class Fleet:
    """What runs, and where."""

    folder: Path
    network: str
    """The first three bytes of its addresses: one of the networks that are this machine."""

    ports: Ports
    names: Names
    stack: ExitStack
    replicas: dict[int, RealServer] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where the proxy listens."""
        return f"{self.host(PROXY)}:{self.ports.grpc}"

    def start(self, number: int, *flags: object) -> None:
        """Start the replica of this number, or start it again, with further flags."""
        host, key = self._replica(number), self.folder / "resume.key"
        arguments = (
            *("--model", MODEL, "--max-streams", MOST_STREAMS),
            *("--resume-key-file", key, "--drain-grace", GRACE_S, "--write-timeout", GRACE_S),
        )
        server = self.stack.enter_context(
            real_server(
                *(*arguments, *flags),
                log=self.folder / f"{host}-{secrets.token_hex(2)}.log",
                grpc=f"{host}:{self.ports.grpc}",
                metrics=f"{host}:{self.ports.metrics}",
            )
        )
        self.replicas[number] = server
        here = [n for n, replica in self.replicas.items() if replica.is_running]
        self.names.addresses = tuple(map(self._replica, here))

    def proxy(self, number: int = PROXY, **variables: str) -> Proxy:
        """Start a proxy in front of the replicas, which ends with the fleet."""
        host, folder = self.host(number), self.folder / f"proxy-{number}"
        folder.mkdir(exist_ok=True)
        settings = {
            "VAU_LISTEN": f"{host}:{self.ports.grpc}",
            "VAU_PROXY_METRICS": f"{host}:{self.ports.proxy_metrics}",
            "VAU_DNS": self.names.address,
            "VAU_SERVERS": SERVERS,
            "VAU_PORT": str(self.ports.grpc),
            "VAU_METRICS_PORT": str(self.ports.metrics),
            "VAU_CHECK_TIMEOUT": CHECK_TIMEOUT,
            "VAU_FALL": FALL,
        }
        return self.stack.enter_context(haproxy(folder, settings | variables))

    def streams(self) -> list[int]:
        """Return how many streams each replica has, 0 of one that is not there."""
        return [
            round(Scrape.of(replica.metrics).total("vau_server_streams_active") or 0)
            if replica.is_running
            else 0
            for _number, replica in sorted(self.replicas.items())
        ]

    def is_balanced_over(self, proxy: Proxy, *numbers: int) -> bool:
        """Tell whether the proxy gives new streams to these replicas, and to no other."""
        return proxy.up() == sorted(map(self._replica, numbers))

    def host(self, number: int) -> str:
        """Return an address of this fleet: the last byte is given."""
        return f"{self.network}.{number}"

    def _replica(self, number: int) -> str:
        return self.host(FIRST_REPLICA + number)


@contextmanager
def fleet(folder: Path) -> Iterator[Fleet]:
    """Make an empty fleet; what it starts ends with the block."""
    folder.mkdir(exist_ok=True)
    network = "127." + ".".join(str(1 + secrets.randbelow(250)) for _ in range(2))
    key = folder / "resume.key"
    key.touch(0o600)
    key.write_text(secrets.token_hex(32), encoding="ascii")
    with ExitStack() as stack:
        ports = stack.enter_context(_kept(f"{network}.{KEEPER}"))
        names = stack.enter_context(Names(f"{network}.1"))
        yield Fleet(folder, network, ports, names, stack)


@contextmanager
def _kept(host: str) -> Iterator[Ports]:
    """Choose ports that nobody has, and keep them at ``host``: none is taken everywhere."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
        for each in sockets:
            each.bind((host, 0))
        yield Ports(*(each.getsockname()[1] for each in sockets))


async def until(is_so: Callable[[], bool], what: str) -> float:
    """Wait for it; return after how many seconds. Raises NotSo if it never comes true."""
    begun_s = monotonic()
    while not await asyncio.to_thread(is_so):
        if monotonic() - begun_s > PATIENCE_S:
            raise NotSo(f"after {PATIENCE_S:g} s still not: {what}")
        await asyncio.sleep(LOOK_S)
    return round(monotonic() - begun_s, 3)


def spread(streams: Sequence[int]) -> int:
    """Return how uneven streams are over replicas: 0 if all have as many."""
    return max(streams) - min(streams)
