"""The command line within the process of the tests, which takes a fraction of the time."""

import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from vau.cli import main

Here = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    """Return what runs a command in this process, which takes a fraction of the time."""

    def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        monkeypatch.setattr(sys, "argv", ["vau", *arguments])
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        status = main()
        return subprocess.CompletedProcess(arguments, status, *capsys.readouterr())

    before, logger = signal.getsignal(signal.SIGTERM), logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    yield run
    signal.signal(signal.SIGTERM, before)
    logger.handlers[:] = handlers
    logger.setLevel(level)
