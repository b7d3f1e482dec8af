"""A server of our own while a block lasts: ``vau serve`` as a process, on free ports."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import IO, Any, Final

from vau.errors import Unreachable
from vau.load.processor import children_cpu_s, process_cpu_s
from vau.model import find_model
from vau.registry import open_backend
from vau.signals import signals_held_back

START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 10.0
KEPT_LOG_LINES: Final = 20
FREE: Final = "127.0.0.1:0"

SETTING: Final = "VAU_"  # how the variable of each flag begins
KERNEL: Final = "VAU_KERNEL"  # which is no flag's: it says what this machine computes with


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
    with served_by([*command, "--listen", FREE, "--metrics-listen", FREE]) as (server, _said):
        yield server


@contextmanager
def served_by(command: Sequence[str]) -> Iterator[tuple[LocalServer, dict[str, Any]]]:
    """Run a server of this machine until the block ends.

    command: it writes a JSON object in a line of its own when it listens, with its addresses as
             ``grpc`` and ``metrics``, to stdout or stderr, and ends at SIGTERM.
    Yields   the server, and that object.
    Raises   Unreachable, with what it said last, if it does not come up.
    """
    process = None
    try:
        with signals_held_back():  # within Popen they would lose what it has started
            process = _start(command)
        if process.stdout is None:
            raise ValueError("the server was started without a pipe for its log")
        said = _Log(process.stdout).hello()
        yield LocalServer(said["grpc"], said["metrics"], process.pid), said
    finally:
        if process is not None:
            _stop(process)


def _start(command: Sequence[str]) -> "subprocess.Popen[str]":
    """Start a server. Raises Unreachable if there is no such program."""
    try:
        return subprocess.Popen(
            command,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C reaches us alone, and we stop it
        )
    except OSError as cause:
        raise Unreachable(f"a server on this machine did not start: {cause}") from cause


def _environment() -> dict[str, str]:
    """Return our variables without settings: its command line says what a server is to do."""
    return {
        name: value
        for name, value in os.environ.items()
        if name == KERNEL or not name.startswith(SETTING)
    }


class _Log:
    """Reads a server's log so that it never blocks, and keeps the end of it."""

    def __init__(self, lines: IO[str]) -> None:
        self._lines = lines
        self._kept: deque[str] = deque(maxlen=KEPT_LOG_LINES)
        self._hello: dict[str, Any] | None = None
        self._news = threading.Event()
        threading.Thread(target=self._read, daemon=True, name="server-log").start()

    def hello(self) -> dict[str, Any]:
        """Wait until the server says where it listens; return all that it says with it."""
        in_time = self._news.wait(START_TIMEOUT_S)
        if self._hello is not None:
            return self._hello
        said = self._kept[-1].removeprefix("vau: error: ") if self._kept else "nothing"
        reason = f"it ended, saying: {said}" if in_time else f"silent for {START_TIMEOUT_S:g} s"
        raise Unreachable(f"a server on this machine did not start: {reason}")

    def _read(self) -> None:
        with self._lines:
            for line in self._lines:
                if line.strip():
                    self._kept.append(line.strip())
                if self._hello is None:
                    self._hello = _hello_in(line)
                    if self._hello is not None:
                        self._news.set()
        self._news.set()


def _hello_in(line: str) -> dict[str, Any] | None:
    """Return what a line says if it says where the server listens."""
    try:
        entry = json.loads(line)
    except ValueError:  # another line of the log
        return None
    is_hello = isinstance(entry, dict) and {"grpc", "metrics"} <= entry.keys()
    return entry if is_hello else None


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
