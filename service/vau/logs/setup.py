"""Everything that this process logs, to one stream."""

import logging
from collections import Counter
from collections.abc import Callable
from typing import Final, Literal, Self, TextIO

from vau.logs.records import JsonFormatter
from vau.logs.writer import Reason, Writer, write_to

Level = Literal["debug", "info", "warning", "error"]

OURS: Final = ("vau", "vau_backends")
"""Loggers that debug is meant for: what libraries say there is for those who write them."""

LEVELS: Final[dict[Level, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class Log:
    """Where the lines go, and what became of those that did not get there."""

    def __init__(self, stream: TextIO | None) -> None:
        """Start to write."""
        self.lost: Counter[Reason] = Counter()
        """Lines that were lost, by why."""

        self._tell: Callable[[Reason, int], None] | None = None
        self._writer = Writer(write_to(stream), self._count)

    def on_lost(self, tell: Callable[[Reason, int], None]) -> None:
        """Let ``tell`` hear why how many lines are lost; of those so far at once."""
        for reason, lines in dict(self.lost).items():
            tell(reason, lines)
        self._tell = tell

    def offer(self, line: str) -> None:
        """Take a line to be written."""
        self._writer.offer(line)

    def lose(self, reason: Reason) -> None:
        """Count a line that will not be written."""
        self._writer.lose(reason)

    def close(self) -> None:
        """Write what waits, for a second at most."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _count(self, reason: Reason) -> None:
        self.lost[reason] += 1
        if self._tell is not None:
            self._tell(reason, 1)


class _Handler(logging.Handler):
    """Makes lines where they are logged, and leaves the rest to the writer."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - a line that cannot be made ends nothing
            self._log.lose("unprintable")
        else:
            self._log.offer(line)

    def close(self) -> None:
        self._log.close()  # at the end of the process, if nobody did before
        super().close()


def log_to(stream: TextIO | None, level: Level = "info") -> Log:
    """Send everything this process logs to ``stream``, instead of where it went before.

    Close the result at the end, or the last lines may be missing.
    """
    log = Log(stream)
    logging.captureWarnings(capture=True)  # or else they come as lines that are no JSON
    root = logging.getLogger()
    root.handlers[:] = [_Handler(log)]
    root.setLevel(max(LEVELS[level], logging.INFO))
    for name in OURS:
        logging.getLogger(name).setLevel(LEVELS[level] if level == "debug" else logging.NOTSET)
    return log
