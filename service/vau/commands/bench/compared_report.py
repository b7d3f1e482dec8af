"""What a bench with shadows found, as figures for programs."""

from math import floor
from typing import Any

from vau.commands.bench.figures import brief, capacity_figures, finite, side
from vau.commands.bench.host import host, pinned
from vau.commands.bench.plan import Bench
from vau.commands.bench.verdict import Judgement, judgement_of
from vau.load.shadows import ShadowFigures


def report(bench: Bench) -> dict[str, Any]:
    """Return all figures, for a machine."""
    return {
        "streams": bench.streams,
        "half_of": bench.capacity.streams if bench.capacity else None,
        "chunk_ms": bench.plan.chunk_ms,
        "pinned": pinned(bench.cores),
        "off": side(bench.of("off")),
        "on": side(bench.of("on")),
        **_judged(judgement_of(bench)),
        "origin": "measured",
        "model": bench.engine.model,
        "backend": bench.engine.backend,
        "tier": bench.engine.tier,
        "file": str(bench.plan.file),
        "runs_per_side": len(bench.of("off")),
        "most_runs_per_side": bench.plan.most_pairs,
        "run_s": bench.plan.run_s,
        "seed": bench.plan.seed,
        "capacity": capacity_figures(bench.capacity),
        "runs": [{"side": each.side, **brief(each.run)} for each in bench.runs],
        **host(bench.engine.version),
    }


def _judged(found: Judgement) -> dict[str, Any]:
    ratios, interval = found.ratios.values, found.interval
    return {
        "p99_ratio": finite(found.ratios.median),
        "p99_ratio_interval": [finite(interval.low), finite(interval.high)]
        if interval
        else None,
        "interval_confidence": round(interval.confidence, 3) if interval else None,
        "p99_ratio_range": [finite(min(ratios)), finite(max(ratios))] if ratios else None,
        "judged_pairs": len(ratios),
        "quiet_pairs": len(found.quiet.values),
        "p99_ratio_of_quiet_pairs": finite(found.quiet.median),
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
