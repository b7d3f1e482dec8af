"""The log: one JSON object per line, for people with a filter and machines without one.

A module logs an event by name and its figures as ``extra=facts(...)``. What is said or
heard in a stream is never among them.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any, Final, TextIO

_FACTS: Final = "vau_facts"  # what ``facts`` puts on a record


def facts(**values: int | float | str) -> dict[str, dict[str, int | float | str]]:
    """Return the ``extra`` of a log call: the figures of one event."""
    return {_FACTS: values}


class JsonFormatter(logging.Formatter):
    """Event first, then its facts, then when, where and how bad."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line: dict[str, Any] = {"event": record.getMessage(), **getattr(record, _FACTS, {})}
        line["time"] = datetime.fromtimestamp(record.created, UTC).isoformat()
        line["level"], line["logger"] = record.levelname, record.name
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def log_to(stream: TextIO, level: int = logging.INFO) -> None:
    """Send everything this process logs to ``stream``, instead of where it went before."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.captureWarnings(capture=True)  # or else they come as lines that are no JSON
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
