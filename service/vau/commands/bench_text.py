"""What a bench of the server found, for a person to read: made of the figures for programs."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Figures = Mapping[str, Any]
"""As ``vau.commands.bench_report`` makes them."""

COLUMNS: Final = ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms")
LATE_SHARE: Final = 0.1  # of a chunk: who is later than that measures itself above all
LEAST_LATE_MS: Final = 5.0  # less is what any timer is late on a machine that is shared


def text(figures: Figures) -> str:
    """Return what a person would look for."""
    sides = {name: figures[name] for name in ("latency", "off", "on") if name in figures}
    tier = f" (tier {figures['tier']})" * bool(figures["tier"])
    lines = [
        f"engine    {figures['model']} on {figures['backend']}{tier}",
        f"load      {_load(figures)}",
        "ms       " + "".join(f"{name.removesuffix('_ms'):>9}" for name in COLUMNS),
    ]
    for name, side in sides.items():
        lines += [_row(name, side), _row("finals", side["final"])]
    if "shadow" in figures:
        lines.append(f"p99       {_verdict(figures)}")
        lines += [f"shadow    {_shadow(each)}" for each in figures["shadow"]["backends"]]
    first = next(iter(sides.values()))
    lines += [f"energy    {each}" for each in _energies(first["energy_per_frame"])]
    for name, side in sides.items():
        lines += [f"{name:<10}{each}" for each in _remarks(side, figures)]
    return "\n".join(lines)


def _load(figures: Figures) -> str:
    each_way = " each way" * ("shadow" in figures)
    runs = f"{figures['runs_per_side']} runs of {figures['run_s']:g} s{each_way}"
    how = f"chunks of {figures['chunk_ms']} ms, {runs}"
    if figures["capacity"] is None:
        return f"{figures['streams']} streams; {how}"
    least = "at least " * figures["capacity"]["is_a_bound"]
    whole = f"half of {least}{figures['half_of']} that client and server sustain here together"
    return f"{figures['streams']} streams, {whole}; {how}"


def _row(name: str, percentiles: Figures) -> str:
    return f"{name:<9}" + "".join(_milliseconds(percentiles.get(each)) for each in COLUMNS)


def _milliseconds(value: float | None) -> str:
    return f"{'never':>9}" if value is None else f"{value:9.1f}"


def _verdict(figures: Figures) -> str:
    if figures["p99_ratio"] is None:
        return "MISSED: no pair of runs was answered in time"
    low, high = figures["p99_ratio_range"]
    verdict = "within 10 %" if figures["within_10_percent"] else "MISSED: not within 10 %"
    quiet = "no pair was left alone by other work"
    if figures["quiet_pairs"]:
        ratio = figures["p99_ratio_of_quiet_pairs"]
        quiet = f"{ratio:.3f} in the {figures['quiet_pairs']} that other work left alone"
    return (
        f"{figures['p99_ratio']:.3f} times as long with shadows ({low:.3f} to {high:.3f} "
        f"over {figures['runs_per_side']} pairs of runs; {quiet}): {verdict}"
    )


def _shadow(shadow: Figures) -> str:
    energies = "; ".join(_energies(shadow["energy_per_frame"]))
    frames = f"{shadow['frames']} frames compared, {shadow['shed_frames']} shed"
    return f"{shadow['id']}: {frames}, {shadow['disagreements']} disagree; energy {energies}"


def _energies(energies: list[dict[str, Any]]) -> list[str]:
    """Return a phrase for each energy, with what it rests on."""
    found = [
        f"{each['uj']:.3g} µJ per frame, {each['origin'].upper()}, {each['boundary']}"
        for each in energies
    ]
    return found or ["not stated by this backend"]


def _remarks(side: Figures, figures: Figures) -> Iterator[str]:
    """Yield what the latencies of a side have to be seen with."""
    load_s = figures["runs_per_side"] * figures["run_s"]
    shares = [
        f"{who} {side[key] / load_s:.0%}"
        for who, key in (
            ("client", "client_cpu_s"),
            ("server", "server_cpu_s"),
            ("its helpers", "server_helpers_cpu_s"),
            ("others", "others_cpu_s"),
        )
        if side[key]  # neither unknown nor nothing
    ]
    yield f"{', '.join(shares)} of a core"
    yield f"{side['deadline_misses']} of {side['frames']} frames took the server over 10 ms"
    if not side["is_carried"]:
        yield "NOT CARRIED: the server fell behind, and not all answers were waited for"
    if side["refused_streams"]:
        yield f"{side['refused_streams']} streams were refused, the others are measured"
    if side["held_back_chunks"]:
        yield f"{side['held_back_chunks']} chunks went late since the server took no more"
    late_ms = side["send_lateness_p99_ms"]
    yield f"chunks left {_milliseconds(late_ms).strip()} ms late by our own doing (p99)"
    if late_ms is not None and late_ms > max(LEAST_LATE_MS, LATE_SHARE * figures["chunk_ms"]):
        yield "TOO LATE: much of each time is this side's own delay; try fewer streams"
