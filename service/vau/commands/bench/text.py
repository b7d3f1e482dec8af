"""What a bench of a server under load found, for a person to read: made of its figures."""

from collections.abc import Iterator

from vau.commands.bench.serve import FEW_STREAMS
from vau.commands.bench.words import (
    COLUMNS,
    Figures,
    cores_text,
    energies,
    milliseconds,
    remarks,
    row,
)
from vau.counted import counted


def text(figures: Figures) -> str:
    """Return what a person would look for."""
    tier = f" (tier {figures['tier']})" * bool(figures["tier"])
    latency = figures["latency"]
    lines = [
        f"engine    {figures['model']} on {figures['backend']}{tier}",
        f"load      {_load(figures)}",
        f"cores     {cores_text(figures['pinned'])}",
        "ms       " + "".join(f"{name.removesuffix('_ms'):>9}" for name in COLUMNS),
        row("chunks", latency),
        row("finals", figures["turnover"]["finals"]),
        row("results", figures["turnover"]["first_results"]),
        *([row("refusals", figures["refusals"])] if figures["refusals"] else []),
        *_few(figures),
        f"frames    {figures['frames_lost']} lost, {figures['frames_repeated']} repeated",
        *_memory(figures),
        *_peer(figures),
    ]
    lines += [f"energy    {each}" for each in energies(latency["energy_per_frame"])]
    told = remarks(latency, load_s=figures["duration_s"], chunk_ms=figures["chunk_ms"])
    lines += [f"load      {each}" for each in told]
    lines += [f"goal      {each}" for each in _goals(figures)]
    return "\n".join(lines)


def _load(figures: Figures) -> str:
    limits = figures["limits"]
    within = f"p50 < {limits['p50_ms']:g} ms and p99 < {limits['p99_ms']:g} ms"
    how = f"chunks of {figures['chunk_ms']} ms for {figures['duration_s']:g} s"
    if figures["capacity"] is None:
        kept = "within" if figures["keeps_to_limits"] else "BEYOND"
        return f"{counted(figures['streams'], 'stream')}, {kept} {within}; {how}"
    most = "the most" if figures["keeps_to_limits"] else "NOT EVEN THESE"
    return f"{counted(figures['streams'], 'stream')}, {most} within {within}; {how}"


def _few(figures: Figures) -> Iterator[str]:
    few = figures[f"at_{FEW_STREAMS}_streams"]
    if few:
        p50, p99 = (milliseconds(few[name]).strip() for name in ("p50_ms", "p99_ms"))
        yield f"light     {FEW_STREAMS} streams: p50 {p50} ms, p99 {p99} ms"


def _memory(figures: Figures) -> Iterator[str]:
    memory = figures["memory"]
    if memory:
        each = f"{figures['rss_kb_per_stream']:g} kB a stream"
        busy = f"{memory['rss_mb_at_streams']:g} MB with {counted(memory['streams'], 'stream')}"
        yield f"memory    {figures['rss_mb']:g} MB idle, {busy}: {each}"


def _peer(figures: Figures) -> Iterator[str]:
    peer = figures["peer"]
    if peer:
        ratio = figures[f"vs_{peer['name']}"]
        times = "no ratio" if ratio is None else f"ours are {ratio:g} times as many"
        yield f"peer      {peer['name']}: {counted(peer['streams'], 'stream')}; {times}"


def _goals(figures: Figures) -> Iterator[str]:
    words = {True: "met", False: "MISSED", None: "not measured"}
    for goal in figures["goals"]:
        yield f"{goal['figure']} {goal['goal']}: {words[goal['met']]}"
