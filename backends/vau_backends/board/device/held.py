"""Boards that say another program holds them, when it was we who have just let go."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import Final, TypeVar

from vau.errors import BackendBusy

LET_GO_S: Final = 1.0
PAUSE_S: Final = 0.02

T = TypeVar("T")


def when_let_go(attempt: Callable[[], T]) -> T:
    """Return what ``attempt`` returns, which is made again while the board is held.

    The time is counted from the first refusal: before it, a slow board may have taken longer
    to answer than this waits. Raises BackendBusy if the board is held all that time.
    """
    until_s = 0.0
    while True:
        try:
            return attempt()
        except BackendBusy:
            until_s = until_s or monotonic() + LET_GO_S
            if monotonic() > until_s:
                raise
        sleep(PAUSE_S)
