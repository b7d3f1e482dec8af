"""An estimate for a program and for a person, from one list of figures with their status."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from textwrap import wrap
from typing import Any, Final

from vau.audio import FRAME_BUDGET_S
from vau.estimate import Estimate, Reading, Stage, Status

COLUMNS: Final = 96
LABEL_COLUMNS: Final = 30


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, its status, and how it is shown."""

    key: str
    """Ends in the unit."""

    value: int | float | bool | None
    status: Status
    label: str
    text: str


def rounded(value: float) -> int | float:
    """Keep three significant digits, or one decimal of what has more before the point.

    No estimate is better than that. What comes out whole is an integer.
    """
    if value == 0.0:
        return 0
    short = round(value, max(1, 2 - math.floor(math.log10(abs(value)))))
    return int(short) if short == int(short) else short


def digits(value: float) -> str:
    """Write a value as ``rounded``, with three digits where there are no more."""
    short = rounded(value)
    if 0.0 < abs(value) < 100.0:
        decimals = max(0, 2 - math.floor(math.log10(abs(short))))
        return f"{short:.{decimals}f}"
    return f"{short:,}"


def figures(found: Estimate) -> list[Figure]:
    """Return all figures of an estimate in the order in which they are shown."""
    return [*_hardware(found), *_times(found), *_energies(found), *_load(found)]


def _hardware(found: Estimate) -> Iterator[Figure]:
    share = found.memory_bytes / found.die_bytes
    yield Figure("dies", found.dies, "derived", "dies", f"{found.dies:,}")
    yield Figure("tiles", found.tiles, "derived", "tiles of the network", f"{found.tiles:,}")
    yield Figure(
        "memory_bytes",
        found.memory_bytes,
        found.memory_status,
        "memory of a die",
        f"{found.memory_bytes:,} of {found.die_bytes:,} bytes, {share:.0%}",
    )


def _times(found: Estimate) -> Iterator[Figure]:
    cycles, time = found.cycles_status, found.time_status
    interval, latency_us, interval_us = (
        found.interval_cycles,
        found.latency_s * 1e6,
        found.interval_s * 1e6,
    )
    yield Figure("cycles", found.cycles, cycles, "cycles of a frame", f"{found.cycles:,}")
    yield Figure("interval_cycles", interval, cycles, "cycles between frames", f"{interval:,}")
    yield Figure("latency_us", rounded(latency_us), time, "latency", f"{digits(latency_us)} µs")
    yield Figure(
        "interval_us",
        rounded(interval_us),
        time,
        "initiation interval",
        f"{digits(interval_us)} µs",
    )


def _energies(found: Estimate) -> Iterator[Figure]:
    status, streams = found.readings[0].status, _plural(found.ask.streams, "live stream")
    power_mw, mean_mw, energy_uj = found.active_w * 1e3, found.mean_w * 1e3, found.joules * 1e6
    yield Figure("power_mw", rounded(power_mw), status, "power while active", _power(power_mw))
    yield Figure("energy_uj", rounded(energy_uj), status, "energy of a frame", _uj(energy_uj))
    yield Figure(
        "mean_power_mw", rounded(mean_mw), "assumed", f"power, {streams}", _power(mean_mw)
    )
    yield Figure(
        "audio_hour_j",
        rounded(found.hour_j),
        "assumed",  # as above: that dies without a frame cost nothing
        "energy of an hour of audio",
        f"{digits(found.hour_j)} J",
    )


def _load(found: Estimate) -> Iterator[Figure]:
    time, streams = found.time_status, _plural(found.ask.streams, "stream")
    gops, tops_per_w = found.operations_per_s / 1e9, found.operations / found.joules / 1e12
    used, duty = found.utilisation, found.duty
    yield Figure("gops", rounded(gops), time, "useful operations", f"{digits(gops)} GOP/s")
    yield Figure(
        "tops_per_w",
        rounded(tops_per_w),
        found.readings[0].status,
        "useful operations per energy",
        f"{digits(tops_per_w)} TOP/s/W",
    )
    yield Figure(
        "utilisation",
        round(used, 4),
        found.cycles_status,
        "multipliers work",
        f"{used:.1%} of a frame's cycles",
    )
    yield Figure(
        "duty",
        round(duty, 4),
        _shared_status(found),
        f"duty, {streams}",
        f"{duty:.1%} of the time",
    )
    if found.reloading is not None:
        yield from _passes(found)
    yield Figure(
        "streams_in_time",
        found.streams_in_time,
        "assumed",
        "streams, each frame in 10 ms",
        f"{found.streams_in_time:,}",
    )
    yield Figure(
        "streams_by_pace",
        found.streams_by_pace,
        "assumed",
        "streams, by throughput alone",
        f"{found.streams_by_pace:,}",
    )
    yield _deadline(found)


def _passes(found: Estimate) -> Iterator[Figure]:
    frames = found.frames_per_pass if found.keeps_up else None
    text = f"{frames:,}" if frames else "no number is enough"
    yield Figure(
        "pass_ms",
        rounded(found.pass_s * 1e3),
        "assumed",  # that weights are swapped at all
        "loading all weights",
        f"{digits(found.pass_s * 1e3)} ms",
    )
    yield Figure("frames_per_pass", frames, "assumed", "frames a pass to keep up", text)


def _deadline(found: Estimate) -> Figure:
    budget_ms, ready_s = FRAME_BUDGET_S * 1e3, found.ready_s
    if ready_s is None:
        text, ready_us = "MISSED: it cannot keep up with live audio", None
    else:
        verdict = "met" if found.is_in_time else "MISSED"
        ready_us = rounded(ready_s * 1e6)
        text = f"{verdict}: the last is ready after {digits(ready_s * 1e6)} µs"
    label = f"deadline of {budget_ms:g} ms"
    return Figure("ready_us", ready_us, _shared_status(found), label, text)


def _shared_status(found: Estimate) -> Status:
    """Return on what a time rests in which all streams, and the loading of weights, share."""
    # One stream on dies that keep their weights is counted. That changing from stream to
    # stream costs nothing, and that weights are swapped at all, is not.
    is_counted = found.ask.streams == 1 and found.reloading is None
    return found.time_status if is_counted else "assumed"


def report(found: Estimate) -> dict[str, Any]:
    """Return an estimate for a program: figures by name, and the status of each."""
    shown = figures(found)
    network = found.ask.network
    return {
        **{each.key: each.value for each in shown},
        "in_time": found.is_in_time,
        "keeps_up": found.keeps_up,
        "die_bytes": found.die_bytes,
        "streams": found.ask.streams,
        "accelerator": found.accelerator,
        "clock_mhz": rounded(found.clock_hz / 1e6),
        "network": {name: getattr(network, name) for name in ("layers", "hidden", "inputs")},
        "origin": "estimated",
        "method": {"cycles": found.method, "energy": found.readings[0].method},
        "phases": _phases(found.stages),
        "layers": [
            {**asdict(each), "phases": dict(each.phases), "cycles": each.cycles}
            for each in found.stages
        ],
        "actions": dict(found.counts),
        "energies": {each.name: _energy(each) for each in found.readings},
        "status": {each.key: each.status for each in shown},
        "notes": list(found.notes),
    }


def _phases(stages: Sequence[Stage]) -> dict[str, int]:
    """Return the cycles of each phase over all stages."""
    names = dict.fromkeys(name for stage in stages for name, _ in stage.phases)
    return {name: sum(dict(stage.phases).get(name, 0) for stage in stages) for name in names}


def _energy(reading: Reading) -> dict[str, Any]:
    return {
        "uj": rounded(reading.joules * 1e6),
        "parts_uj": {name: rounded(joules * 1e6) for name, joules in reading.parts},
        "boundary": reading.boundary,
        "method": reading.method,
        "status": reading.status,
        "text": reading.text,
    }


def table(found: Estimate) -> list[str]:
    """Return an estimate for a person, no wider than 96 columns."""
    network = found.ask.network
    layers = "1 layer" if network.layers == 1 else f"{network.layers} layers"
    title = (
        f"{found.accelerator}: {layers} of {network.hidden} units, {network.inputs} inputs, "
        f"at {found.clock_hz / 1e6:g} MHz. All ESTIMATED."
    )
    lines = [
        *(title, ""),
        *(
            f"{each.label:<{LABEL_COLUMNS}}{each.text:<48}{each.status}"
            for each in figures(found)
        ),
        *("", *_phase_table(found.stages)),
        *("", *_energy_table(found.readings), ""),
    ]
    for note in found.notes:
        lines += wrap(note, COLUMNS, initial_indent="- ", subsequent_indent="  ")
    return lines


def _phase_table(stages: Sequence[Stage]) -> list[str]:
    """Return where the cycles go: a column for layers that are alike and follow each other."""
    alike = [list(group) for _, group in groupby(stages, lambda each: (each.dies, each.phases))]
    phases = [dict(group[0].phases) for group in alike]
    rows: list[tuple[str, list[int]]] = [
        ("dies of each", [group[0].dies for group in alike]),
        *(
            (name.replace("_", " "), [each.get(name, 0) for each in phases])
            for name in _phases(stages)
        ),
        ("together", [group[0].cycles for group in alike]),
    ]
    heads = "".join(f"{_span(group):>16}" for group in alike)
    return [
        f"{'cycles by phase':<{LABEL_COLUMNS}}{heads}"[:COLUMNS],
        *(
            f"{label:<{LABEL_COLUMNS}}{''.join(f'{count:>16,}' for count in counts)}"[:COLUMNS]
            for label, counts in rows
        ),
    ]


def _span(alike: Sequence[Stage]) -> str:
    """Name layers that are alike: "layer 2 to 5"."""
    return alike[0].name + (f" to {alike[-1].name.split()[-1]}" if len(alike) > 1 else "")


def _energy_table(readings: Sequence[Reading]) -> list[str]:
    lines = [f"{'energy of a frame':<{LABEL_COLUMNS}}{'µJ':>8}  {'boundary':<13}status"]
    for each in readings:
        name, microjoules = each.name.replace("_", " "), digits(each.joules * 1e6)
        known = f"{each.boundary:<13}{each.status}"
        lines.append(f"{name:<{LABEL_COLUMNS}}{microjoules:>8}  {known}")
        parts = ", ".join(f"{part} {digits(joules * 1e6)} µJ" for part, joules in each.parts)
        text = f"{each.text}: {parts}" if parts else each.text
        lines += wrap(text, COLUMNS, initial_indent="  ", subsequent_indent="  ")
    return lines


def _power(milliwatts: float) -> str:
    """Write a power as the board's was printed, with one decimal, or three digits of less."""
    return f"{milliwatts:,.1f} mW" if milliwatts >= 1.0 else f"{digits(milliwatts)} mW"


def _uj(microjoules: float) -> str:
    return f"{digits(microjoules)} µJ"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"
