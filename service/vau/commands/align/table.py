"""An alignment for people: a line for each word and each phone."""

from collections.abc import Iterator

from vau.alignment import Alignment, Scored
from vau.audio import SAMPLE_RATE_HZ


def table(found: Alignment) -> Iterator[str]:
    """Yield the lines: start, end, GOP, and what was said there."""
    yield f"{'start':>9} {'end':>9} {'GOP':>7}"
    words = {each.said: each for each in found.words}
    last = None
    for each in found.phones:
        word = words.get(each.said)
        if word is not None and each.said != last:
            yield _line(word.start_sample, word.end_sample, word.gop_nats, word.text)
        last = each.said
        yield _line(
            each.phone.start_sample,
            each.phone.end_sample,
            each.gop_nats,
            f"{'  ' if words else ''}{each.phone.symbol:4}{_doubt(each)}".rstrip(),
        )
    yield f"{'':19} {found.gop_nats:7.2f}  nats, mean over {len(found.phones)} phones"


def _line(start_sample: int, end_sample: int, gop_nats: float, text: str) -> str:
    start_s, end_s = start_sample / SAMPLE_RATE_HZ, end_sample / SAMPLE_RATE_HZ
    return f"{start_s:9.2f} {end_s:9.2f} {gop_nats:7.2f}  {text}"


def _doubt(each: Scored) -> str:
    return f" rather {each.rival}" if each.gop_nats < 0 else ""
