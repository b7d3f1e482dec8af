"""Try installed backends: ``python -m vau.testing.contract mine mine:other [-k snapshot ...]``.

What follows the backends goes to pytest, whose ``--help`` has the options of ``plugin`` too.
pytest runs in a process of its own: it must see the tests before anybody imports them.
"""

import os
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
SETTINGS: Final = (
    *("-c", os.devnull),  # those of the folder where it is called are for other tests
    *("--rootdir", str(HERE)),
    *("-p", "no:cacheprovider"),  # it would write beside the tests
    *("-p", "vau.testing.contract.plugin"),
    "--import-mode=importlib",
)


def main(arguments: list[str]) -> int:
    """Run the contract, and return the exit status of pytest."""
    backends = list(takewhile(lambda argument: not argument.startswith("-"), arguments))
    named = [f"--backend={backend}" for backend in backends]
    rest = arguments[len(backends) :]
    pytest = (sys.executable, "-m", "pytest", *SETTINGS, str(HERE / "installed.py"))
    return subprocess.run([*pytest, *named, *rest], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
