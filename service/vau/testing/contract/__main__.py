"""Try installed backends: ``python -m vau.testing.contract mine mine:other [-k snapshot ...]``.

What follows the backends goes to pytest, which knows the options of ``plugin`` too.
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
    "--tb=short",
    "-rN",  # ``summary`` says it in terms of promises
)
HELP: Final = """\
usage: python -m vau.testing.contract KIND[:INSTANCE] ... [options] [options of pytest]

Try every promise of the port, vau/backend.py, on installed backends; `vau backends` lists
them. Nothing is written. The end of the output is each broken promise, once.

options:
  --network FIELD=N,...         the shape of the network to try it on, for example
                                layers=1,hidden=96; fields: layers, hidden, inputs (a
                                multiple of 3), classes, peephole (0 or 1)
  --does-not-apply TEST=REASON  skip this test, and say why; repeatable

options of pytest, for example (`python -m pytest --help` lists all):
  -k snapshot                   only the tests with this in their names
  -x                            stop at the first failure
  --tb=long                     show whole functions where something failed
  --collect-only -q             list the tests

exit status: 0 if all promises are kept, 1 if not, 4 if a backend cannot be opened or an
option cannot be meant.
"""


def main(arguments: list[str]) -> int:
    """Run the contract, and return the exit status of pytest."""
    if {"-h", "--help"} & set(arguments):
        sys.stdout.write(HELP)
        return 0
    backends = list(takewhile(lambda argument: not argument.startswith("-"), arguments))
    named = [f"--backend={backend}" for backend in backends]
    rest = arguments[len(backends) :]
    pytest = (sys.executable, "-m", "pytest", *SETTINGS, str(HERE / "installed.py"))
    return subprocess.run([*pytest, *named, *rest], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
