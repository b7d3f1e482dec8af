"""How late a server answers under the load of many paced streams, alone or with shadows.

The load is half of the most streams that this machine sustains, client and server on it
together, unless it is given. What is compared takes turns: short runs, now on one server, now
on the other, each beside its pair, so that what else the machine does meets both alike.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isfinite
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.audiofile import read_recording
from vau.client import Client
from vau.client.paced import Load, drive
from vau.client.recognition import Request
from vau.commands.bench.plan import (
    HALF,
    LEAST_CHUNKS,
    Bench,
    BenchPlan,
    Capacity,
    MeasuredEngine,
    Side,
    SideRun,
    Trial,
)
from vau.commands.bench.sides import (
    MOST_STREAMS,
    Clocks,
    LoadedServer,
    await_idle,
    sides_of,
)
from vau.commands.bench.verdict import is_enough
from vau.errors import ConfigInvalid
from vau.load.capacity import most_sustained
from vau.load.figures import LoadRun, Percentiles, run_of
from vau.load.page import Scrape

TRIAL_S: Final = 3.0
TRIAL_PATIENCE_S: Final = 1.0
PATIENCE_S: Final = 10.0
WARM_UP_RUN_S: Final = 1.5

Tell = Callable[[str], None]


def bench(plan: BenchPlan, tell: Tell) -> Bench:
    """Measure; ``tell`` hears how it goes on.

    Raises AudioError for the file, ModelError or BackendError if nothing could serve,
    Unreachable if a server does not start or is lost, SlotsExhausted if it takes no stream,
    and what else it answers with. Servers of ours are stopped in any case.
    """
    speech = read_recording(plan.file).samples
    with sides_of(plan) as sides:
        engine, most = _ask(plan, sides["off"].address)
        tell(f"measuring {' and '.join(each.address for each in sides.values())}")
        bencher = _Bencher(plan, speech, sides)
        capacity, streams = None, plan.streams
        if streams is None:
            capacity = bencher.search(most, tell)
            streams = _half(capacity)
        runs = bencher.take_turns(streams, tell)
        metrics = sides["on"].metrics if "on" in sides else ""
        return Bench(
            plan=plan,
            engine=engine,
            capacity=capacity,
            streams=streams,
            runs=runs,
            shadow_page=Scrape.of(metrics) if metrics else None,
        )


def _ask(plan: BenchPlan, address: str) -> tuple[MeasuredEngine, int]:
    """Return what serves there, and how many streams it takes."""
    with Client(address, access=plan.access) as client:
        info, listed = client.server_info(), client.backends(include_unavailable=True)
    wanted = (plan.backend if plan.server else "") or listed.default_backend
    found = next((each for each in listed.backends if each.id == wanted), None)
    engine = MeasuredEngine(
        model=(plan.model if plan.server else "") or info.models[0].name,
        backend=wanted,
        tier=found.tier if found else "",
        version=info.version,
    )
    return engine, min(info.limits.max_streams or MOST_STREAMS, MOST_STREAMS)


def _half(capacity: Capacity) -> int:
    """Return half of what is sustained. Raises ConfigInvalid if that is nothing."""
    if not capacity.streams:
        raise ConfigInvalid(
            "streams: not even one is sustained with chunks of this length; try longer "
            "--chunk-ms, or name --streams to see its latencies",
            field="streams",
        )
    return max(1, capacity.streams // HALF)


@dataclass(frozen=True, slots=True)
class _Bencher:
    """Puts load on servers, one at a time."""

    plan: BenchPlan
    speech: NDArray[np.int16]
    sides: dict[Side, LoadedServer]

    def search(self, most: int, tell: Tell) -> Capacity:
        """Find how many streams are sustained without shadows, and no more than ``most``."""
        trials: list[Trial] = []

        def is_sustained(streams: int) -> bool:
            for _ in range(2):  # one hiccup of the machine is not the server's limit
                trials.append(self._trial(streams))
                tell(_trial_text(trials[-1]))
                if trials[-1].is_sustained:
                    return True
            return False

        streams = most_sustained(is_sustained, most)
        return Capacity(streams=streams, is_a_bound=streams == most, trials=tuple(trials))

    def take_turns(self, streams: int, tell: Tell) -> tuple[SideRun, ...]:
        """Return each run with its side, pair by pair; who goes first alternates.

        With shadows it ends halfway if that decides what they cost.
        """
        order: list[Side] = list(self.sides)
        warm_up = self._load(streams, WARM_UP_RUN_S, PATIENCE_S)
        for side in order:
            self._run(side, warm_up)
        runs: list[SideRun] = []
        for pair in range(self.plan.most_pairs):
            load = self._load(streams, self.plan.run_s, PATIENCE_S)
            load = replace(load, seed=self.plan.seed + pair)  # the same for both of a pair
            for side in order:
                runs.append(SideRun(side, self._run(side, load)))
                what = f", shadows {side}" * bool(self.plan.shadows)
                of = f"run {pair + 1} of {self.plan.most_pairs}{what}"
                tell(_run_text(of, runs[-1].run))
            if is_enough(self.plan, runs):
                tell("that decides it: the other runs are spared")
                break
            order.reverse()
        return tuple(runs)

    def _trial(self, streams: int) -> Trial:
        run = self._run("off", self._load(streams, TRIAL_S, TRIAL_PATIENCE_S))
        return Trial(
            streams=streams,
            p99_ms=Percentiles.of(run.latencies_s).p99_ms,
            lag_growth_ms=run.lag_growth_s * 1e3,
            refused_streams=run.refused_streams,
            is_sustained=run.is_sustained,
        )

    def _load(self, streams: int, duration_s: float, patience_s: float) -> Load:
        names = (self.plan.model, self.plan.backend) if self.plan.server else ("", "")
        return Load(
            streams=streams,
            chunk_s=self.plan.chunk_s,
            duration_s=max(duration_s, LEAST_CHUNKS * self.plan.chunk_s),
            seed=self.plan.seed,
            patience_s=patience_s,
            request=Request(
                model=names[0], backend=names[1], interim_results=True, posteriors="log"
            ),
        )

    def _run(self, side: Side, load: Load) -> LoadRun:
        server = self.sides[side]
        ours = server.ours
        before = Clocks.read(ours)
        driven = drive(server.address, load, self.speech, self.plan.access)
        if ours:
            await_idle(ours)
        cpu = Clocks.read(ours).since(before)
        return run_of(
            driven.streams,
            refused_streams=driven.refused_streams,
            chunk_s=load.chunk_s,
            cpu=cpu,
        )


def _trial_text(trial: Trial) -> str:
    verdict = "sustained" if trial.is_sustained else "too many"
    refused = f", {trial.refused_streams} refused" * bool(trial.refused_streams)
    return f"{trial.streams} streams: p99 {_ms(trial.p99_ms)}{refused}, {verdict}"


def _run_text(what: str, run: LoadRun) -> str:
    found = Percentiles.of(run.latencies_s)
    return f"{what}: p50 {_ms(found.p50_ms)}, p99 {_ms(found.p99_ms)}"


def _ms(value: float) -> str:
    return f"{value:.1f} ms" if isfinite(value) else "never"
