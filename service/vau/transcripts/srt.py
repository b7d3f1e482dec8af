"""Phones as subtitles (SubRip): what is said between two silences, or three seconds of it."""

from pathlib import Path
from typing import Final

from vau.transcripts.spoken import spoken, stretches
from vau.transcripts.transcription import Transcription
from vau.wholefile import write_text_whole

DECIMALS: Final = 3
LONGEST_MS: Final = 3_000
"""Of a subtitle, unless a single phone lasts longer: some forty phones, a line of a screen."""


def write_srt(done: Transcription, stem: Path) -> list[Path]:
    """Write the phones of one file, a subtitle for each stretch that touches."""
    cues = (
        f"{number}\n{_time(cue[0].start)} --> {_time(cue[-1].end)}\n"
        f"{' '.join(phone.symbol for phone in cue)}\n\n"
        for number, cue in enumerate(stretches(spoken(done, DECIMALS), LONGEST_MS), start=1)
    )
    return [write_text_whole(stem.with_name(f"{stem.name}.srt"), "".join(cues))]


def _time(milliseconds: int) -> str:
    whole, rest = divmod(milliseconds, 1000)
    minutes, second = divmod(whole, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02},{rest:03}"
