"""What a bench of the server found, as figures for programs.

Every time here was measured on this machine, by a clock that started when a chunk was due. A
figure that a server was too late to give is null, never zero.
"""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from math import inf, isfinite
from pathlib import Path
from typing import Any, Final

import numpy as np

from vau.commands.bench_plan import Bench, Side
from vau.load.figures import Percentiles, Run, total_energies
from vau.load.shadows import Shadow, shadows_on

TARGET_RATIO: Final = 1.10
"""Shadows may make the client's p99 longer by a tenth."""

QUIET_SHARE: Final = 0.1  # of a core, which others may take of a machine that is called quiet

LIBRARIES: Final = ("grpcio", "numpy")  # what the times depend on besides the code


def report(bench: Bench) -> dict[str, Any]:
    """Return all figures, for a machine."""
    return {
        "streams": bench.streams,
        "half_of": bench.capacity.streams if bench.capacity else None,
        "chunk_ms": bench.plan.chunk_ms,
        **_sides(bench),
        "origin": "measured",
        "model": bench.engine.model,
        "backend": bench.engine.backend,
        "tier": bench.engine.tier,
        "file": str(bench.plan.file),
        "runs_per_side": bench.plan.pairs,
        "run_s": bench.plan.run_s,
        "seed": bench.plan.seed,
        "capacity": _capacity(bench),
        "runs": [{"side": side, **_run(run)} for side, run in bench.runs],
        **_host(bench.engine.version),
    }


def _p99_ratios(bench: Bench, *, only_quiet: bool = False) -> list[float]:
    """Return, pair by pair, the p99 with shadows over that without.

    only_quiet: leave out pairs during which the machine had something else to do.
    """
    most_s = QUIET_SHARE * bench.plan.run_s if only_quiet else inf
    pairs = zip(bench.of("off"), bench.of("on"), strict=True)
    return [
        Percentiles.of(on.latencies_s).p99_ms / Percentiles.of(off.latencies_s).p99_ms
        for off, on in pairs
        if off.is_carried and on.is_carried
        if max(off.cpu.others or 0.0, on.cpu.others or 0.0) <= most_s
    ]


def _sides(bench: Bench) -> dict[str, Any]:
    """Return the figures that are compared, or those of the one side there is."""
    sides = {name: _side(runs) for name, runs in _named_sides(bench).items()}
    if not bench.plan.shadows:
        return sides
    ratios, shadows = _p99_ratios(bench), _shadows(bench)
    quiet = _p99_ratios(bench, only_quiet=True)
    return {
        **sides,
        "p99_ratio": round(float(np.median(ratios)), 3) if ratios else None,
        "p99_ratio_range": [round(min(ratios), 3), round(max(ratios), 3)] if ratios else None,
        "quiet_pairs": len(quiet),
        "p99_ratio_of_quiet_pairs": round(float(np.median(quiet)), 3) if quiet else None,
        "within_10_percent": _is_within_target(bench),
        "shadow": {
            "frames": sum(each.frames for each in shadows),
            "shed_frames": sum(each.shed_frames for each in shadows),
            "disagreements": sum(each.disagreements for each in shadows),
            "backends": [_shadow_figures(each) for each in shadows],
        },
    }


def _is_within_target(bench: Bench) -> bool:
    """Tell whether shadows kept to what they may cost; not if a run was not carried."""
    ratios = _p99_ratios(bench)
    is_complete = len(ratios) == bench.plan.pairs
    return is_complete and float(np.median(ratios)) <= TARGET_RATIO


def _named_sides(bench: Bench) -> dict[str, tuple[Run, ...]]:
    sides: tuple[Side, ...] = ("off", "on")
    if bench.plan.shadows:
        return {side: bench.of(side) for side in sides}
    return {"latency": bench.of("off")}


def _side(runs: Sequence[Run]) -> dict[str, Any]:
    """Sum up the runs of a side; percentiles are of all their chunks together."""
    return {
        **_milliseconds(_latencies(runs)),
        "final": _milliseconds(_finals(runs)),
        "chunks": sum(len(run.latencies_s) for run in runs),
        "is_carried": all(run.is_carried for run in runs),
        "lag_growth_ms": _finite(max(run.lag_growth_s for run in runs) * 1e3),
        "frames": sum(run.frames for run in runs),
        "deadline_misses": sum(run.deadline_misses for run in runs),
        "refused_streams": max(run.refused_streams for run in runs),
        "energy_per_frame": _energy_per_frame(runs),
        **_cpu(runs),
        **_sending(runs),
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        **_milliseconds(Percentiles.of(run.latencies_s)),
        "streams": run.streams,
        "refused_streams": run.refused_streams,
        "is_carried": run.is_carried,
        "lag_growth_ms": _finite(run.lag_growth_s * 1e3),
        "deadline_misses": run.deadline_misses,
        **_cpu([run]),
        **_sending([run]),
    }


def _latencies(runs: Sequence[Run]) -> Percentiles:
    return Percentiles.of(np.concatenate([run.latencies_s for run in runs]))


def _finals(runs: Sequence[Run]) -> Percentiles | None:
    finals_s = np.concatenate([run.final_latencies_s for run in runs])
    return Percentiles.of(finals_s) if finals_s.size else None


def _milliseconds(found: Percentiles | None) -> dict[str, float | None]:
    return {} if found is None else {k: _finite(v) for k, v in asdict(found).items()}


def _finite(value: float) -> float | None:
    return round(value, 2) if isfinite(value) else None


def _cpu(runs: Sequence[Run]) -> dict[str, float | None]:
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


def _sending(runs: Sequence[Run]) -> dict[str, float | int | None]:
    """Tell how well the generator kept to its own schedule."""
    late_s = np.concatenate([run.send_lateness_s for run in runs])
    p99_ms = Percentiles.of(late_s).p99_ms if late_s.size else None
    return {
        "send_lateness_p99_ms": None if p99_ms is None else round(p99_ms, 2),
        "held_back_chunks": sum(run.held_back_chunks for run in runs),
    }


def _energy_per_frame(runs: Sequence[Run]) -> list[dict[str, Any]]:
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


def _capacity(bench: Bench) -> dict[str, Any] | None:
    if bench.capacity is None:
        return None
    found = bench.capacity
    return {
        "streams": found.streams,
        "is_a_bound": found.is_a_bound,
        "trials": [
            {k: _finite(v) if isinstance(v, float) else v for k, v in asdict(trial).items()}
            for trial in found.trials
        ],
    }


def _shadows(bench: Bench) -> tuple[Shadow, ...]:
    return shadows_on(bench.shadow_page) if bench.shadow_page else ()


def _shadow_figures(shadow: Shadow) -> dict[str, Any]:
    return {
        "id": shadow.id,
        "frames": shadow.frames,
        "shed_frames": shadow.shed_frames,
        "disagreements": shadow.disagreements,
        "energy_per_frame": [
            {
                "boundary": energy.boundary,
                "origin": energy.origin,
                "uj": energy.joules / shadow.frames * 1e6,
            }
            for energy in shadow.energies
            if shadow.frames
        ],
    }


def _host(server_version: str) -> dict[str, Any]:
    """Describe what the figures depend on besides the load."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "load_1min": round(os.getloadavg()[0], 2),
        "versions": {
            "vau": server_version,
            "python": platform.python_version(),
            **{library: version(library) for library in LIBRARIES},
        },
    }


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
