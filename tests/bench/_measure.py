"""How benches measure: candidates take turns, in this process, and the host is named."""

import json
import os
import platform
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

Candidates = Mapping[str, Callable[[int], object]]
"""By name, what to time: it is called with the number of the round's step."""


def take_turns(
    candidates: Candidates, *, rounds: int, steps: int
) -> dict[str, NDArray[np.float64]]:
    """Return microseconds of wall time, shape (rounds, steps), for each candidate.

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


def summary(
    took_us: Mapping[str, NDArray[np.float64]], *, baseline: str
) -> dict[str, dict[str, float | list[float]]]:
    """Reduce each candidate to median, p99, and how many times faster it is than the baseline.

    The ratio is the median over rounds of the ratio of medians; its spread, the extremes.
    """
    base = np.median(took_us[baseline], axis=1)
    found: dict[str, dict[str, float | list[float]]] = {}
    for name, times in took_us.items():
        ratios = base / np.median(times, axis=1)
        found[name] = {
            "median_us": round(float(np.median(times)), 1),
            "p99_us": round(float(np.percentile(times, 99)), 1),
            "speedup": round(float(np.median(ratios)), 2),
            "speedup_spread": [
                round(float(np.min(ratios)), 2),
                round(float(np.max(ratios)), 2),
            ],
        }
    return found


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


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
