"""The command line as a user has it: real processes of this tree."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
VAU: Final = (sys.executable, "-m", "vau.cli")
PATIENCE_S: Final = 60.0  # for what must end, on however busy a machine


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a command: ours, without settings for vau but these."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("VAU_")}
    paths = (ROOT / "service", ROOT / "backends", ROOT)
    return ours | {"PYTHONPATH": os.pathsep.join(map(str, paths))} | variables


def vau(*arguments: object, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        (*VAU, *map(str, arguments)),
        env=environment(**variables),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@contextmanager
def started(*arguments: object, **variables: str) -> "Iterator[subprocess.Popen[str]]":
    """Run a command beside the test; it is killed at the end if it still runs."""
    with subprocess.Popen(
        (*VAU, *map(str, arguments)),
        env=environment(**variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def children(pid: int) -> list[int]:
    """Return the processes that ``pid`` started and that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = stat.read_text().rpartition(")")
        except OSError:  # it ended while we looked
            continue
        state, parent = rest.split()[:2]
        if int(parent) == pid and state != "Z":
            found.append(int(stat.parent.name))
    return found


def is_running(pid: int) -> bool:
    """Tell whether a process is there and not a corpse."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
