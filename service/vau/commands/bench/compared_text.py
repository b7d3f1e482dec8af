"""What a bench with shadows found, for a person to read: made of the figures for programs."""

from collections.abc import Iterator

from vau.commands.bench.words import COLUMNS, Figures, cores_text, energies, remarks, row
from vau.counted import counted


def text(figures: Figures) -> str:
    """Return what a person would look for."""
    sides = {name: figures[name] for name in ("off", "on")}
    tier = f" (tier {figures['tier']})" * bool(figures["tier"])
    lines = [
        f"engine    {figures['model']} on {figures['backend']}{tier}",
        f"load      {_load(figures)}",
        f"cores     {cores_text(figures['pinned'])}",
        "ms       " + "".join(f"{name.removesuffix('_ms'):>9}" for name in COLUMNS),
    ]
    for name, side in sides.items():
        lines += [row(name, side), row("finals", side["final"])]
    lines += [f"p99       {each}" for each in _verdict(figures)]
    lines += [f"shadow    {_shadow(each)}" for each in figures["shadow"]["backends"]]
    lines += [f"energy    {each}" for each in energies(figures["off"]["energy_per_frame"])]
    load_s = figures["runs_per_side"] * figures["run_s"]
    for name, side in sides.items():
        told = remarks(side, load_s=load_s, chunk_ms=figures["chunk_ms"])
        lines += [f"{name:<10}{each}" for each in told]
    return "\n".join(lines)


def _load(figures: Figures) -> str:
    most = figures["most_runs_per_side"]
    of_most = f" of at most {most}" * (figures["runs_per_side"] < most)
    runs = f"{figures['runs_per_side']}{of_most} runs of {figures['run_s']:g} s each way"
    how = f"chunks of {figures['chunk_ms']} ms, {runs}"
    if figures["capacity"] is None:
        return f"{counted(figures['streams'], 'stream')}; {how}"
    least = "at least " * figures["capacity"]["is_a_bound"]
    whole = f"half of {least}{figures['half_of']} that the server sustains so"
    return f"{counted(figures['streams'], 'stream')}, {whole}; {how}"


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
    spent = "; ".join(energies(shadow["energy_per_frame"]))
    frames = f"{shadow['frames']} frames compared, {shadow['shed_frames']} shed"
    return f"{shadow['id']}: {frames}, {shadow['disagreements']} disagree; energy {spent}"
