"""How many streams can be sustained: a search that tries few loads, because each takes time."""

from collections.abc import Callable
from typing import Final

FIRST_STREAMS: Final = 16
RESOLUTION: Final = 8


def most_sustained(
    is_sustained: Callable[[int], bool], most: int, resolution: int = RESOLUTION
) -> int:
    """Return the most streams that are sustained, or a little less; 0 if not even one.

    is_sustained: tries a load; true of every lesser one, too.
    most:         the answer is no more than this, and 1 or more is tried.
    resolution:   the answer is short of the truth by one part in so many at most.
    It doubles until a load is too much, then halves what lies between.
    """
    carried, too_many = 0, most + 1
    trial = min(FIRST_STREAMS, most)
    while too_many - carried > max(1, carried // resolution):
        if is_sustained(trial):
            carried = trial
        else:
            too_many = trial
        is_bounded = too_many <= most
        trial = (carried + too_many) // 2 if is_bounded else min(2 * carried, most)
    return carried
