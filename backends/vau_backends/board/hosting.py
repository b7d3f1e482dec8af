"""Virtual boards as processes of our own, which end with us.

The process simulates the RTL of the package and serves it on a free TCP port of the loopback;
everything else is as with a board on a desk.
"""

import ctypes
import json
import signal
import subprocess
import sys
from collections import deque
from dataclasses import dataclass, field
from threading import Thread
from typing import IO, Final

from vau.errors import BackendFault
from vau_backends.board.transport.urls import Url

STOP_S: Final = 5.0
KEPT_LINES: Final = 20
_PR_SET_PDEATHSIG: Final = 1


@dataclass(slots=True)
class Hosted:
    """A virtual board that runs."""

    process: "subprocess.Popen[str]"
    url: Url
    said: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))

    def close(self) -> None:
        """End it. A second call does nothing."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def start(array: str) -> Hosted:
    """Start a virtual board and wait until it listens, which takes minutes the first time.

    array:  for example ``2x2``.
    Raises  BackendFault, with what it said last, if it does not come up.
    """
    command = [sys.executable, "-m", "vau_backends.board.virtual", "--array", array]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_end_with_parent,  # noqa: PLW1509 - it calls the kernel and nothing else
    )
    said: deque[str] = deque(maxlen=KEPT_LINES)
    if process.stdout is None or process.stderr is None:
        raise ValueError("a process with pipes has none")
    Thread(target=_keep, args=(process.stderr, said), daemon=True).start()
    line = process.stdout.readline()
    try:
        text = str(json.loads(line)["url"])
    except (ValueError, KeyError, TypeError) as cause:
        process.kill()
        process.wait()
        words = " ".join(said) or "nothing"
        raise BackendFault(
            f"board virtual:{array}: the simulation does not start; it said: {words}"
        ) from cause
    return Hosted(process, Url.parse(text), said)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _keep(stream: IO[str], said: deque[str]) -> None:
    for line in stream:
        said.append(line.rstrip())
