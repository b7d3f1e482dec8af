"""What a line says: the event, the figures of it, and whose it is."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final

Facts = Mapping[str, int | float | str]

_FACTS: Final = "vau_facts"  # what ``facts`` puts on a record


def _nothing() -> Facts:
    return {}


_about: ContextVar[Callable[[], Facts]] = ContextVar("about", default=_nothing)


def facts(**values: int | float | str) -> dict[str, dict[str, int | float | str]]:
    """Return the ``extra`` of a log call: the figures of one event."""
    return {_FACTS: values}


@contextmanager
def about(whose: Callable[[], Facts]) -> Iterator[None]:
    """Let every line logged within the block, and by tasks begun in it, say whose it is.

    whose: asked for each line, since a call comes to be known by and by.
    """
    token = _about.set(whose)
    try:
        yield
    finally:
        _about.reset(token)


class JsonFormatter(logging.Formatter):
    """Event first, then its facts and whose they are, then when, where and how bad."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line: dict[str, Any] = {"event": record.getMessage()}
        line |= {**_about.get()(), **getattr(record, _FACTS, {})}
        line["time"] = datetime.fromtimestamp(record.created, UTC).isoformat()
        line["level"], line["logger"] = record.levelname.lower(), record.name
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(_finite(line), ensure_ascii=False, default=str)


def _finite(line: dict[str, Any]) -> dict[str, Any]:
    """Leave null where JSON has no number: no reader takes Infinity."""
    return {
        name: None if isinstance(value, float) and not isfinite(value) else value
        for name, value in line.items()
    }
