"""``./run e2e-metrics`` tells what went wrong, whatever it is."""

import json
import subprocess

import pytest

from tests.watched import __main__ as command


def test_whatever_goes_wrong_is_told_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise subprocess.TimeoutExpired("vau serve", 120.0)

    monkeypatch.setattr(command, "played", fail)
    monkeypatch.setattr(command, "fired_in_tests", lambda: ([], True))
    assert command.main(["--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert "TimeoutExpired" in told["failure"]
