"""A load that the server carries, kept up: nothing may drift.

Memory is compared with what it was after the first laps. Latency is not: over minutes a host
does other things, too. At the end the server has laps in turn with one that has just been
started, and what it does worse than that one is its age.

``python -m tests.soak.sustained ORDER`` sends one lap of it.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import inf
from typing import Final

from tests.audio import clip_or_noise
from tests.commands import ROOT, environment
from tests.real_server import RealServer, real_server
from tests.soak.check import Check, Figures, NotSo, Site, require
from tests.soak.scene import check_log
from vau.client.paced import Load, drive
from vau.client.recognition import Request
from vau.load.capacity import most_sustained
from vau.load.figures import GROWTH_SHARE, CpuSeconds, Percentiles, run_of

MODEL: Final = "munt-3x384"
CHUNK_S: Final = 0.1
SHARE: Final = 0.8
MOST_STREAMS: Final = 512
TRIAL_S: Final = 2.0
PATIENCE_S: Final = 10.0
TRIAL_PATIENCE_S: Final = 1.0
MOST_GROWTH: Final = 1.5
"""So many times that of a fresh server may a latency be, and so much more: of a few seconds'
chunks, the hundredth that is late is a matter of what else the host does."""

SLACK_MS: Final = {"p50": 10.0, "p99": 30.0}
MOST_GROWTH_BYTES: Final = 32 << 20
"""The bound on the resident memory's growth after the first laps, however many follow. Caches
and the allocator take 3 to 12 MB more in ten laps. A host that is busy for a while makes an
overload of any load, and this takes 30 MB, as measured with twice the streams that are carried.
100 streams that left their decoders behind would need 7 MB a lap."""

ATTEMPTS: Final = 3
"""What else the machine does may look like a drift, but not each time."""

PROCESS_PATIENCE_S: Final = 240.0


@dataclass(frozen=True, slots=True)
class Lap:
    """One stretch of the load, in figures."""

    streams: int
    refused: int
    p50_ms: float
    p99_ms: float
    final_p99_ms: float
    lag_growth_ms: float
    is_sustained: bool
    lost: int
    repeated: int
    """Frames that were not answered, or more than once."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The same load twice, one right after the other."""

    aged: Lap
    fresh: Lap


class Drifts(NotSo):
    """Times have become longer than with a fresh server."""


class TooBusy(Drifts):
    """The machine has become too busy for a fresh server."""


def held(site: Site) -> Figures:
    """Find what is carried, send 80 % of it in laps, and compare with a fresh server."""
    lap_s, pair_s = site.pick(short=4.0, long=150.0), site.pick(short=4.0, long=20.0)
    laps, pairs = site.count(short=2, long=12), site.count(short=2, long=4)
    with _server(site, "trial") as server:
        carried = most_sustained(
            lambda streams: _drive(server, streams, TRIAL_S, TRIAL_PATIENCE_S).is_sustained,
            MOST_STREAMS,
        )
    require(carried > 0, "not even one stream is carried")
    streams = max(1, int(SHARE * carried))
    with _server(site, "aged") as aged, _server(site, "fresh") as fresh:
        done: list[Lap] = []
        resident: list[int] = []
        for _ in range(laps):
            done.append(_drive(aged, streams, lap_s, PATIENCE_S))
            resident.append(aged.resident_bytes())

        def compare(streams: int) -> Figures:
            compared = [_pair(aged, fresh, streams, pair_s) for _ in range(pairs)]
            resident.append(aged.resident_bytes())
            return judged(carried, done, compared, resident)

        figures = settled(compare, streams)
        check_log(aged, {})
    return figures


def settled(compare: Callable[[int], Figures], streams: int) -> Figures:
    """Return what ``compare`` of so many streams returns, once nothing drifts.

    Raises Drifts if it drifts each time, and at once what else ``compare`` raises.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return compare(streams)
        except TooBusy:
            streams = max(1, int(SHARE * streams))
        except Drifts:
            pass
    return compare(streams)


def judged(carried: int, laps: list[Lap], pairs: list[Pair], resident: list[int]) -> Figures:
    """Raise NotSo if anything drifts; Drifts if times do.

    laps:     those before the comparison.
    resident: bytes after each of the laps, and after each comparison.
    """
    ages = [pair.aged for pair in pairs]
    fresh = [pair.fresh for pair in pairs]
    every = (*laps, *ages, *fresh)
    first = resident[max(1, len(laps) // 3) - 1]
    figures: Figures = {
        "carried_streams": carried,
        "streams": laps[0].streams,
        "laps": len(laps),
        "pairs": len(pairs),
        "streams_of_pairs": pairs[0].aged.streams,
        "first_p50_ms": round(laps[0].p50_ms, 1),
        "first_p99_ms": round(laps[0].p99_ms, 1),
        "final_p99_ms": round(min(lap.final_p99_ms for lap in ages), 1),
        "refused": sum(lap.refused for lap in every),
        "frames_lost": sum(lap.lost for lap in every),
        "frames_repeated": sum(lap.repeated for lap in every),
        "resident_mb": round(resident[-1] / 1e6, 1),
        "grown_mb": round((resident[-1] - first) / 1e6, 1),
        "bound_mb": round(MOST_GROWTH_BYTES / 1e6, 1),
    }
    for name in ("p50_ms", "p99_ms", "lag_growth_ms"):  # what disturbs a lap only adds to it
        for whose, of_these in (("aged", ages), ("fresh", fresh)):
            figures[f"{whose}_{name}"] = round(min(getattr(lap, name) for lap in of_these), 1)
    require(not figures["refused"], "streams were refused", figures)
    require(not figures["frames_lost"], "frames were lost", figures)
    require(not figures["frames_repeated"], "frames came twice", figures)
    if not any(lap.is_sustained for lap in fresh):
        raise TooBusy("the machine is too busy to tell", figures)
    for rank in ("p50", "p99"):
        then, now = (float(figures[f"{whose}_{rank}_ms"] or 0) for whose in ("fresh", "aged"))
        if now > MOST_GROWTH * then + SLACK_MS[rank]:
            raise Drifts(f"{rank} drifts", figures)
    growth_ms = float(figures["aged_lag_growth_ms"] or 0)
    if growth_ms >= GROWTH_SHARE * CHUNK_S * 1e3:
        raise Drifts("the lag grows", figures)
    require(resident[-1] - first < MOST_GROWTH_BYTES, "memory grows", figures)
    return figures


@contextmanager
def _server(site: Site, name: str) -> Iterator[RealServer]:
    """Run a server that has served a few streams already."""
    arguments = ("--model", MODEL, "--max-streams", MOST_STREAMS)
    with real_server(*arguments, log=site.folder / f"{name}.log") as server:
        _drive(server, 8, TRIAL_S / 2, TRIAL_PATIENCE_S)
        yield server


def _pair(aged: RealServer, fresh: RealServer, streams: int, seconds: float) -> Pair:
    return Pair(
        _drive(aged, streams, seconds, PATIENCE_S), _drive(fresh, streams, seconds, PATIENCE_S)
    )


def _drive(server: RealServer, streams: int, seconds: float, patience_s: float) -> Lap:
    """Send a load from a process of its own, and return what came of it.

    A stream that fails raises CalledProcessError.
    """
    order = json.dumps([server.grpc, streams, seconds, patience_s])
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak.sustained", order],
        cwd=ROOT,
        env=environment(OPENBLAS_NUM_THREADS="1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=PROCESS_PATIENCE_S + seconds,
        check=True,
    )
    return Lap(**json.loads(done.stdout))


def _main(address: str, streams: int, seconds: float, patience_s: float) -> None:
    load = Load(
        streams=streams,
        chunk_s=CHUNK_S,
        duration_s=seconds,
        seed=0,
        patience_s=patience_s,
        request=Request(interim_results=True, posteriors="log"),
    )
    driven = drive(address, load, clip_or_noise())
    run = run_of(
        driven.streams,
        refused_streams=driven.refused_streams,
        chunk_s=CHUNK_S,
        cpu=CpuSeconds(client=0.0),
    )
    times, finals = Percentiles.of(run.latencies_s), run.final_latencies_s
    lap = Lap(
        streams=run.streams,
        refused=run.refused_streams,
        p50_ms=times.p50_ms,
        p99_ms=times.p99_ms,
        final_p99_ms=Percentiles.of(finals).p99_ms if len(finals) else inf,
        lag_growth_ms=1e3 * run.lag_growth_s,
        is_sustained=run.is_sustained,
        lost=run.faults.lost,
        repeated=run.faults.repeated,
    )
    json.dump(asdict(lap), sys.stdout)


CHECKS: Final = (
    Check(
        "sustained",
        f"{SHARE:.0%} of the streams that are carried, in laps: latency and lag are those of a "
        f"fresh server, memory grows by less than {MOST_GROWTH_BYTES >> 20} MiB, no frame is "
        "lost",
        held,
        is_alone=True,
    ),
)


if __name__ == "__main__":
    _main(*json.loads(sys.argv[1]))
