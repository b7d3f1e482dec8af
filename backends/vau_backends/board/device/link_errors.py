"""What went wrong on the link to a board, and was put right by sending again."""

from dataclasses import dataclass


@dataclass(slots=True)
class LinkErrors:
    """What this end saw go wrong, and mended."""

    retries: int = 0
    stale: int = 0
    junk_answers: int = 0
    busy: int = 0
    probes: int = 0
