"""The end of a run of ``installed``: each broken promise once, with the tests that show it.

pytest's own summary repeats the path of this package in front of every test; here it is
the promises that count, and the names by which ``-k`` finds their tests.
"""

from collections import Counter
from textwrap import fill
from typing import Final

import pytest

from vau.testing.contract.promise import BROKEN, PORT, promises_of, words_of

COLUMNS: Final = 96
INDENT: Final = "    "
Shown = dict[str, Counter[str]]
"""How often each test showed it, by what it showed."""


class Summary:
    """A plugin of one run of pytest: gathers what fails, and lists it in the end."""

    def __init__(self) -> None:
        """Begin with nothing broken."""
        self._broken: Shown = {}
        self._raised: Shown = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Note which promises a failure breaks, or else what was raised; report nothing."""
        if call.excinfo is None or not isinstance(item, pytest.Function):
            return
        error = call.excinfo.value
        if isinstance(error, pytest.skip.Exception):
            return
        backend_id, test = item.callspec.params["backend_id"], item.originalname
        if not isinstance(error, BROKEN):
            self._raised.setdefault(f"{backend_id}  {words_of(error)}", Counter())[test] += 1
            return
        for promise in promises_of(item.function):
            self._broken.setdefault(f"{backend_id}  {promise}", Counter())[test] += 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List it."""
        if self._broken:
            terminalreporter.section(f"broken promises of {PORT}")
        for promise, tests in self._broken.items():
            names = ", ".join(_times(test, count) for test, count in tests.items())
            _write(terminalreporter, promise, f"{_failures(tests)}: {names}")
        if self._raised:
            terminalreporter.section("errors in which no promise could be tried")
        for words, tests in self._raised.items():
            _write(terminalreporter, words, f"{_failures(tests)}, first in {next(iter(tests))}")


def _failures(tests: Counter[str]) -> str:
    count = tests.total()
    return f"{count} failure{'s' if count > 1 else ''}"


def _times(test: str, count: int) -> str:
    return f"{test} ({count})" if count > 1 else test


def _write(terminal: pytest.TerminalReporter, what: str, tests: str) -> None:
    terminal.write_line(fill(what, COLUMNS, subsequent_indent=INDENT))
    terminal.write_line(fill(tests, COLUMNS, initial_indent=INDENT, subsequent_indent=INDENT))
