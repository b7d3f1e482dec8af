"""Host and port of a board behind TCP, as a person writes them."""

import re
from typing import Final

MOST_PORT: Final = (1 << 16) - 1  # they are numbers of 16 bits
_PLACE: Final = re.compile(r"(\S+):([0-9]{1,5})")


def place_of(text: str) -> tuple[str, int] | None:
    """Return host, without brackets, and port of ``host:port``; None of anything else."""
    match = _PLACE.fullmatch(text)
    if match is None or int(match[2]) > MOST_PORT:
        return None
    return match[1].strip("[]"), int(match[2])
