"""Puts loads on servers, one at a time, and searches for what they carry."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.client import Client
from vau.client.paced import Driven, Load, drive
from vau.client.recognition import Request
from vau.commands.bench.plan import LEAST_CHUNKS, BenchPlan, Capacity, MeasuredEngine, Trial
from vau.commands.bench.sides import MOST_STREAMS, Clocks, LoadedServer, await_idle
from vau.counted import counted
from vau.load.capacity import most_sustained
from vau.load.figures import CpuSeconds, LoadRun, Percentiles, check_answers, run_of
from vau.load.knocks import Knock
from vau.load.limits import Limits

TRIAL_S: Final = 3.0
TRIAL_PATIENCE_S: Final = 1.0
PATIENCE_S: Final = 10.0
WARM_UP_RUN_S: Final = 1.5

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bencher:
    """Knows what to send, and how to hear what came of it."""

    plan: BenchPlan
    speech: NDArray[np.int16]
    counts_faults: bool = False
    """Count the frames that a server loses or repeats, instead of giving up on it."""

    def search(
        self,
        server: LoadedServer,
        most: int,
        tell: Tell,
        *,
        limits: Limits | None = None,
        resolution: int,
    ) -> Capacity:
        """Find how many streams a server sustains, and no more than ``most``.

        limits: a p99 of a chunk if there are none.
        """
        within = limits or Limits(p99_ms=self.plan.chunk_ms)
        trials: list[Trial] = []

        def is_sustained(streams: int) -> bool:
            for _ in range(2):  # one hiccup of the machine is not the server's limit
                trials.append(self._trial(server, streams, within))
                tell(_trial_text(trials[-1]))
                if trials[-1].is_sustained:
                    return True
            return False

        streams = most_sustained(is_sustained, most, resolution)
        return Capacity(streams=streams, is_a_bound=streams == most, trials=tuple(trials))

    def run(self, server: LoadedServer, load: Load) -> LoadRun:
        """Let a load run whose streams all last as long as it.

        Raises VauError if one that ended well lacks an answer and faults are not counted.
        """
        run, _knocks = self.run_with_knocks(server, load)
        return run

    def run_with_knocks(
        self, server: LoadedServer, load: Load
    ) -> tuple[LoadRun, tuple[Knock, ...]]:
        """Do so, and return what became of the streams that were tried besides."""
        driven, cpu = self.drive(server, load)
        if not self.counts_faults:
            check_answers(driven.streams)
        run = run_of(
            driven.streams,
            refused_streams=driven.refused_streams,
            chunk_s=load.chunk_s,
            cpu=cpu,
        )
        return run, driven.knocks

    def drive(self, server: LoadedServer, load: Load) -> tuple[Driven, CpuSeconds]:
        """Let a load run; return what was sent and heard, and whose the time was."""
        before = Clocks.read(server.ours)
        driven = drive(server.address, load, self.speech, self.plan.access)
        if server.ours:
            await_idle(server.ours)
        return driven, Clocks.read(server.ours).since(before)

    def load(self, streams: int, duration_s: float, patience_s: float = PATIENCE_S) -> Load:
        """Return a load of so many streams, at least so long that it says something."""
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

    def _trial(self, server: LoadedServer, streams: int, limits: Limits) -> Trial:
        run = self.run(server, self.load(streams, TRIAL_S, TRIAL_PATIENCE_S))
        found = Percentiles.of(run.latencies_s)
        return Trial(
            streams=streams,
            p50_ms=found.p50_ms,
            p99_ms=found.p99_ms,
            lag_growth_ms=run.lag_growth_s * 1e3,
            refused_streams=run.refused_streams,
            is_sustained=run.keeps_to(limits),
        )


def ask(plan: BenchPlan, address: str) -> tuple[MeasuredEngine, int]:
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


def run_text(what: str, run: LoadRun) -> str:
    """Say in a line how a run went."""
    found = Percentiles.of(run.latencies_s)
    return f"{what}: p50 {_ms(found.p50_ms)}, p99 {_ms(found.p99_ms)}"


def _trial_text(trial: Trial) -> str:
    verdict = "sustained" if trial.is_sustained else "too many"
    refused = f", {trial.refused_streams} refused" * bool(trial.refused_streams)
    times = f"p50 {_ms(trial.p50_ms)}, p99 {_ms(trial.p99_ms)}"
    return f"{counted(trial.streams, 'stream')}: {times}{refused}, {verdict}"


def _ms(value: float) -> str:
    return f"{value:.1f} ms" if isfinite(value) else "never"
