"""Lines that the texts of a bench have in common: made of the figures for programs."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Figures = Mapping[str, Any]
"""As ``vau.commands.bench.report`` makes them."""

COLUMNS: Final = ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms")
LATE_SHARE: Final = 0.1  # of a chunk: who is later than that measures itself above all
LEAST_LATE_MS: Final = 5.0  # less is what any timer is late on a machine that is shared


def row(name: str, percentiles: Figures) -> str:
    """Return percentiles beneath ``COLUMNS``."""
    return f"{name:<9}" + "".join(milliseconds(percentiles.get(each)) for each in COLUMNS)


def milliseconds(value: float | None) -> str:
    """Return a time as it stands in a column."""
    return f"{'never':>9}" if value is None else f"{value:9.1f}"


def cores_text(cores: Figures | None) -> str:
    """Say where both sides were kept."""
    if cores is None:
        return "a server that ran already: where it computes is not known here"
    if not cores["apart"]:
        return f"THERE IS ONLY ONE, {cores['server']}: server and load share it"
    threads = ", threads of one physical core" * cores["threads_of_one_core"]
    return f"server on {cores['server']}, load on {cores['generator']}{threads}"


def energies(spent: list[dict[str, Any]]) -> list[str]:
    """Return a phrase for each energy, with what it rests on."""
    found = [
        f"{each['uj']:.3g} µJ per answered frame, filling included, "
        f"{each['origin'].upper()}, {each['boundary']}"
        for each in spent
    ]
    return found or ["not stated by this backend"]


def remarks(side: Figures, *, load_s: float, chunk_ms: int) -> Iterator[str]:
    """Yield what the latencies of a side have to be seen with."""
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
    yield f"chunks left {milliseconds(late_ms).strip()} ms late by our own doing (p99)"
    if late_ms is not None and late_ms > max(LEAST_LATE_MS, LATE_SHARE * chunk_ms):
        yield "TOO LATE: much of each time is this side's own delay; try fewer streams"
