"""What the meters cost a server, beside all that it does for a chunk of live audio.

    ./run bench metrics [--streams N] [--seconds S] [--json]

A server of its own, paced streams of real speech in chunks of 100 ms: its CPU for each chunk,
all threads together. Then, in this process, what it counts for each: the same calls on rounds
of the same network, as large as the server's were in the mean. ``ratio`` is the one over the
other, and ``frame_by_frame`` the same had every frame been counted by itself, by histograms of
the library.
"""

from argparse import ArgumentParser
from collections.abc import Callable
from time import process_time
from typing import Final

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Histogram

from tests.bench._measure import host, report, stay_on_one_core
from vau.audio import HOP_SAMPLES
from vau.audiofile import read_recording
from vau.backend import BackendOptions
from vau.client.paced import Load, drive
from vau.client.recognition import Request
from vau.commands.clip import default_clip
from vau.commands.local_server import local_server
from vau.frontend import Frontend
from vau.lane import StageTimes
from vau.load.page import Scrape
from vau.metrics import BackendMeters, Metrics
from vau.metrics.families import FRAME_BUCKETS_S, STAGES
from vau.model import find_model
from vau.registry import open_backend
from vau.session import Answer, Push, Round, Session, advance, open_session
from vau.wire.stream.toll import Toll

MODEL: Final = "munt-3x384"
BACKEND: Final = "muntaniala"
CHUNK_S: Final = 0.1
CHUNK_FRAMES: Final = 10
GOAL: Final = 0.03
ROUNDS: Final = 9
REPEATS: Final = 400
TIMES: Final = StageTimes(
    queue_s=1e-3, feature_s=2e-4, compute_s=5e-4, post_s=1e-4, batch_size=1
)
LATE_S: Final = 0.012  # a frame that is late costs one call more


def served(speech: NDArray[np.int16], streams: int, seconds: float) -> tuple[float, float]:
    """Return the server's CPU for a chunk in microseconds, and the streams of a round."""
    load = Load(
        streams=streams,
        chunk_s=CHUNK_S,
        duration_s=seconds,
        seed=0,
        patience_s=10.0,
        request=Request(posteriors="log", interim_results=True),
    )
    options = ("--model", MODEL, "--backend", BACKEND, "--max-streams", str(streams))
    with local_server(*options, "--slow-stream-ms", "0") as server:
        drive(server.grpc, load, speech)  # to warm up
        before = Scrape.of(server.metrics)
        began_s = server.cpu_s()
        drive(server.grpc, load, speech)
        took_s = server.cpu_s() - began_s
        after = Scrape.of(server.metrics)

    def grew(name: str) -> float:
        return (after.total(name) or 0.0) - (before.total(name) or 0.0)

    batch = grew("vau_batch_size_sum") / grew("vau_batch_size_count")
    return took_s / (streams * load.chunks) * 1e6, batch


def one_round(speech: NDArray[np.int16], streams: int) -> Round:
    """Return a round of so many streams in the middle of their speech."""
    model = find_model(MODEL)
    backend = open_backend(BACKEND, model, BackendOptions(slot_count=streams))
    frontend, sessions = Frontend(model.frontend), [Session(model) for _ in range(streams)]
    for session in sessions:
        open_session(session, backend)
    size = CHUNK_FRAMES * HOP_SAMPLES
    done = None
    for at in range(3):
        audio = speech[at * size : (at + 1) * size].astype("<i2").tobytes()
        done = advance(frontend, backend, [Push(session, audio) for session in sessions])
    backend.close()
    assert done is not None
    return done


def per_chunk_us(count: Callable[[], object], chunks: int) -> float:
    """Return the CPU of ``count``, which counts so many chunks: the median over rounds."""
    took_us = []
    for _ in range(ROUNDS):
        began_s = process_time()
        for _ in range(REPEATS):
            count()
        took_us.append((process_time() - began_s) / REPEATS / chunks * 1e6)
    return float(np.median(took_us))


def counting(meters: BackendMeters, done: Round) -> Callable[[], None]:
    """Return what counts a round as the server does, the report on slow streams included."""
    toll, chunks = Toll(), len(done.answers)

    def count() -> None:
        meters.on_round(done)
        for _ in range(chunks):
            meters.heard(CHUNK_FRAMES * HOP_SAMPLES)
            meters.answered(CHUNK_FRAMES, TIMES, LATE_S)
            toll.took(CHUNK_FRAMES, TIMES, LATE_S)
            meters.lag.observe(0.06)
            toll.wrote(1e-4, 960)

    return count


def one_by_one(done: Round) -> Callable[[], None]:
    """Return what counts the frames of a round one by one: stages, device and energies."""
    histogram = Histogram(
        "h", "h", ("stage",), buckets=FRAME_BUCKETS_S, registry=CollectorRegistry()
    )
    energies = max(len(each.cost.energies) for each in done.answers if isinstance(each, Answer))
    lines = [histogram.labels(stage) for stage in (*STAGES, "device", *("energy",) * energies)]

    def count() -> None:
        for _ in range(len(done.answers) * CHUNK_FRAMES):
            for line in lines:
                line.observe(LATE_S)

    return count


def main() -> None:
    """Measure both, and report."""
    parser = ArgumentParser(prog="./run bench metrics")
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10.0, help="of audio in each stream")
    parser.add_argument("--json", action="store_true", help="one JSON line, as without it")
    asked = parser.parse_args()
    speech = read_recording(default_clip()).samples
    server_us, batch = served(speech, asked.streams, asked.seconds)
    stay_on_one_core()
    done = one_round(speech, max(1, round(batch)))
    chunks = len(done.answers)
    metrics_us = per_chunk_us(counting(Metrics(CollectorRegistry()).of("x"), done), chunks)
    singly_us = per_chunk_us(one_by_one(done), chunks)
    ratio = metrics_us / server_us
    report(
        bench="metrics",
        metrics_us_per_chunk=round(metrics_us, 2),
        server_cpu_us_per_chunk=round(server_us, 1),
        ratio=round(ratio, 4),
        goal=GOAL,
        is_met=ratio < GOAL,
        frame_by_frame={
            "us_per_chunk": round(singly_us, 2),
            "ratio": round(singly_us / server_us, 4),
        },
        streams=asked.streams,
        batch_mean=round(batch, 2),
        chunk_s=CHUNK_S,
        model=MODEL,
        clock="cpu",
        host=host("numpy", "prometheus-client", "grpcio"),
    )


if __name__ == "__main__":
    main()
