"""An estimate for a program and for a person, from one list of figures with their status."""

from collections.abc import Sequence
from itertools import groupby
from textwrap import wrap
from typing import Final

from vau.estimate import (
    CLOCK_DIGITS,
    Estimate,
    Figure,
    KernelEstimate,
    Precision,
    Reading,
    Stage,
    Value,
    megahertz,
    plural,
)
from vau.model import Network

COLUMNS: Final = 96
LABEL_COLUMNS: Final = 30
TEXT_COLUMNS: Final = 48


def report(found: Estimate) -> dict[str, Value]:
    """Return an estimate for a program: figures by name, and the status of each."""
    network = found.ask.network
    return {
        **{each.key: each.value for each in found.figures},
        "in_time": found.verdict.is_in_time,
        "keeps_up": found.verdict.keeps_up,
        **dict(found.givens),
        "accelerator": found.accelerator,
        "clock_mhz": CLOCK_DIGITS.rounded(found.clock_hz / 1e6),
        "network": {name: getattr(network, name) for name in ("layers", "hidden", "inputs")},
        "origin": "estimated",
        "method": {"cycles": found.method, "energy": found.readings[0].method},
        "phases": _phases(found.stages),
        "layers": [_layer(each) for each in found.stages],
        "actions": dict(found.counts),
        "energies": {each.name: _energy(each, found.precision) for each in found.readings},
        "status": {each.key: each.status for each in found.figures},
        "notes": list(found.notes),
    }


def kernel_report(found: KernelEstimate) -> dict[str, Value]:
    """Return what a loop without an end does, for a program."""
    rounded = found.precision.rounded
    return {
        **{each.key: each.value for each in found.figures},
        "kernel": found.ask.kernel,
        "accelerator": found.accelerator,
        "clock_mhz": CLOCK_DIGITS.rounded(found.clock_hz / 1e6),
        "origin": "estimated",
        "extrapolated": found.is_extrapolated,
        "method": found.method,
        "actions": dict(found.counts),
        "parts_mw": {name: rounded(watts * 1e3) for name, watts in found.parts_w},
        "status": {each.key: each.status for each in found.figures},
        "notes": list(found.notes),
    }


def _layer(stage: Stage) -> dict[str, Value]:
    return {
        "name": stage.name,
        "inputs": stage.inputs,
        "units": stage.units,
        **dict(stage.counts),
        "phases": dict(stage.phases),
        "cycles": stage.cycles,
    }


def _phases(stages: Sequence[Stage]) -> dict[str, int]:
    """Return the cycles of each phase over all stages."""
    names = dict.fromkeys(name for stage in stages for name, _ in stage.phases)
    return {name: sum(dict(stage.phases).get(name, 0) for stage in stages) for name in names}


def _energy(reading: Reading, precision: Precision) -> dict[str, Value]:
    rounded = precision.rounded
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
    return [
        *_title(found, network_text(found.ask.network)),
        *("", *_figure_lines(found.figures)),
        *("", *_phase_table(found.stages)),
        *("", *_energy_table(found.readings, found.precision)),
        *("", *_note_lines(found.notes)),
    ]


def kernel_table(found: KernelEstimate) -> list[str]:
    """Return what a loop without an end does, for a person."""
    digits = found.precision.digits
    parts = (
        f"{name.replace('_', ' '):<{LABEL_COLUMNS}}{digits(watts * 1e3):>8}"
        for name, watts in found.parts_w
    )
    return [
        *_title(found, f"the kernel {found.ask.kernel!r}"),
        *("", *_figure_lines(found.figures)),
        *("", f"{'power by component, assumed':<{LABEL_COLUMNS}}{'mW':>8}", *parts),
        *("", *_note_lines(found.notes)),
    ]


def network_text(network: Network) -> str:
    """Write the shape of a network."""
    return (
        f"{plural(network.layers, 'layer')} of {network.hidden} units, {network.inputs} inputs"
    )


def _title(found: Estimate | KernelEstimate, work: str) -> list[str]:
    text = f"{found.accelerator}: {work}, at {megahertz(found.clock_hz)}. All ESTIMATED."
    return wrap(text, COLUMNS)


def _figure_lines(figures: Sequence[Figure]) -> list[str]:
    """Return a row for each figure; its status goes below a text that takes its column."""
    lines = []
    for each in figures:
        start = f"{each.label:<{LABEL_COLUMNS}}{each.text}"
        column = LABEL_COLUMNS + TEXT_COLUMNS
        if len(start) >= column:
            lines.append(start)
            start = ""
        lines.append(f"{start:<{column}}{each.status}")
    return lines


def _note_lines(notes: Sequence[str]) -> list[str]:
    lines = (wrap(note, COLUMNS, initial_indent="- ", subsequent_indent="  ") for note in notes)
    return [line for note in lines for line in note]


def _phase_table(stages: Sequence[Stage]) -> list[str]:
    """Return where the cycles go: a column for layers that are alike and follow each other."""
    alike = [list(group) for _, group in groupby(stages, lambda it: (it.counts, it.phases))]
    phases = [dict(group[0].phases) for group in alike]
    rows: list[tuple[str, list[int]]] = [
        *(
            (f"{name} of each", [dict(group[0].counts)[name] for group in alike])
            for name, _ in stages[0].counts
        ),
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
            f"{label:<{LABEL_COLUMNS}}{''.join(f' {count:>15,}' for count in counts)}"[:COLUMNS]
            for label, counts in rows
        ),
    ]


def _span(alike: Sequence[Stage]) -> str:
    """Name layers that are alike: "layer 2 to 5"."""
    return alike[0].name + (f" to {alike[-1].name.split()[-1]}" if len(alike) > 1 else "")


def _energy_table(readings: Sequence[Reading], precision: Precision) -> list[str]:
    digits = precision.digits
    lines = [f"{'energy of a frame':<{LABEL_COLUMNS}}{'µJ':>8}  {'boundary':<13}status"]
    for each in readings:
        name, microjoules = each.name.replace("_", " "), digits(each.joules * 1e6)
        known = f"{each.boundary:<13}{each.status}"
        lines.append(f"{name:<{LABEL_COLUMNS}}{microjoules:>8}  {known}")
        parts = ", ".join(
            f"{part.replace('_', ' ')} {digits(joules * 1e6)} µJ" for part, joules in each.parts
        )
        text = f"{each.text}: {parts}" if parts else each.text
        lines += wrap(text, COLUMNS, initial_indent="  ", subsequent_indent="  ")
    return lines
