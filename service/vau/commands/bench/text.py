"""What a bench of the server found, for a person to read: made of the figures for programs."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Figures = Mapping[str, Any]
"""As ``vau.commands.bench.report`` makes them."""

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
        lines += [f"p99       {each}" for each in _verdict(figures)]
        lines += [f"shadow    {_shadow(each)}" for each in figures["shadow"]["backends"]]
    first = next(iter(sides.values()))
    lines += [f"energy    {each}" for each in _energies(first["energy_per_frame"])]
    for name, side in sides.items():
        lines += [f"{name:<10}{each}" for each in _remarks(side, figures)]
    return "\n".join(lines)


def _load(figures: Figures) -> str:
    each_way = " each way" * ("shadow" in figures)
    most = figures["most_runs_per_side"]
    of_most = f" of at most {most}" * (figures["runs_per_side"] < most)
    runs = f"{figures['runs_per_side']}{of_most} runs of {figures['run_s']:g} s{each_way}"
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


def _verdict(figures: Figures) -> Iterator[str]:
    """Yield what shadows cost, and then whether that is within the target."""
    if not figures["judged_pairs"]:
        yield "no run without shadows was answered in time"
    else:
        yield f"{_times(figures['p99_ratio'])} as long with shadows, {_scatter(figures)}"
    found = {
        "within": "WITHIN 10 %",
        "missed": "MISSED: not within 10 %",
        "undecided": f"UNDECIDED whether within 10 %: {figures['undecided_because']}",
    }
    yield found[figures["verdict"]] + _heard(figures["shadow"]["least_heard_share"])


def _scatter(figures: Figures) -> str:
    """Describe the ratios behind a median: how many, how far apart, where the true one is."""
    sure = "no interval for so few"
    if figures["p99_ratio_interval"]:
        share = f"{figures['interval_confidence']:.1%}"
        sure = f"{share} sure: {_span(figures['p99_ratio_interval'])}"
    quiet = "no pair was left alone by other work"
    if figures["quiet_pairs"]:
        ratio = _times(figures["p99_ratio_of_quiet_pairs"])
        quiet = f"{ratio} in the {figures['quiet_pairs']} that other work left alone"
    pairs = f"{figures['judged_pairs']} pairs of runs, {_span(figures['p99_ratio_range'])}"
    return f"in the median ({sure}) of {pairs}; {quiet}"


def _times(ratio: float | None) -> str:
    return "for ever" if ratio is None else f"{ratio:.3f} times"


def _span(ends: list[float | None]) -> str:
    low, high = ("for ever" if end is None else f"{end:.3f}" for end in ends)
    return f"{low} to {high}"


def _heard(share: float | None) -> str:
    if share is None:
        return ""
    part = "all" if share == 1.0 else f"{share:.1%} or more"
    return f" (shadows heard {part} of the frames)"


def _shadow(shadow: Figures) -> str:
    energies = "; ".join(_energies(shadow["energy_per_frame"]))
    frames = f"{shadow['frames']} frames compared, {shadow['shed_frames']} shed"
    return f"{shadow['id']}: {frames}, {shadow['disagreements']} disagree; energy {energies}"


def _energies(energies: list[dict[str, Any]]) -> list[str]:
    """Return a phrase for each energy, with what it rests on."""
    found = [
        f"{each['uj']:.3g} µJ per answered frame, filling included, "
        f"{each['origin'].upper()}, {each['boundary']}"
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
