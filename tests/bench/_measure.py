"""How benches measure: candidates take turns, in this process, and the host is named."""

import json
import os
import platform
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from numpy.typing import NDArray

Candidates = Mapping[str, Callable[[int], object]]
"""By name, what to time: it is called with the number of the round's step."""

Times = NDArray[np.float64]
"""Microseconds, shape (rounds, steps)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A candidate that takes several steps in a turn, and keeps its own place."""

    step: Callable[[], object]
    """What to time."""

    during: Callable[[], AbstractContextManager[object]] = nullcontext
    """Entered before a turn and left after it, neither of which is timed."""

    every: int = 1
    """It takes a turn in each so manieth round only: the first one and on."""


def take_turns(candidates: Candidates, *, rounds: int, steps: int) -> dict[str, Times]:
    """Return the times of each candidate, by the clock on the wall.

    All take a step before any takes the next, so that what else the host does meets all alike.
    One more round goes first, to warm up, and is not counted.
    """
    took_us = {name: np.zeros((rounds + 1, steps)) for name in candidates}
    for at in range(rounds + 1):
        for step in range(steps):
            for name, candidate in candidates.items():
                started_s = perf_counter()
                candidate(step)
                took_us[name][at, step] = (perf_counter() - started_s) * 1e6
    return {name: times[1:] for name, times in took_us.items()}


def take_long_turns(
    sides: Mapping[str, Side], *, rounds: int, warm_s: float, turn_s: float
) -> dict[str, Times]:
    """Return the times of each side, of as many steps a round as fit in ``turn_s``, or one.

    For those that live on what they have in the caches, as they would in a service: a side
    takes all steps of a round one after the other, behind ``warm_s`` of steps, one at least,
    that bring its memory back and are not counted. Then the next side has its turn.

    The clock is the CPU time of this process. What else the host runs is not charged to
    anybody, and whoever had more threads than it was given would pay for them.
    """
    steps = {name: _steps_within(turn_s, side) for name, side in sides.items()}
    took_us: dict[str, list[list[float]]] = {name: [] for name in sides}
    for at in range(rounds):
        for name, side in sides.items():
            if at % side.every == 0:
                with side.during():
                    _warm_up(side, warm_s)
                    took_us[name].append([cpu_s(side.step) * 1e6 for _ in range(steps[name])])
    return {name: np.array(times) for name, times in took_us.items()}


def cpu_s(do: Callable[[], object]) -> float:
    """Return the seconds of CPU that ``do`` takes."""
    started_s = process_time()
    do()
    return process_time() - started_s


def times_faster(ours: Times, theirs: Times) -> tuple[float, list[float]]:
    """Return their time over ours: the median over rounds of the ratio of medians.

    With it come the extremes over rounds, as its spread.
    """
    ratios = np.median(theirs, axis=1) / np.median(ours, axis=1)
    spread = [round(float(np.min(ratios)), 2), round(float(np.max(ratios)), 2)]
    return round(float(np.median(ratios)), 2), spread


def summary(
    took_us: Mapping[str, Times], *, baseline: str
) -> dict[str, dict[str, float | list[float]]]:
    """Reduce each candidate to median, p99, and how many times faster it is than the baseline.

    Source: ``times_faster``, of the ratio and its spread.
    """
    found: dict[str, dict[str, float | list[float]]] = {}
    for name, times in took_us.items():
        speedup, spread = times_faster(times, took_us[baseline])
        found[name] = {
            "median_us": round(float(np.median(times)), 1),
            "p99_us": round(float(np.percentile(times, 99)), 1),
            "speedup": speedup,
            "speedup_spread": spread,
        }
    return found


def stay_on_one_core() -> None:
    """Keep this process where its caches are, if the system lets it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def host(*packages: str) -> dict[str, object]:
    """Describe what the figures depend on besides the code."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 2),
        "blas_threads": os.environ.get("OPENBLAS_NUM_THREADS", "unset"),
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }


def report(**fields: object) -> None:
    """Print the one line that a machine can read."""
    print(json.dumps(fields))


def _steps_within(turn_s: float, side: Side) -> int:
    """Return how many steps fit, one at least, by the second of two: the first warms up."""
    with side.during():
        side.step()
        return max(1, int(turn_s / cpu_s(side.step)))


def _warm_up(side: Side, warm_s: float) -> None:
    ends_s = process_time() + warm_s
    side.step()
    while process_time() < ends_s:
        side.step()


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
