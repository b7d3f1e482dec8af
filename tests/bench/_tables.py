"""What the benches print as tables of documents, each by a function."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

Figures = Mapping[str, Any]
"""What one bench printed."""

TIERS: Final = {
    "amx": "AMX",
    "avx512": "AVX-512",
    "avx2": "AVX2",
    "portable": "portable C",
    "numpy": "numpy",
}
TORCH_MODES: Final = ("torch_fp32_default", "torch_fp32_without_mkldnn")
SIDES: Final = {
    "vau": ("ours", ""),
    "torch_psf": ("torch", "vs_torch_psf"),
    "pocketsphinx": ("pocketsphinx", "vs_pocketsphinx"),
}


def kernel(figures: Figures) -> str:
    """Return how many times longer the peers of the kernel take, with the goals in brackets."""
    peers = {
        "torch_fp32_best": ("torch float32 / ours", 1),
        "torch_int8": ("torch 8 bits / ours", 1),
        "ort_fp32": ("onnxruntime float32 / ours", 1),
        "ort_int8": ("onnxruntime 8 bits / ours", 2),
    }
    return table(
        ["frames, streams of a call", f"ours, {TIERS[figures['tier']]}"]
        + [head for head, _ in peers.values()],
        (
            [_case(row), f"{row['us']:.1f} us"]
            + [
                f"{row['vs'][name]:.{digits}f}"
                + (f" ({row['goals'][name]:g})" if name in row["goals"] else "")
                for name, (_, digits) in peers.items()
            ]
            for row in figures["rows"]
        ),
    )


def kernel_in_short(figures: Figures) -> str:
    """Return the rows that have goals, and the peers that these are about."""
    return table(
        [
            "frames, streams of a call",
            "ours",
            "torch float32 / ours",
            "onnxruntime, 8 bits and inexact / ours",
        ],
        (
            [
                _case(row),
                f"{three(row['us'])} us",
                f"{row['vs']['torch_fp32_best']:.1f}",
                f"{row['vs']['ort_int8']:.2f}",
            ]
            for row in figures["rows"]
            if row["goals"]
        ),
    )


def kernel_tiers(figures: Figures) -> str:
    """Return what a frame takes on the other tiers of the kernel."""
    there = [name for name in TIERS if name in figures["rows"][0]["us_reference_tiers"]]
    return table(
        ["frames, streams of a call", *(TIERS[name] for name in there)],
        (
            [_case(row), *(three(row["us_reference_tiers"][name]) for name in there)]
            for row in figures["rows"]
        ),
    )


def rpu(figures: Figures) -> str:
    """Return what a frame takes on each tier of the RPU, and how much longer others take."""
    there = [name for name in TIERS if name in figures["rows"][0]["us"]]
    ratios = ["torch float32, its better mode", "onnxruntime float32", "numpy"]
    return table(
        ["frames, streams", *(TIERS[name] for name in there)]
        + [f"{name} / ours" for name in ratios],
        (
            [_case(row), *(three(row["us"][name]) for name in there)]
            + [
                f"{ratio:.1f}"
                for ratio in (
                    min(row["vs"][name] for name in TORCH_MODES),
                    row["vs"]["ort_fp32"],
                    row["vs"]["numpy"],
                )
            ]
            for row in figures["rows"]
        ),
    )


def features(figures: Figures) -> str:
    """Return what a chunk of all streams takes in the front end."""
    return table(
        [
            "streams",
            "ours",
            "python-speech-features / ours",
            "kaldi-native-fbank (no deltas) / ours",
        ],
        (
            [
                f"{row['streams']}",
                f"{row['us']:.0f} us",
                f"{row['vs_psf']:.1f}",
                f"{row['candidates']['kaldi']['median_us'] / row['us']:.1f}",
            ]
            for row in figures["rows"]
        ),
    )


def honesty(figures: Figures) -> str:
    """Return how often each damage to audio was told of in time, in per cent."""
    levels = ["as it is", "-20 dB", "noise 20 dB", "noise 10 dB"]
    return table(
        ["damage", "notice", *levels],
        (
            [row["damage"], row["kind"], *(f"{row[level]:g}" for level in levels)]
            for row in figures["found_percent"]
        ),
    )


def batch(figures: Figures) -> str:
    """Return how much of an archive each side hears in an hour."""
    rows = []
    for side, (name, ratio) in SIDES.items():
        found = figures["sides"][side]
        rate, beside = three(found["hours_per_hour"]), ""
        if ratio:
            met = "met" if figures["goals"][ratio]["met"] else "missed"
            beside = f"{_spread(figures, ratio)}: the goal is {met}"
        else:
            rate = _spread(figures, "hours_per_hour")
        cpu, start = three(found["cpu_s_per_audio_hour"]), f"{found['start_s']:.1f} s"
        rows.append([name, rate, f"{cpu} s", start, beside])
    heads = ["", "hours of audio per hour", "CPU for an hour of audio", "start", "ours over it"]
    return table(heads, rows)


def table(heads: Sequence[str], rows: Any) -> str:  # noqa: ANN401 - of lists of cells
    """Return a table of Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(re.sub(" +", " ", f"| {' | '.join(cells)} |\n") for cells in lines)


def three(value: float) -> str:
    """Return a count as it is, else three digits, and all of them before the point."""
    if isinstance(value, int):
        return f"{value}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def _case(row: Figures) -> str:
    return f"{row['frames']}, {row['streams']}"


def _spread(figures: Figures, name: str) -> str:
    least, most = figures[f"{name}_spread"]
    return f"{three(figures[name])} ({three(least)} to {three(most)})"


def serve(figures: Mapping[str, Figures]) -> str:
    """Return what each bench of a server under load found, by its label."""
    heads = ["figure", *figures, "goal"]
    rows = [
        [name, *map(said, figures.values()), _goal(goals, list(figures.values()))]
        for name, said, goals in SERVED
    ]
    return table(heads, rows)


def shadow(figures: Mapping[str, Figures]) -> str:
    """Return what each bench with shadows found: a row without, and a row with them."""
    heads = ["", "streams", "p50", "p95", "p99", "server, cores", "shadow, cores", "heard"]
    rows = [
        row
        for found in figures.values()
        for row in (
            ["without a shadow", *_side(found, "off"), "", ""],
            [
                "with one",
                *_side(found, "on"),
                f"{found['on']['server_helpers_cpu_s'] / _seconds(found):.2f}",
                f"{found['shadow']['least_heard_share']:.0%}".replace("%", " %"),
            ],
        )
    ]
    return table(heads, rows)


def _side(found: Figures, name: str) -> list[str]:
    side, half_of = found[name], found["half_of"]
    times = (side.get(f"{percentile}_ms") for percentile in ("p50", "p95", "p99"))
    return [
        f"{found['streams']}" + (f" of {half_of}" if half_of else ""),
        *("" if each is None else f"{each:.2f} ms" for each in times),
        f"{side['server_cpu_s'] / _seconds(found):.2f}",
    ]


def _seconds(found: Figures) -> float:
    return float(found["runs_per_side"] * found["run_s"])


def _plain(*names: str) -> Callable[[Figures], str]:
    return lambda found: ", ".join(three(found[name]) for name in names)


def _few(found: Figures) -> str:
    return ", ".join(f"{found['at_16_streams'][name]:.1f}" for name in ("p50_ms", "p99_ms"))


def _final(found: Figures) -> str:
    finals = (found.get("turnover") or {}).get("finals")
    of = f" (of {finals['count']}, p50 {three(finals['p50_ms'])})" if finals else ""
    return three(found["final_after_end_p99_ms"]) + of


def _refusal(found: Figures) -> str:
    refusals = found.get("refusals")
    of = f" (of {refusals['tried']}, p50 {three(refusals['p50_ms'])})" if refusals else ""
    return three(found["refusal_p99_ms"]) + of


def _memory(found: Figures) -> str:
    text, memory = _plain("rss_mb", "rss_kb_per_stream")(found), found.get("memory")
    return f"{text}, {memory['share_of_allowed']:.2f}" if memory else text


def _times_torch(found: Figures) -> str:
    ratio, peer = found["vs_torch_server"], found.get("peer")
    streams = f" ({peer['streams']} streams)" if peer else ""
    return "`null`" if ratio is None else f"{ratio:.1f}{streams}"


def _goal(names: Sequence[str] | str, benches: Sequence[Figures]) -> str:
    """Return the goals of a row, and how often one was missed; or what is said of them."""
    if isinstance(names, str):
        return names
    goals = [{each["figure"]: each for each in found["goals"]} for found in benches]
    wanted = ", ".join(goals[-1][name]["goal"] for name in names)
    verdicts = [[each[name]["met"] for name in names if name in each] for each in goals]
    judged = [each for each in verdicts if each and None not in each]
    missed = sum(not all(each) for each in judged)
    how = {0: "met", len(judged): "missed"}.get(missed, f"missed by {missed} of {len(judged)}")
    return f"{wanted}: {how}" if judged else f"{wanted}: not measured"


SERVED: Final[Sequence[tuple[str, Callable[[Figures], str], tuple[str, ...] | str]]] = (
    ("`streams`", _plain("streams"), ("streams",)),
    (
        "`p50_ms`, `p99_ms`, `p999_ms`",
        lambda found: ", ".join(
            f"{found[name]:.1f}" for name in ("p50_ms", "p99_ms", "p999_ms")
        ),
        ("p50_ms", "p99_ms"),
    ),
    ("`lag_growth_s`", lambda found: f"{found['lag_growth_s']:.3f}", "does not grow"),
    ("`at_16_streams`", _few, ("at_16_streams.p50_ms", "at_16_streams.p99_ms")),
    ("`final_after_end_p99_ms`", _final, ("final_after_end_p99_ms",)),
    ("`first_result_p50_ms`", _plain("first_result_p50_ms"), "none"),
    (
        "`frames_lost`, `frames_repeated`",
        lambda found: f"{found['frames_lost']}, {found['frames_repeated']}",
        ("frames_lost", "frames_repeated"),
    ),
    ("`refusal_p99_ms`", _refusal, ("refusal_p99_ms",)),
    ("`rss_mb`, `rss_kb_per_stream`, share allowed", _memory, ("memory.share_of_allowed",)),
    ("`vs_torch_server`", _times_torch, ("vs_torch_server",)),
)
