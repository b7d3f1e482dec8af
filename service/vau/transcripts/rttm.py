"""Where there is speech, as NIST RTTM, which scorers of speech activity and speakers read."""

from pathlib import Path
from typing import Final

from vau.transcripts.spoken import seconds, spoken, stretches, word
from vau.transcripts.transcription import Transcription
from vau.wholefile import write_text_whole

DECIMALS: Final = 3


def write_rttm(done: Transcription, stem: Path) -> list[Path]:
    """Write the stretches of speech of one file; what lies between them is silence."""
    name = word(stem.name)
    lines = (
        f"SPEAKER {name} 1 {seconds(speech[0].start, DECIMALS)} "
        f"{seconds(speech[-1].end - speech[0].start, DECIMALS)} <NA> <NA> speech <NA> <NA>\n"
        for speech in stretches(spoken(done, DECIMALS))
    )
    return [write_text_whole(stem.with_name(f"{stem.name}.rttm"), "".join(lines))]
