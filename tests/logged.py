"""What is logged while a block lasts."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vau.logs import Level, Log, log_to
from vau.logs.setup import OURS


class Lines:
    """Lines of the log, as they were written."""

    def __init__(self, level: Level = "info") -> None:
        self.stream = io.StringIO()
        self.log: Log = log_to(self.stream, level)

    def read(self) -> list[dict[str, Any]]:
        """Return all of them. None that comes later is waited for."""
        self.log.close()
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.read() if line["event"] == event]


@contextmanager
def logged(level: Level = "info") -> Iterator[Lines]:
    """Log to memory; afterwards everything goes where it went before."""
    root = logging.getLogger()
    handlers, before = root.handlers[:], root.level
    try:
        yield Lines(level)
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(before)
        for name in OURS:
            logging.getLogger(name).setLevel(logging.NOTSET)
