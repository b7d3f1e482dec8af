"""The table: a row for each figure, a column for each backend, and what lies below them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from vau.backend import Boundary, Cost, Origin
from vau.commands.compare.result import Comparison, Total, figure_text
from vau.commands.compare.table.apart import file_lines, pair_lines
from vau.commands.compare.table.layout import LABEL, UNKNOWN, WIDTH
from vau.commands.compare.table.phones import phone_lines

SHOWN_DIGITS: Final = 16  # of a digest, to tell it from another

Row = tuple[str, Sequence[str]]
"""What it is, and a cell for each backend."""


def table(found: Comparison) -> list[str]:
    """Return the lines, none wider than WIDTH but for names that are."""
    count = len(found.files)
    files = f"{count} file{'s' * (count > 1)}"
    size = f"{files}, {found.audio_s:.2f} s, {found.frames} frames of 10 ms"
    lines = [
        f"{found.model.name}: {size}, in chunks of {found.chunk_ms} ms",
        f"the reference is {found.backends[0].id}; a frame is one step of the network",
        "",
        *_columns(list(_rows(found))),
        *_methods(found),
    ]
    for place, divergence in enumerate(found.divergences, start=1):
        lines += ["", *pair_lines(found, place, divergence)]
    if len(found.files) > 1:
        lines += ["", *file_lines(found)]
    lines += ["", *phone_lines(found)]
    return lines


def _rows(found: Comparison) -> Iterator[Row]:
    totals = found.totals
    yield "", [info.id for info in found.backends]
    yield "arithmetic", [info.arithmetic_id for info in found.backends]
    yield "computed by tier", [info.tier or UNKNOWN for info in found.backends]
    yield "phones heard", [str(total.phone_count) for total in totals]
    if found.labelled:
        of = f" of {totals[0].phones_said} phones said"
        yield f"PER{of}", [_known(total.per, "{:.2%}".format) for total in totals]
    edits = (str(total.disagreement.errors) for total in totals[1:])
    yield "edits from the reference's phones", [UNKNOWN, *edits]
    yield "a frame is in the device, µs", [_device(each, each.cost.device_s) for each in totals]
    by_call = [_device(each, each.calls_device_s) for each in totals]
    yield "device time of a call / frames, µs", by_call
    host_us = [total.host_s / total.steps * 1e6 for total in totals]
    yield "this host, µs a frame, measured", [figure_text(each) for each in host_us]
    yield "cycles a frame", [_cycles(total) for total in totals]
    yield from _energy_rows(totals)
    yield "saturated values", [_saturations(total.cost) for total in totals]
    if len(found.files) == 1:
        summaries = [total.heard[0].summary for total in totals]
        yield "input digest", [_brief(summary.input_digest) for summary in summaries]
        yield "output digest", [_brief(summary.output_digest) for summary in summaries]


def _energy_rows(totals: Sequence[Total]) -> Iterator[Row]:
    """Yield a row for each boundary and origin that any backend states."""
    kinds = {
        (each.boundary, each.origin): None for total in totals for each in total.cost.energies
    }
    is_shared = any(total.cost.unshared is not None for total in totals)
    for kind in kinds:
        boundary, origin = kind
        cells = [_energy(total.cost, kind, total.steps) for total in totals]
        yield f"{boundary}, µJ a frame, {origin}", cells
        if is_shared:
            alone = [_energy(total.cost.apart, kind, total.steps) for total in totals]
            yield "  one by one, µJ a frame", alone


def _columns(rows: Sequence[Row]) -> list[str]:
    """Set the rows, in several blocks if their columns are too many or too wide."""
    count = len(rows[0][1])
    widths = [2 + max(len(cells[place]) for _, cells in rows) for place in range(count)]
    lines: list[str] = []
    begin = 0
    while begin < count:
        end = begin + 1
        while end < count and LABEL + sum(widths[begin : end + 1]) <= WIDTH:
            end += 1
        lines += [""] * bool(lines)
        for label, cells in rows:
            set_cells = (f"{cells[place]:>{widths[place]}}" for place in range(begin, end))
            lines.append(f"{label:<{LABEL}}{''.join(set_cells)}".rstrip())
        begin = end
    return lines


def _methods(found: Comparison) -> Iterator[str]:
    """Say by what each energy is known, and which of them is doubtful."""
    starred = False
    for info, total in zip(found.backends, found.totals, strict=True):
        energies = total.cost.energies
        starred |= any(each.extrapolated for each in energies)
        if energies:
            methods = ", ".join(dict.fromkeys(each.method for each in energies))
            yield f"energy of {info.id}: {methods}"
    if any(total.cost.unshared is not None for total in found.totals):
        yield "one by one: each frame in a call of its own, sharing nothing"
    if starred:
        yield "* away from the operating points that were published or calibrated"


def _known(value: float | None, write: Callable[[float], str]) -> str:
    return UNKNOWN if value is None else write(value)


def _device(total: Total, seconds: float | None) -> str:
    if seconds is None:
        return UNKNOWN
    return f"{figure_text(seconds / total.steps * 1e6)} {total.cost.device_origin}"


def _cycles(total: Total) -> str:
    cycles = total.cost.cycles
    return UNKNOWN if cycles is None else figure_text(cycles / total.steps)


def _energy(cost: Cost, kind: tuple[Boundary, Origin], steps: int) -> str:
    """Write what a frame spends within one boundary by one origin."""
    for energy in cost.energies:
        if (energy.boundary, energy.origin) == kind:
            return f"{figure_text(energy.joules / steps * 1e6)}{'*' * energy.extrapolated}"
    return UNKNOWN


def _saturations(cost: Cost) -> str:
    return str(sum(cost.saturations)) if cost.saturations else UNKNOWN


def _brief(digest: bytes) -> str:
    return digest.hex()[:SHOWN_DIGITS] or UNKNOWN
