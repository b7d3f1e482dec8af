"""A server of our own while a block lasts: ``vau serve`` as a process, on free ports."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import IO, Final

from vau.commands.flags import variable
from vau.errors import Unreachable
from vau.load.processor import children_cpu_s, process_cpu_s
from vau.model import find_model
from vau.processes import signals_held_back
from vau.registry import open_backend

START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 10.0
KEPT_LOG_LINES: Final = 20
FREE: Final = "127.0.0.1:0"

OURS: Final = tuple(
    map(
        variable,
        (
            *("--config", "--shadow", "--shadow-share"),
            *("--tls-cert", "--tls-key", "--tls-client-ca", "--tokens", "--closed-health"),
            *("--max-streams-per-client", "--reflection"),
        ),
    )
)
"""Variables that a server of ours does not inherit: its command line says what it is to do."""


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that runs on this machine."""

    grpc: str
    """Where it listens, ``host:port``."""

    metrics: str
    pid: int

    def cpu_s(self) -> float:
        """Return the seconds of CPU that the server took so far, all its threads together.

        Raises Unreachable if it has ended.
        """
        cpu_s = process_cpu_s(self.pid)
        if cpu_s is None:
            raise Unreachable(f"{self.grpc}: the server of this machine has ended")
        return cpu_s

    def helpers_cpu_s(self) -> float:
        """Return the same of the processes that the server started and that still run."""
        return children_cpu_s(self.pid)


def check_engines(model: str, *backends: str) -> None:
    """Open and close each backend here: what is wrong is told better than by a server's end.

    Raises ModelError or BackendError for the first that a server could not have either.
    """
    found = find_model(model)
    for backend in backends:
        with closing(open_backend(backend, found)):
            pass


@contextmanager
def local_server(*arguments: str) -> Iterator[LocalServer]:
    """Run ``vau serve`` with these arguments on the loopback until the block ends.

    Raises Unreachable, with what the server said last, if it does not come up.
    """
    command = [sys.executable, "-m", "vau.cli", "serve", *arguments]
    command += ["--listen", FREE, "--metrics-listen", FREE]
    process = None
    try:
        with signals_held_back():  # within Popen they would lose what it has started
            process = subprocess.Popen(
                command,
                env={name: value for name, value in os.environ.items() if name not in OURS},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,  # Ctrl-C reaches us alone, and we stop it
            )
        if process.stderr is None:
            raise ValueError("the server was started without a pipe for its log")
        grpc, metrics = _Log(process.stderr).addresses()
        yield LocalServer(grpc, metrics, process.pid)
    finally:
        if process is not None:
            _stop(process)


class _Log:
    """Reads a server's log so that it never blocks, and keeps the end of it."""

    def __init__(self, lines: IO[str]) -> None:
        self._lines = lines
        self._kept: deque[str] = deque(maxlen=KEPT_LOG_LINES)
        self._found: tuple[str, str] | None = None
        self._news = threading.Event()
        threading.Thread(target=self._read, daemon=True, name="server-log").start()

    def addresses(self) -> tuple[str, str]:
        """Wait until the server says where it listens: gRPC, and metrics."""
        in_time = self._news.wait(START_TIMEOUT_S)
        if self._found is not None:
            return self._found
        said = self._kept[-1].removeprefix("vau: error: ") if self._kept else "nothing"
        reason = f"it ended, saying: {said}" if in_time else f"silent for {START_TIMEOUT_S:g} s"
        raise Unreachable(f"a server on this machine did not start: {reason}")

    def _read(self) -> None:
        for line in self._lines:
            if line.strip():
                self._kept.append(line.strip())
            if self._found is None:
                self._found = _addresses_in(line)
                if self._found is not None:
                    self._news.set()
        self._news.set()


def _addresses_in(line: str) -> tuple[str, str] | None:
    try:
        entry = json.loads(line)
        return entry["grpc"], entry["metrics"]
    except (ValueError, KeyError, TypeError):  # another line of the log
        return None


def _stop(process: "subprocess.Popen[str]") -> None:
    """Ask the server to stop, and insist after a while."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    except BaseException:  # an interrupt while waiting: nothing may stay behind
        process.kill()
        process.wait()
        raise
