"""A comparison for people: what each backend heard and spent, and where they part."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from vau.audio import HOP_S, SAMPLE_RATE_HZ
from vau.backend import Cost, Energy
from vau.commands.compare_file import FileResult, Pair
from vau.commands.compare_result import Comparison, Total, figure_text
from vau.comparison import Divergence, Marks, Place, spread

WIDTH: Final = 96
LABEL: Final = 34  # columns of what a row is called
UNKNOWN: Final = "-"
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
        lines += ["", *_pair_lines(found, place, divergence)]
    if len(found.files) > 1:
        lines += ["", *_file_lines(found)]
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
    yield "device, µs a frame", [_device(total) for total in totals]
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
    for boundary, origin in kinds:
        cells = []
        for total in totals:
            same = [
                each
                for each in total.cost.energies
                if (each.boundary, each.origin) == (boundary, origin)
            ]
            cells.append(_energy(same[0], total.steps) if same else UNKNOWN)
        yield f"{boundary}, µJ a frame, {origin}", cells


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
    if starred:
        yield "* away from the operating points that were published or calibrated"


def _pair_lines(found: Comparison, place: int, divergence: Divergence) -> Iterator[str]:
    yield f"{found.backends[place].id} beside {found.backends[0].id}, frame by frame"
    yield from _spread_lines(divergence)
    beyond = f"total variation beyond {found.tolerance:g}"
    ways: list[tuple[str, Marks, Callable[[Pair], Place | None]]] = [
        ("different at all", divergence.is_different, lambda pair: pair.first_different),
        ("another best phone", divergence.is_other_best, lambda pair: pair.first_other_best),
        (beyond, divergence.is_beyond(found.tolerance), lambda pair: pair.first_beyond),
    ]
    for name, marks, first in ways:
        count, frames = int(marks.sum()), len(divergence)
        yield f"  {name:<28}{count:>12} of {frames} frames, {count / frames:.2%}"
        if count:
            yield f"    first {_first(found, place, first)}"
    if found.shares_arithmetic(place):
        yield from _logit_lines(found, place)


def _spread_lines(divergence: Divergence) -> Iterator[str]:
    yield f"  {'':<28}{'mean':>12}{'p50':>12}{'p99':>12}{'max':>12}"
    for name, values in (
        ("total variation", divergence.total_variation),
        ("KL divergence, nats", divergence.kl_nats),
        ("largest difference", divergence.largest_difference),
    ):
        if four := spread(values):
            cells = (figure_text(each) for each in (four.mean, four.p50, four.p99, four.max))
            yield f"  {name:<28}" + "".join(f"{cell:>12}" for cell in cells)


def _first(found: Comparison, place: int, first: Callable[[Pair], Place | None]) -> str:
    """Say where the first one is, among all files in their order."""
    for each in found.files:
        at = first(each.pairs[place - 1])
        if at is not None:
            phonemes = found.model.phonemes
            mine = f"{phonemes[at.reference_class]} {at.reference_posterior:.3f}"
            its = f"{phonemes[at.other_class]} {at.other_posterior:.3f}"
            of = f" of {each.file.name}" if len(found.files) > 1 else ""
            return f"frame {at.frame}, {at.frame * HOP_S:.2f} s{of}: {mine} (reference), {its}"
    return UNKNOWN


def _logit_lines(found: Comparison, place: int) -> Iterator[str]:
    """Say whether two backends of one arithmetic keep what that promises."""
    for each in found.files:
        at = each.pairs[place - 1].first_logit
        if at is not None:
            symbol = found.model.phonemes[at.class_id]
            yield "  THE SAME ARITHMETIC, YET OTHER LOGITS, which must never be: first in"
            yield f"    {each.file}, frame {at.frame}, class {at.class_id} ({symbol}):"
            yield f"    {at.reference} (reference), {at.other}; 'vau verify' tells whose fault"
            return
    yield "  the same arithmetic, and the same logits in every frame"


def _file_lines(found: Comparison) -> Iterator[str]:
    """Yield a line for each file and, below it, one for each backend."""
    heads = ("PER", "phones", "edits", "variation", "its max", "parts at")
    yield f"{'by file':<30}{''.join(f'{head:>11}' for head in heads)}"
    for each in found.files:
        yield f"{each.file}, {each.samples / SAMPLE_RATE_HZ:.2f} s"
        for place, heard in enumerate(each.heard):
            cells = "".join(f"{cell:>11}" for cell in _file_cells(each, place))
            yield f"  {heard.backend:<28}{cells}"


def _file_cells(each: FileResult, place: int) -> list[str]:
    errors, phones = each.edits(place), str(len(each.heard[place].phones))
    per = UNKNOWN
    if errors is not None and each.said is not None:
        per = f"{errors.errors / len(each.said.phones):.2%}"
    if not place:
        return [per, phones, *[UNKNOWN] * 4]
    pair = each.pairs[place - 1]
    variation, at = pair.divergence.total_variation, pair.first_other_best
    return [
        per,
        phones,
        str(pair.edits.errors),
        figure_text(float(variation.mean())),
        figure_text(float(variation.max())),
        UNKNOWN if at is None else f"{at.frame * HOP_S:.2f} s",
    ]


def _known(value: float | None, write: Callable[[float], str]) -> str:
    return UNKNOWN if value is None else write(value)


def _device(total: Total) -> str:
    cost = total.cost
    if cost.device_s is None:
        return UNKNOWN
    return f"{figure_text(cost.device_s / total.steps * 1e6)} {cost.device_origin}"


def _cycles(total: Total) -> str:
    cycles = total.cost.cycles
    return UNKNOWN if cycles is None else figure_text(cycles / total.steps)


def _energy(energy: Energy, steps: int) -> str:
    return f"{figure_text(energy.joules / steps * 1e6)}{'*' * energy.extrapolated}"


def _saturations(cost: Cost) -> str:
    return str(sum(cost.saturations)) if cost.saturations else UNKNOWN


def _brief(digest: bytes) -> str:
    return digest.hex()[:SHOWN_DIGITS] or UNKNOWN
