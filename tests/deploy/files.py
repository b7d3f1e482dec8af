"""Where the files of deploy/ are, and the tools that look at them."""

import subprocess
from typing import Any, Final, TypeAlias

from tests.commands import ROOT

DEPLOY: Final = ROOT / "deploy"
TOOLS: Final = ROOT / ".venv-deploy/bin"
PATIENCE_S: Final = 300.0

Thing: TypeAlias = dict[str, Any]
"""What a file says, or one object of it."""


def run(*arguments: object, sent: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*map(str, arguments)],
        input=sent,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
