"""An alignment as files: JSON, a TextGrid, and what transcripts are written in.

``vau.alignment/1`` is one object on one line for each recording; docs/alignment.md has it.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from vau.alignment.scoring import Alignment
from vau.audio import HOP_SAMPLES, SAMPLE_RATE_HZ
from vau.transcripts import OutputFormat, phone_object, to_json
from vau.transcripts.audacity import write_labels
from vau.transcripts.ctm import write_ctm
from vau.transcripts.spoken import EXACT, clock, word
from vau.transcripts.textgrid import Interval, textgrid
from vau.wholefile import write_text_whole

SCHEMA: Final = "vau.alignment/1"
DECIMALS: Final = 6  # of a GOP, as of a confidence


def write(found: Alignment, stem: Path, formats: Iterable[OutputFormat]) -> list[Path]:
    """Write an alignment beside ``stem`` in each format; return the files."""
    return [file for name in formats for file in FORMATS[name](found, stem)]


def alignment_object(found: Alignment) -> dict[str, Any]:
    """Return an alignment as JSON."""
    done = found.done
    words = found.words
    places = {each.said: place for place, each in enumerate(words)}
    return {
        "schema": SCHEMA,
        "file": done.file,
        "sha256": done.sha256,
        "samples": done.samples,
        "sample_rate_hertz": SAMPLE_RATE_HZ,
        "frame_shift_samples": HOP_SAMPLES,
        "model": {"name": done.engine.model, "digest": done.engine.model_digest},
        "backend": done.engine.backend,
        "arithmetic_id": done.engine.arithmetic_id,
        "output_digest": done.output_digest.hex(),
        "gop_nats": round(found.gop_nats, DECIMALS),
        "words": [
            {
                "text": each.text,
                "start_sample": each.start_sample,
                "end_sample": each.end_sample,
                "gop_nats": round(each.gop_nats, DECIMALS),
            }
            for each in words
        ],
        "phones": [
            {
                **phone_object(each.phone),
                "gop_nats": round(each.gop_nats, DECIMALS),
                "rival": each.rival,
                "word": places.get(each.said),
            }
            for each in found.phones
        ],
    }


def _write_jsonl(found: Alignment, stem: Path) -> list[Path]:
    text = to_json(alignment_object(found)) + "\n"
    return [write_text_whole(stem.with_name(f"{stem.name}.jsonl"), text)]


def _write_textgrid(found: Alignment, stem: Path) -> list[Path]:
    """Write the tiers ``words`` if there are any, ``phones`` and ``gop``."""
    ends = clock(found.done.samples, EXACT)
    phones = [(each.phone.start_sample, each.phone.end_sample, each) for each in found.phones]
    words = [(each.start_sample, each.end_sample, word(each.text)) for each in found.words]
    tiers = {
        "words": _clocked(words),
        "phones": _clocked(
            (start, end, word(each.phone.symbol)) for start, end, each in phones
        ),
        "gop": _clocked((start, end, f"{each.gop_nats:.2f}") for start, end, each in phones),
    }
    if not words:
        del tiers["words"]
    return [write_text_whole(stem.with_name(f"{stem.name}.TextGrid"), textgrid(tiers, ends))]


def _clocked(intervals: Iterable[Interval]) -> list[Interval]:
    return [
        (clock(start, EXACT), clock(end, EXACT), text)
        for start, end, text in intervals
        if start < end
    ]


FORMATS: Final[dict[OutputFormat, Callable[[Alignment, Path], list[Path]]]] = {
    "jsonl": _write_jsonl,
    "textgrid": _write_textgrid,
    "ctm": lambda found, stem: write_ctm(found.transcription(), stem),
    "audacity": lambda found, stem: write_labels(found.transcription(), stem),
}
