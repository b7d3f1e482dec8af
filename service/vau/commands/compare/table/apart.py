"""Where the backends part: over all files, and file by file."""

from collections.abc import Callable, Iterator

from vau.audio import HOP_S, SAMPLE_RATE_HZ
from vau.commands.compare.file import FileResult, Pair
from vau.commands.compare.result import Comparison, figure_text
from vau.commands.compare.table.layout import UNKNOWN
from vau.comparison import Divergence, Marks, Place, spread


def pair_lines(found: Comparison, place: int, divergence: Divergence) -> Iterator[str]:
    """Say how far the backend at ``place`` is from the reference, over all files."""
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


def file_lines(found: Comparison) -> Iterator[str]:
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
