"""What a bench of the server found, as figures for programs.

Every time here was measured on this machine, by a clock that started when a chunk was due. A
figure that a server was too late to give is null, never zero.
"""

from collections.abc import Sequence
from dataclasses import asdict
from math import floor, isfinite
from typing import Any

import numpy as np

from vau.commands.bench.host import host
from vau.commands.bench.plan import Bench, Side
from vau.commands.bench.verdict import Judgement, judgement_of
from vau.load.figures import LoadRun, Percentiles, total_energies
from vau.load.shadows import ShadowFigures


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
        "runs_per_side": len(bench.of("off")),
        "most_runs_per_side": bench.plan.most_pairs,
        "run_s": bench.plan.run_s,
        "seed": bench.plan.seed,
        "capacity": _capacity(bench),
        "runs": [{"side": each.side, **_run(each.run)} for each in bench.runs],
        **host(bench.engine.version),
    }


def _sides(bench: Bench) -> dict[str, Any]:
    """Return the figures that are compared, or those of the one side there is."""
    sides = {name: _side(runs) for name, runs in _named_sides(bench).items()}
    return {**sides, **_judged(judgement_of(bench))} if bench.plan.shadows else sides


def _judged(found: Judgement) -> dict[str, Any]:
    ratios, interval = found.ratios.values, found.interval
    return {
        "p99_ratio": _finite(found.ratios.median),
        "p99_ratio_interval": [_finite(interval.low), _finite(interval.high)]
        if interval
        else None,
        "interval_confidence": round(interval.confidence, 3) if interval else None,
        "p99_ratio_range": [_finite(min(ratios)), _finite(max(ratios))] if ratios else None,
        "judged_pairs": len(ratios),
        "quiet_pairs": len(found.quiet.values),
        "p99_ratio_of_quiet_pairs": _finite(found.quiet.median),
        "verdict": found.verdict,
        "undecided_because": found.undecided_because or None,
        "within_10_percent": {"within": True, "missed": False}.get(found.verdict),
        "shadow": {
            "frames": sum(each.frames for each in found.shadows),
            "shed_frames": sum(each.shed_frames for each in found.shadows),
            "least_heard_share": _floored(found.least_heard_share),
            "disagreements": sum(each.disagreements for each in found.shadows),
            "backends": [_shadow_figures(each) for each in found.shadows],
        },
    }


def _named_sides(bench: Bench) -> dict[str, tuple[LoadRun, ...]]:
    sides: tuple[Side, ...] = ("off", "on")
    if bench.plan.shadows:
        return {side: bench.of(side) for side in sides}
    return {"latency": bench.of("off")}


def _side(runs: Sequence[LoadRun]) -> dict[str, Any]:
    """Sum up the runs of a side; percentiles are of all their chunks together."""
    return {
        **_milliseconds(_latencies(runs)),
        "final": _milliseconds(_finals(runs)),
        "chunks": sum(len(run.latencies_s) for run in runs),
        "is_carried": all(run.is_carried for run in runs),
        "lag_growth_ms": _rounded(max(run.lag_growth_s for run in runs) * 1e3),
        "frames": sum(run.frames for run in runs),
        "deadline_misses": sum(run.deadline_misses for run in runs),
        "refused_streams": max(run.refused_streams for run in runs),
        "energy_per_frame": _energy_per_frame(runs),
        **_cpu(runs),
        **_sending(runs),
    }


def _run(run: LoadRun) -> dict[str, Any]:
    return {
        **_milliseconds(Percentiles.of(run.latencies_s)),
        "streams": run.streams,
        "refused_streams": run.refused_streams,
        "is_carried": run.is_carried,
        "lag_growth_ms": _rounded(run.lag_growth_s * 1e3),
        "deadline_misses": run.deadline_misses,
        **_cpu([run]),
        **_sending([run]),
    }


def _latencies(runs: Sequence[LoadRun]) -> Percentiles:
    return Percentiles.of(np.concatenate([run.latencies_s for run in runs]))


def _finals(runs: Sequence[LoadRun]) -> Percentiles | None:
    finals_s = np.concatenate([run.final_latencies_s for run in runs])
    return Percentiles.of(finals_s) if finals_s.size else None


def _milliseconds(found: Percentiles | None) -> dict[str, float | None]:
    return {} if found is None else {k: _rounded(v) for k, v in asdict(found).items()}


def _finite(value: float | None) -> float | None:
    """Return a figure as JSON can hold it: of what never came there is none."""
    return None if value is None or not isfinite(value) else value


def _rounded(value: float) -> float | None:
    return _finite(round(value, 2))


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


def _capacity(bench: Bench) -> dict[str, Any] | None:
    if bench.capacity is None:
        return None
    found = bench.capacity
    return {
        "streams": found.streams,
        "is_a_bound": found.is_a_bound,
        "trials": [
            {k: _rounded(v) if isinstance(v, float) else v for k, v in asdict(trial).items()}
            for trial in found.trials
        ],
    }


def _floored(share: float | None) -> float | None:
    """Round a share down: all is only what is all."""
    return None if share is None else floor(share * 1e3) / 1e3


def _shadow_figures(shadow: ShadowFigures) -> dict[str, Any]:
    return {
        "id": shadow.id,
        "frames": shadow.frames,
        "heard_share": _floored(shadow.heard_share),
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
