"""The log is one JSON object per line."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.commands import environment
from vau.logs import facts, log_to


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    log_to(stream)
    yield stream
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_an_event_is_one_line_with_its_facts(lines: io.StringIO) -> None:
    logging.getLogger("vau.wire").info("ended", extra=facts(samples=7, reason=""))
    line = json.loads(lines.getvalue())
    assert line["event"] == "ended"
    assert (line["samples"], line["reason"]) == (7, "")
    assert (line["level"], line["logger"]) == ("INFO", "vau.wire")
    assert line["time"].endswith("+00:00")


def test_a_warning_of_a_library_is_a_line_like_any_other() -> None:
    code = """
import sys, warnings
from tests.commands import environment
from vau.logs import log_to
log_to(sys.stderr)
warnings.warn("overflow encountered", RuntimeWarning)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, check=True
    )
    (line,) = done.stderr.splitlines()
    assert "overflow encountered" in json.loads(line)["event"]


def test_a_defect_keeps_its_traceback_within_the_line(lines: io.StringIO) -> None:
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        logging.getLogger("vau").exception("defect")
    (line,) = lines.getvalue().splitlines()
    assert "ZeroDivisionError: integer" in json.loads(line)["traceback"]
