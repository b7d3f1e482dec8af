"""What may crash, hang or eat memory is done in a process of its own.

Kernels in C, drivers of sound cards and boards end a process at their worst; a diagnosis is to
say so, and go on. ``python -m vau.commands.doctor.apart MODULE`` reads what is asked from stdin
as JSON, calls ``work`` of that module, and writes what it returns as JSON.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
from typing import Any, Final

from vau.errors import VauError
from vau.signals import signals_held_back

_running: Final = set["subprocess.Popen[str]"]()


class Failed(Exception):
    """It came to nothing; why, in words."""


def apart(module: str, what: dict[str, Any], limit_s: float) -> Any:  # noqa: ANN401 - JSON
    """Return what ``work(**what)`` of ``module`` returns.

    Raises Failed with the reason if it raised a VauError, took more than ``limit_s``, or did
    not live to say anything.
    """
    command = [sys.executable, "-P", "-m", "vau.commands.doctor.apart", module]
    with signals_held_back():
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        _running.add(process)
    with process:
        try:
            said, complained = process.communicate(json.dumps(what), timeout=limit_s)
        except subprocess.TimeoutExpired:
            raise Failed(f"no answer within {limit_s:g} s") from None
        finally:
            process.kill()
            _running.discard(process)
    if process.returncode < 0:
        number = -process.returncode
        raise Failed(f"the process that tried it was ended by {signal.Signals(number).name}")
    if process.returncode:
        last = complained.strip().splitlines()[-1:] or ["it said nothing"]
        raise Failed(f"it failed: {last[0]}")
    answer = json.loads(said)
    if "error" in answer:
        raise Failed(answer["error"])
    return answer["result"]


def end_all() -> None:
    """End what still runs, when nobody waits for it any more."""
    for process in list(_running):
        process.kill()


def main() -> None:
    """Do one piece of work. What libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    work = importlib.import_module(sys.argv[1]).work
    try:
        answer = {"result": work(**json.load(sys.stdin))}
    except VauError as error:
        answer = {"error": " ".join(str(error).split())}
    with answers:
        json.dump(answer, answers)


if __name__ == "__main__":
    main()
