"""The thread that sends to a shadow's process what gathers in the backlog."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from time import sleep
from typing import Final

from vau.shadow.backlog import Backlog
from vau.shadow.messages import Connection, Stretch, Stretches, tell

# A shadow is not in a hurry, and each time its feeder wakes up it takes the interpreter from
# those who are. Live streams send every 100 ms or more often: in twice that all of them gather,
# and share one pass over the weights, which spares the caches of whoever answers.
GATHER_S: Final = 0.2
MESSAGE_STRETCHES: Final = 128  # joined and sent in one go: some 200 microseconds at most


def feed(pipe: Connection, backlog: Backlog) -> None:
    """Send what gathers, a little at a time, until the backlog is closed."""
    with suppress(OSError):  # the listener finds that out as well, and says so
        while stretches := backlog.gather():
            sleep(GATHER_S)
            for message in _messages([*stretches, *backlog.rest()]):
                tell(pipe, message)
        tell(pipe, None)


def _messages(stretches: Sequence[Stretch]) -> Iterator[Stretches]:
    """Join stretches of one primary; those of one utterance stay in order."""
    by_primary = sorted(stretches, key=lambda stretch: stretch.primary)
    for _, group in groupby(by_primary, key=lambda stretch: stretch.primary):
        alike = list(group)
        for first in range(0, len(alike), MESSAGE_STRETCHES):
            yield Stretches.join(alike[first : first + MESSAGE_STRETCHES])
