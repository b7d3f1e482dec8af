"""A load that the server carries, kept up: nothing may drift.

``python -m tests.soak.sustained ORDER`` sends one lap of it.
"""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from math import inf
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.audio import noise
from tests.commands import ROOT, environment
from tests.real_server import RealServer, real_server
from tests.soak.check import Check, Figures, Site, require
from tests.soak.scene import check_log
from vau.audio import SAMPLE_RATE_HZ
from vau.audiofile import read_recording
from vau.client.paced import Load, drive
from vau.client.recognition import Request
from vau.commands.clip import default_clip
from vau.errors import AudioError
from vau.load.capacity import most_sustained
from vau.load.figures import GROWTH_SHARE, CpuSeconds, Percentiles, run_of

MODEL: Final = "munt-3x384"
CHUNK_S: Final = 0.1
SHARE: Final = 0.8
MOST_STREAMS: Final = 512
TRIAL_S: Final = 2.5
PATIENCE_S: Final = 10.0
TRIAL_PATIENCE_S: Final = 1.0
MOST_GROWTH: Final = 1.5
"""So many times what it was at first may a latency be at last, and ``SLACK_MS`` more."""

SLACK_MS: Final = 10.0
MOST_GROWTH_BYTES: Final = 16 << 20
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


def held(site: Site) -> Figures:
    """Find what is carried, and send 80 % of it in laps."""
    lap_s = site.pick(short=9.0, long=150.0)
    laps = site.count(short=3, long=12)
    arguments = ("--model", MODEL, "--max-streams", MOST_STREAMS)
    with real_server(*arguments, log=site.folder / "server.log") as server:
        _drive(server, 8, TRIAL_S, TRIAL_PATIENCE_S)  # it and we have warmed up
        carried = most_sustained(
            lambda streams: _drive(server, streams, TRIAL_S, TRIAL_PATIENCE_S).is_sustained,
            MOST_STREAMS,
        )
        streams = max(1, int(SHARE * carried))
        done: list[Lap] = []
        resident: list[int] = []
        for _ in range(laps):
            done.append(_drive(server, streams, lap_s, PATIENCE_S))
            resident.append(server.resident_bytes())
        check_log(server, {})
    return judged(carried, streams, done, resident)


def judged(carried: int, streams: int, laps: list[Lap], resident: list[int]) -> Figures:
    """Raise NotSo if anything drifts between the first laps and the last."""
    third = max(1, len(laps) // 3)
    first, last = laps[:third], laps[-third:]
    grown = resident[-1] - resident[third - 1]
    figures: Figures = {
        "carried_streams": carried,
        "streams": streams,
        "laps": len(laps),
        "first_p50_ms": round(median(lap.p50_ms for lap in first), 1),
        "last_p50_ms": round(median(lap.p50_ms for lap in last), 1),
        "first_p99_ms": round(median(lap.p99_ms for lap in first), 1),
        "last_p99_ms": round(median(lap.p99_ms for lap in last), 1),
        "most_lag_growth_ms": round(max(lap.lag_growth_ms for lap in laps), 1),
        "final_p99_ms": round(max(lap.final_p99_ms for lap in laps), 1),
        "refused": sum(lap.refused for lap in laps),
        "resident_mb": round(resident[-1] / 1e6, 1),
        "grown_mb": round(grown / 1e6, 1),
    }
    require(carried > 0, "not even one stream is carried", figures)
    require(not figures["refused"], "streams were refused", figures)
    for rank in ("p50", "p99"):
        before, after = (float(figures[f"{when}_{rank}_ms"] or 0) for when in ("first", "last"))
        require(after <= MOST_GROWTH * before + SLACK_MS, f"{rank} drifts", figures)
    growths = [lap.lag_growth_ms for lap in laps]
    require(median(growths) < GROWTH_SHARE * CHUNK_S * 1e3, "the lag grows", figures)
    require(grown < MOST_GROWTH_BYTES, "memory grows", figures)
    return figures


def _drive(server: RealServer, streams: int, seconds: float, patience_s: float) -> Lap:
    """Send a load from a process of its own, and return what came of it.

    A frame that is lost or comes twice raises CalledProcessError, as a failing stream does.
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
    driven = drive(address, load, _speech())
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
    )
    json.dump(asdict(lap), sys.stdout)


def _speech() -> NDArray[np.int16]:
    """Return real speech where there is some."""
    try:
        return read_recording(default_clip()).samples
    except AudioError:
        return noise(10 * SAMPLE_RATE_HZ)[:, 0]


CHECKS: Final = (
    Check(
        "sustained",
        f"{SHARE:.0%} of the streams that are carried, in laps: latency, lag and memory do not "
        "drift, no frame is lost",
        held,
        is_alone=True,
    ),
)


if __name__ == "__main__":
    _main(*json.loads(sys.argv[1]))
