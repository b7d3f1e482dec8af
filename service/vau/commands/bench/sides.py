"""The servers that a bench puts under load, and whose processor time a run took."""

import gc
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import monotonic, process_time, sleep
from typing import Any, Final, Self

from vau.commands.bench.plan import BenchPlan, Side
from vau.commands.local_server import (
    LocalServer,
    check_engines,
    local_server,
    served_by,
)
from vau.load.cores import Cores, on_core
from vau.load.figures import CpuSeconds
from vau.load.processor import machine_cpu_s

MOST_STREAMS: Final = 512  # that a search tries
IDLE_CHECK_S: Final = 0.1
IDLE_SHARE: Final = 0.2  # of a core: less than any load takes
IDLE_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class LoadedServer:
    """What is put under load."""

    address: str
    ours: LocalServer | None
    """None if it ran already: then its processes are not ours to look at."""

    @property
    def metrics(self) -> str:
        """Where its metrics are; empty if that is not known."""
        return self.ours.metrics if self.ours else ""


@contextmanager
def quiet_generator(cores: Cores | None) -> Iterator[None]:
    """Keep the load to its core, and this process from pausing while it makes it.

    A collection of all that was noted would take tens of milliseconds, which would be the
    server's in every figure; nothing that is noted is part of a cycle.
    """
    with ExitStack() as stack:
        if cores is not None:
            stack.enter_context(on_core(cores.generator))
        if gc.isenabled():
            gc.disable()
            stack.callback(gc.enable)
        yield


@contextmanager
def server_of(
    plan: BenchPlan, cores: Cores | None, most_streams: int
) -> Iterator[LoadedServer]:
    """Start what is measured on its core, or name what runs already where there are no cores.

    Raises Unreachable if a server of ours does not start. It is stopped behind the block.
    """
    if cores is None:
        yield LoadedServer(plan.server, None)
        return
    arguments = ("--model", plan.model, "--backend", plan.backend)
    with ExitStack() as stack:
        with on_core(cores.server):  # what is started there stays there
            server = stack.enter_context(
                local_server(*arguments, "--max-streams", str(most_streams))
            )
        yield LoadedServer(server.grpc, server)


@contextmanager
def peer_of(command: str, cores: Cores) -> Iterator[tuple[LoadedServer, dict[str, Any]]]:
    """Start another server on the core of ours, which does not run then.

    Yields it and what it says of itself. Raises Unreachable if it does not start. It is stopped
    behind the block.
    """
    with ExitStack() as stack:
        with on_core(cores.server):
            server, said = stack.enter_context(served_by(shlex.split(command)))
        yield LoadedServer(server.grpc, server), said


@contextmanager
def sides_of(plan: BenchPlan, cores: Cores) -> Iterator[dict[Side, LoadedServer]]:
    """Start a server without shadows and one with them, on one core; stop both at the end.

    Raises ModelError or BackendError if nothing could serve, Unreachable if a server of ours
    does not start.
    """
    check_engines(plan.model, plan.backend, *plan.shadows)
    most = str(plan.streams or MOST_STREAMS)
    arguments = ("--model", plan.model, "--backend", plan.backend, "--max-streams", most)
    shadows = [word for name in plan.shadows for word in ("--shadow", name)]
    with ExitStack() as stack:
        with on_core(cores.server):  # what is started there stays there, its shadows too
            off = stack.enter_context(local_server(*arguments))
            on = stack.enter_context(local_server(*arguments, *shadows))
        yield {"off": LoadedServer(off.grpc, off), "on": LoadedServer(on.grpc, on)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Processor seconds so far; all but the client's are 0 if the server is not ours."""

    client: float
    server: float = 0.0
    helpers: float = 0.0
    machine: float = 0.0

    @classmethod
    def read(cls, server: LocalServer | None) -> Self:
        """Read all of them, one after the other."""
        if server is None:
            return cls(client=process_time())
        return cls(
            client=process_time(),
            server=server.cpu_s(),
            helpers=server.helpers_cpu_s(),
            machine=machine_cpu_s(),
        )

    def since(self, before: "Clocks") -> CpuSeconds:
        """Return what was taken since."""
        client = self.client - before.client
        if not self.machine:
            return CpuSeconds(client=client)
        server, helpers = self.server - before.server, self.helpers - before.helpers
        others = self.machine - before.machine - (client + server + helpers)
        return CpuSeconds(
            client=client,
            server=server,
            helpers=helpers,
            others=max(0.0, others),  # clocks are not read at once
        )


def await_idle(server: LocalServer) -> None:
    """Let a server finish what it still has to do, which would disturb the next run."""
    ends_s = monotonic() + IDLE_TIMEOUT_S
    last_s = server.cpu_s() + server.helpers_cpu_s()
    while monotonic() < ends_s:
        sleep(IDLE_CHECK_S)
        now_s = server.cpu_s() + server.helpers_cpu_s()
        if now_s - last_s < IDLE_SHARE * IDLE_CHECK_S:
            return
        last_s = now_s
