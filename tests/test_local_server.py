"""A server of our own is what its command line says, whatever this machine's settings are."""

import sys
from typing import Final

import pytest

from tests.commands import vau
from vau.commands.flags import variable
from vau.commands.local_server import served_by

SHOWS_ITS_VARIABLES: Final = """
import json, os, signal
print(json.dumps({"grpc": "", "metrics": "", "variables": dict(os.environ)}), flush=True)
signal.pause()
"""


def test_no_setting_of_this_machine_reaches_a_server_that_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flags = [word for word in vau("serve", "--help").stdout.split() if word.startswith("--")]
    settings = {variable(flag.rstrip(",")) for flag in flags} | {"VAU_A_FLAG_TO_COME"}
    assert {"VAU_MAX_WAIT_MS", "VAU_MAX_BATCH_SIZE", "VAU_CONFIG"} < settings
    for name in settings:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("VAU_KERNEL", "reference")
    monkeypatch.setenv("ANYBODY_ELSES", "2")
    with served_by([sys.executable, "-c", SHOWS_ITS_VARIABLES]) as (_server, said):
        there = said["variables"]
    assert settings & set(there) == set()
    assert (there["VAU_KERNEL"], there["ANYBODY_ELSES"]) == ("reference", "2")
