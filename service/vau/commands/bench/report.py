"""What a bench of a server under load found, as figures for programs."""

from fractions import Fraction
from typing import Any, Final

from vau.commands.bench.figures import brief, capacity_figures, rounded, side
from vau.commands.bench.findings import Carried, Findings, Memory, Peer
from vau.commands.bench.goals import KB_PER_MB, Reached, allowed_mb, judged
from vau.commands.bench.host import host, pinned
from vau.commands.bench.serve import FEW_STREAMS, LIMITS
from vau.load.figures import LoadRun, Percentiles, Seconds
from vau.load.frames import FrameFaults
from vau.load.knocks import refusal_figures
from vau.percentiles import nearest_ranks

P999: Final = Fraction(999, 10)
TORCH: Final = "torch_server"  # the peer that a goal is about
KIB_TO_KB: Final = 1.024  # Linux counts in 1024 bytes, the goals in 1000


def report(found: Findings) -> dict[str, Any]:
    """Return all figures, for a machine; what was not measured is null."""
    figures = {
        "streams": found.carried.streams,
        "keeps_to_limits": found.carried.keeps_to_limits,
        **_latencies(found.run),
        **_turnover(found),
        **_faults(found),
        "lag_growth_s": rounded4(found.run.lag_growth_s),
        **_peer(found),
        f"at_{FEW_STREAMS}_streams": _few(found.few),
        **_fullness(found),
        "chunk_ms": found.plan.chunk_ms,
        "limits": {"p50_ms": LIMITS.p50_ms, "p99_ms": LIMITS.p99_ms},
        "latency": side([found.run]),
        "pinned": pinned(found.cores),
        "origin": "measured",
        "model": found.engine.model,
        "backend": found.engine.backend,
        "tier": found.engine.tier,
        "file": str(found.plan.file),
        "duration_s": found.plan.duration_s,
        "seed": found.plan.seed,
        "capacity": capacity_figures(found.carried.capacity),
        "runs": [brief(run) for run in found.carried.runs],
        **host(found.engine.version),
    }
    return {**figures, "goals": judged(reached(found))}


def reached(found: Findings) -> Reached:
    """Return what the goals look at, as it was measured."""
    run, faults = Percentiles.of(found.run.latencies_s), _faults(found)
    few = None if found.few is None else Percentiles.of(found.few.latencies_s)
    finals_s, full, peer = found.turnover.finals_s, found.fullness, found.peer
    return Reached(
        streams=found.carried.streams,
        p50_ms=run.p50_ms,
        p99_ms=run.p99_ms,
        frames_lost=faults["frames_lost"],
        frames_repeated=faults["frames_repeated"],
        times_torch=_ratio(found, peer) if peer and peer.name == TORCH else None,
        few_p50_ms=few.p50_ms if few else None,
        few_p99_ms=few.p99_ms if few else None,
        final_p99_ms=Percentiles.of(finals_s).p99_ms if finals_s.size else None,
        refusal_p99_ms=(refusal_figures(full.knocks) or {}).get("p99_ms") if full else None,
        memory_share=_share_of_allowed(full.memory) if full else None,
    )


def rounded4(seconds: float) -> float | None:
    """Round seconds as ``rounded`` does milliseconds, to a tenth of one."""
    milliseconds = rounded(seconds * 1e3)
    return None if milliseconds is None else round(milliseconds / 1e3, 4)


def _latencies(run: LoadRun) -> dict[str, float | None]:
    found = Percentiles.of(run.latencies_s)
    (p999_s,) = nearest_ranks(run.latencies_s, (P999,))
    return {
        "p50_ms": rounded(found.p50_ms),
        "p99_ms": rounded(found.p99_ms),
        "p999_ms": rounded(p999_s * 1e3),
    }


def _turnover(found: Findings) -> dict[str, Any]:
    turnover = found.turnover
    finals, results = _of(turnover.finals_s), _of(turnover.first_results_s)
    return {
        "final_after_end_p99_ms": finals.get("p99_ms"),
        "first_result_p50_ms": results.get("p50_ms"),
        "turnover": {
            "streams": turnover.streams,
            "refused_streams": turnover.refused_streams,
            "finals": finals,
            "first_answers": _of(turnover.first_answers_s),
            "first_results": results,
        },
    }


def _of(times: Seconds) -> dict[str, Any]:
    """Return how many there were, and how long they took; null if that is never."""
    if not times.size:
        return {"count": 0}
    percentiles = Percentiles.of(times)
    return {
        "count": int(times.size),
        **{
            name: rounded(getattr(percentiles, name))
            for name in ("p50_ms", "p95_ms", "p99_ms", "max_ms")
        },
    }


def _faults(found: Findings) -> dict[str, int]:
    """Add up the frames that were not answered once, over all that was measured at length."""
    runs = [*found.carried.runs, *([found.few] if found.few else [])]
    if found.fullness:
        runs.append(found.fullness.run)
    faults: list[FrameFaults] = [found.turnover.faults, *(run.faults for run in runs)]
    return {
        "frames_lost": sum(each.lost for each in faults),
        "frames_repeated": sum(each.repeated for each in faults),
    }


def _few(run: LoadRun | None) -> dict[str, float | None] | None:
    if run is None:
        return None
    found = Percentiles.of(run.latencies_s)
    return {"p50_ms": rounded(found.p50_ms), "p99_ms": rounded(found.p99_ms)}


def _peer(found: Findings) -> dict[str, Any]:
    """Return how many times the peer's streams ours are, and what it was."""
    if found.peer is None:
        return {"peer": None}
    carried = found.peer.carried
    ratio = _ratio(found, found.peer)
    return {
        f"vs_{found.peer.name}": None if ratio is None else rounded(ratio),
        "peer": {
            "name": found.peer.name,
            **{k: v for k, v in found.peer.said.items() if k not in {"grpc", "metrics"}},
            **_carried(carried),
        },
    }


def _ratio(found: Findings, peer: Peer) -> float | None:
    """Return how many times the peer's streams ours are; None if that would not be fair."""
    ours, theirs = found.carried, peer.carried
    is_fair = ours.keeps_to_limits and theirs.keeps_to_limits and theirs.streams
    return ours.streams / theirs.streams if is_fair else None


def _carried(carried: Carried) -> dict[str, Any]:
    return {
        "streams": carried.streams,
        "keeps_to_limits": carried.keeps_to_limits,
        "latency": side([carried.runs[-1]]) if carried.runs else None,
        "capacity": capacity_figures(carried.capacity),
        "runs": [brief(run) for run in carried.runs],
    }


def _fullness(found: Findings) -> dict[str, Any]:
    if found.fullness is None:
        return {
            "refusal_p99_ms": None,
            "refusals": None,
            "rss_mb": None,
            "rss_kb_per_stream": None,
            "memory": None,
        }
    memory, refusals = found.fullness.memory, refusal_figures(found.fullness.knocks)
    return {
        "refusal_p99_ms": refusals and refusals["p99_ms"],
        "refusals": refusals,
        "rss_mb": _mb(memory.idle_kb),
        "rss_kb_per_stream": round(memory.kb_per_stream * KIB_TO_KB, 1),
        "memory": _memory(memory),
    }


def _memory(memory: Memory) -> dict[str, Any]:
    return {
        "streams": memory.streams,
        "rss_mb_at_streams": _mb(memory.busy_kb),
        "allowed_mb": round(allowed_mb(memory.streams), 1),
        "share_of_allowed": round(_share_of_allowed(memory), 3),
    }


def _share_of_allowed(memory: Memory) -> float:
    return memory.busy_kb * KIB_TO_KB / KB_PER_MB / allowed_mb(memory.streams)


def _mb(kib: int) -> float:
    return round(kib * KIB_TO_KB / KB_PER_MB, 1)
