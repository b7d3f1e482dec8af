"""Phones as a label track of Audacity."""

from pathlib import Path
from typing import Final

from vau.transcripts.spoken import seconds, spoken
from vau.transcripts.transcription import Transcription
from vau.wholefile import write_text_whole

DECIMALS: Final = 6  # as Audacity itself writes


def write_labels(done: Transcription, stem: Path) -> list[Path]:
    """Write the phones of one file: ``start TAB end TAB symbol``."""
    lines = (
        f"{seconds(phone.start, DECIMALS)}\t{seconds(phone.end, DECIMALS)}\t{phone.symbol}\n"
        for phone in spoken(done, DECIMALS)
    )
    return [write_text_whole(stem.with_name(f"{stem.name}.labels.txt"), "".join(lines))]
