"""What a server carries, and how it behaves at that load: latency, finals, refusals, memory.

The server has one core of its own and the load another. First the most streams are sought that
keep to the limits, in short runs; a long run confirms them, or else fewer. At that load streams
then come and go, and a server that has room for no more refuses others.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from vau.audiofile import read_recording
from vau.commands.bench.bencher import WARM_UP_RUN_S, Bencher, Tell, ask, run_text
from vau.commands.bench.findings import Carried, Findings, Fullness, Memory, Peer
from vau.commands.bench.plan import QUIET_SHARE, BenchPlan
from vau.commands.bench.sides import (
    MOST_STREAMS,
    LoadedServer,
    await_idle,
    peer_of,
    quiet_generator,
    server_of,
)
from vau.commands.local_server import check_engines
from vau.counted import counted
from vau.errors import ConfigInvalid, Unreachable
from vau.load.cores import Cores
from vau.load.figures import LoadRun
from vau.load.limits import Limits
from vau.load.memory import resident_kb, watched_memory
from vau.load.turnover import Turnover, turnover_of

LIMITS: Final = Limits(p50_ms=15.0, p99_ms=50.0)
RESOLUTION: Final = 32  # of the search: as fine as runs of its length can tell
CONFIRMATIONS: Final = 6  # long runs at most
STEP: Final = 20  # each has a twentieth fewer streams than the one before
FEW_STREAMS: Final = 16
FEW_SHARE: Final = 1 / 3  # of the duration that is asked for, as of a full server's
TURNOVER_SHARE: Final = 2 / 3
STREAMS_OF_TURNOVER: Final = 4  # that follow each other in a place, about
KNOCKS_PER_S: Final = 25.0


def bench(plan: BenchPlan, tell: Tell) -> Findings:
    """Measure a plan without shadows; ``tell`` hears how it goes on.

    Raises AudioError for the file, ModelError or BackendError if nothing could serve,
    Unreachable if a server does not start or is lost, SlotsExhausted if it takes no stream,
    ConfigInvalid if it carries none, and what else it answers with. Servers of ours are
    stopped in any case.
    """
    bencher = Bencher(plan, read_recording(plan.file).samples, counts_faults=True)
    cores = None if plan.server else Cores.of_this_process()
    if cores is not None:
        check_engines(plan.model, plan.backend)
    with quiet_generator(cores):
        with server_of(plan, cores, plan.streams or MOST_STREAMS) as server:
            engine, most = ask(plan, server.address)
            tell(_where(server, cores))
            carried = carried_by(bencher, server, most, tell)
            if not carried.runs:
                raise ConfigInvalid(
                    f"streams: not even one keeps to p50 < {LIMITS.p50_ms:g} ms and p99 < "
                    f"{LIMITS.p99_ms:g} ms; name --streams to see its latencies",
                    field="streams",
                )
            few = _few(bencher, server, most, tell)
            turnover = _turnover(bencher, server, carried.streams)
            tell(f"{counted(turnover.streams, 'stream')} came and went")
        fullness = None
        if cores is not None:
            fullness = _fullness(bencher, cores, carried.streams)
            tell(f"{len(fullness.knocks)} more were tried of a full server")
        peer = _peer(bencher, cores, tell) if cores is not None and plan.peer_command else None
    return Findings(
        plan=plan,
        engine=engine,
        cores=cores,
        carried=carried,
        few=few,
        turnover=turnover,
        fullness=fullness,
        peer=peer,
    )


def carried_by(bencher: Bencher, server: LoadedServer, most: int, tell: Tell) -> Carried:
    """Find the most streams that keep to the limits, and let them run for as long as asked.

    If the plan says how many, there is one run of those.
    """
    plan, capacity = bencher.plan, None
    streams = plan.streams
    if streams is None:
        capacity = bencher.search(server, most, tell, limits=LIMITS, resolution=RESOLUTION)
        streams = capacity.streams
    else:
        bencher.run(server, bencher.load(streams, WARM_UP_RUN_S))

    def run(streams: int) -> LoadRun:
        found = bencher.run(server, bencher.load(streams, plan.duration_s))
        tell(run_text(f"{counted(streams, 'stream')} for {plan.duration_s:g} s", found))
        return found

    runs = (run(streams),) if capacity is None else confirmed(run, streams)
    return Carried(
        capacity=capacity,
        runs=runs,
        keeps_to_limits=bool(runs) and runs[-1].keeps_to(LIMITS),
        streams=runs[-1].streams if runs else 0,
    )


def confirmed(run: Callable[[int], LoadRun], streams: int) -> tuple[LoadRun, ...]:
    """Run ``streams``, then fewer and fewer, until a run keeps to the limits.

    What short runs found may be a little too much for a long one. One that other work on the
    machine disturbed is tried again, once for each number of streams. Returns all runs; none
    that kept to the limits was found if the last one does not.
    """
    runs: list[LoadRun] = []
    is_second = False
    while streams and len(runs) < CONFIRMATIONS:
        runs.append(run(streams))
        if runs[-1].keeps_to(LIMITS):
            break
        is_second = runs[-1].disturbed_share > QUIET_SHARE and not is_second
        if not is_second:
            streams -= max(1, streams // STEP)
    return tuple(runs)


def _few(bencher: Bencher, server: LoadedServer, most: int, tell: Tell) -> LoadRun | None:
    """Let a light load run, if there is room for it."""
    if most < FEW_STREAMS:
        return None
    run = bencher.run(server, bencher.load(FEW_STREAMS, bencher.plan.duration_s * FEW_SHARE))
    tell(run_text(f"{FEW_STREAMS} streams", run))
    return run


def _turnover(bencher: Bencher, server: LoadedServer, streams: int) -> Turnover:
    """Let streams come and go, with so many at a time."""
    load = bencher.load(streams, bencher.plan.duration_s * TURNOVER_SHARE)
    load = replace(load, stream_s=load.duration_s / STREAMS_OF_TURNOVER)
    driven, _cpu = bencher.drive(server, load)
    return turnover_of(
        driven.streams,
        refused_streams=driven.refused_streams,
        full_until_s=driven.full_until_s,
    )


def _fullness(bencher: Bencher, cores: Cores, streams: int) -> Fullness:
    """Fill a fresh server, look at its memory, and try more streams while all of its speak."""
    with server_of(bencher.plan, cores, streams) as server:
        if server.ours is None:
            raise ValueError("a server that was started is ours")
        await_idle(server.ours)
        idle_kb = _memory_kb(server.ours.pid)
        bencher.run(server, bencher.load(streams, WARM_UP_RUN_S))
        load = bencher.load(streams, bencher.plan.duration_s * FEW_SHARE)
        load = replace(load, knocks=max(1, round(load.duration_s * KNOCKS_PER_S)))
        with watched_memory(server.ours.pid) as watch:
            run, knocks = bencher.run_with_knocks(server, load)
    memory = Memory(idle_kb=idle_kb, busy_kb=watch.most_kb, streams=run.streams)
    return Fullness(memory=memory, knocks=knocks, run=run)


def _memory_kb(pid: int) -> int:
    found = resident_kb(pid)
    if found is None:
        raise Unreachable("the server of this machine has ended")
    return found


def _peer(bencher: Bencher, cores: Cores, tell: Tell) -> Peer:
    with peer_of(bencher.plan.peer_command, cores) as (server, said):
        tell(f"measuring {said.get('name', 'the peer')} at {server.address}")
        return Peer(said=said, carried=carried_by(bencher, server, MOST_STREAMS, tell))


def _where(server: LoadedServer, cores: Cores | None) -> str:
    where = f"measuring {server.address}"
    if cores is None:
        return where
    if not cores.are_apart:
        return f"{where}; there is one core: server and load share it"
    return f"{where} on core {cores.server}, from core {cores.generator}"
