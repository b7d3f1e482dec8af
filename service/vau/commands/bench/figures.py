"""Runs of a load as figures for programs: what the reports of a bench have in common.

Every time here was measured on this machine, by a clock that started when a chunk was due. A
figure that a server was too late to give is null, never zero.
"""

from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

import numpy as np

from vau.commands.bench.plan import Capacity
from vau.load.figures import LoadRun, Percentiles, total_energies


def side(runs: Sequence[LoadRun]) -> dict[str, Any]:
    """Sum up the runs of a side; percentiles are of all their chunks together."""
    return {
        **milliseconds(_latencies(runs)),
        "final": milliseconds(_finals(runs)),
        "chunks": sum(len(run.latencies_s) for run in runs),
        "is_carried": all(run.is_carried for run in runs),
        "lag_growth_ms": rounded(max(run.lag_growth_s for run in runs) * 1e3),
        "frames": sum(run.frames for run in runs),
        "deadline_misses": sum(run.deadline_misses for run in runs),
        "refused_streams": max(run.refused_streams for run in runs),
        "energy_per_frame": _energy_per_frame(runs),
        **_cpu(runs),
        **_sending(runs),
    }


def brief(run: LoadRun) -> dict[str, Any]:
    """Tell of a single run what it takes to compare it with others."""
    return {
        **milliseconds(Percentiles.of(run.latencies_s)),
        "streams": run.streams,
        "refused_streams": run.refused_streams,
        "is_carried": run.is_carried,
        "lag_growth_ms": rounded(run.lag_growth_s * 1e3),
        "deadline_misses": run.deadline_misses,
        **_cpu([run]),
        **_sending([run]),
    }


def _latencies(runs: Sequence[LoadRun]) -> Percentiles:
    return Percentiles.of(np.concatenate([run.latencies_s for run in runs]))


def _finals(runs: Sequence[LoadRun]) -> Percentiles | None:
    finals_s = np.concatenate([run.final_latencies_s for run in runs])
    return Percentiles.of(finals_s) if finals_s.size else None


def milliseconds(found: Percentiles | None) -> dict[str, float | None]:
    """Return percentiles by name; nothing of none."""
    return {} if found is None else {k: rounded(v) for k, v in asdict(found).items()}


def finite(value: float | None) -> float | None:
    """Return a figure as JSON can hold it: of what never came there is none."""
    return None if value is None or not isfinite(value) else value


def rounded(value: float) -> float | None:
    """Round to two digits, which are enough of milliseconds."""
    return finite(round(value, 2))


def _cpu(runs: Sequence[LoadRun]) -> dict[str, float | None]:
    """Return seconds of CPU; of a server that is not ours only the client's are known."""
    return {
        "client_cpu_s": _sum([run.cpu.client for run in runs]),
        "server_cpu_s": _sum([run.cpu.server for run in runs]),
        "server_helpers_cpu_s": _sum([run.cpu.helpers for run in runs]),
        "others_cpu_s": _sum([run.cpu.others for run in runs]),
    }


def _sum(seconds: Sequence[float | None]) -> float | None:
    known = [each for each in seconds if each is not None]
    return round(sum(known), 2) if known else None


def _sending(runs: Sequence[LoadRun]) -> dict[str, float | int | None]:
    """Tell how well the generator kept to its own schedule."""
    late_s = np.concatenate([run.send_lateness_s for run in runs])
    p99_ms = Percentiles.of(late_s).p99_ms if late_s.size else None
    return {
        "send_lateness_p99_ms": None if p99_ms is None else round(p99_ms, 2),
        "held_back_chunks": sum(run.held_back_chunks for run in runs),
    }


def _energy_per_frame(runs: Sequence[LoadRun]) -> list[dict[str, Any]]:
    """Return what the accelerator accounts for, for each origin and boundary by itself."""
    frames = sum(run.frames for run in runs)
    return [
        {
            "boundary": energy.boundary,
            "origin": energy.origin,
            "method": energy.method,
            "uj": energy.joules / frames * 1e6,
        }
        for energy in total_energies(run.energies for run in runs)
        if frames
    ]


def capacity_figures(found: Capacity | None) -> dict[str, Any] | None:
    """Return what a search found, and what it tried; None of none."""
    if found is None:
        return None
    return {
        "streams": found.streams,
        "is_a_bound": found.is_a_bound,
        "trials": [
            {k: rounded(v) if isinstance(v, float) else v for k, v in asdict(trial).items()}
            for trial in found.trials
        ],
    }
