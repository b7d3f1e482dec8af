"""Phones as NIST CTM, which sclite and Kaldi read: ``file channel start duration phone``."""

from pathlib import Path
from typing import Final

from vau.transcripts.spoken import seconds, spoken, word
from vau.transcripts.transcription import Transcription
from vau.wholefile import write_text_whole

DECIMALS: Final = 3


def write_ctm(done: Transcription, stem: Path) -> list[Path]:
    """Write the phones of one file, each with its confidence."""
    name = word(stem.name)
    lines = (
        f"{name} 1 {seconds(phone.start, DECIMALS)} "
        f"{seconds(phone.end - phone.start, DECIMALS)} {phone.symbol} {phone.confidence:.3f}\n"
        for phone in spoken(done, DECIMALS)
    )
    return [write_text_whole(stem.with_name(f"{stem.name}.ctm"), "".join(lines))]
