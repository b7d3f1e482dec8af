"""Work that goes wrong, for ``vau.commands.doctor.apart``."""

import os
import signal
import sys
import time

from vau.errors import BackendFault

NAME = __name__


def work(kind: str) -> str:
    match kind:
        case "well":
            sys.stdout.write("what a library prints is no answer\n")
        case "crash":
            os.kill(os.getpid(), signal.SIGILL)
        case "hang":
            time.sleep(10_000)
        case "error":
            raise BackendFault("supply lost")
        case "defect":
            raise LookupError("a defect")
        case "end":
            sys.exit(7)
    return f"{kind} done"
