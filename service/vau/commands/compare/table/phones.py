"""The phones that each backend heard in each file, and what of them the reference did not."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from vau.commands.compare.file import FileResult
from vau.commands.compare.result import Comparison
from vau.commands.compare.table.layout import LABEL, WIDTH
from vau.evaluation.edits import align


def phone_lines(found: Comparison) -> Iterator[str]:
    """Yield the phones file by file: those said, if it is known, and those heard."""
    yield "phones, silence left out; [AA] is not the reference's, [-] is one of its alone"
    for each in found.files:
        yield str(each.file)
        if each.said is not None:
            yield from _row("said", each.said.phones)
        for place, heard in enumerate(each.heard):
            yield from _row(heard.backend, _marked(each, place))


def _marked(each: FileResult, place: int) -> list[str]:
    """Return the phones of the backend at ``place``, with marks where the reference differs."""
    reference, symbols = each.heard[0].symbols, each.heard[place].symbols
    return [
        str(heard) if heard == mine else f"[{heard or '-'}]"
        for mine, heard in align(reference, symbols)
    ]


def _row(name: str, phones: Sequence[str]) -> list[str]:
    """Set phones behind a name, in as many lines as they need."""
    label = f"  {name:<{LABEL - 4}}  "
    text = " ".join(phones) or "none"
    return wrap(
        text, WIDTH, initial_indent=label, subsequent_indent=" " * LABEL, break_on_hyphens=False
    )
