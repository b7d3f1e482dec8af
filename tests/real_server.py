"""``vau serve`` as a process of its own, for what must not happen in the process of a test."""

import errno
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Any, Final

from tests.commands import VAU, environment

PATIENCE_S: Final = 120.0
STARTS: Final = 5  # somebody may take a port before the server does
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class Log:
    """What a server logs."""

    def __init__(self, file: Path) -> None:
        self._lines = file.open(encoding="utf-8")
        self._rest = ""
        self._first: dict[str, dict[str, Any]] = {}
        self._news: list[dict[str, Any]] = []

    def news(self) -> list[dict[str, Any]]:
        """Return the entries that were written since the last call, once each."""
        self._read()
        news, self._news = self._news, []
        return news

    def first(self, event: str) -> dict[str, Any] | None:
        """Return the first entry of an event, which stays among the news; None if none is."""
        self._read()
        return self._first.get(event)

    def _read(self) -> None:
        *whole, self._rest = (self._rest + self._lines.read()).split("\n")
        for entry in map(_entry, whole):
            self._first.setdefault(entry.get("event", ""), entry)
            self._news.append(entry)

    def close(self) -> None:
        self._lines.close()


def _entry(line: str) -> dict[str, Any]:
    """Return a line of the log. Raises AssertionError if it is none."""
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:
        raise AssertionError(f"the log has a line that is no JSON: {line!r}") from None
    return entry


@dataclass(frozen=True, slots=True)
class RealServer:
    """A server that runs, or did."""

    process: "subprocess.Popen[bytes]"
    grpc: str
    metrics: str
    log: "Log | None"
    """None if its stderr goes where nobody can read it."""

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def said(self, event: str) -> dict[str, Any]:
        """Return the first entry of an event in the log, waited for.

        Raises AssertionError if the server ends before, or if nobody can read its log.
        """
        assert self.log is not None, "nobody can read its log"
        end_s = monotonic() + PATIENCE_S
        while True:
            was_running = self.is_running
            if entry := self.log.first(event):
                return entry
            assert was_running, f"it ended, and never said {event!r}"
            assert monotonic() < end_s, f"it does not say {event!r}"
            sleep(0.02)

    def resident_bytes(self) -> int:
        """Return its resident memory. Raises OSError if it has ended."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * PAGE_BYTES

    def stop(self, patience_s: float = PATIENCE_S) -> int:
        """Tell it to stop; return its exit status. Raises TimeoutExpired if it does not."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience_s)


@contextmanager
def real_server(
    *arguments: object,
    log: Path,
    stderr: IO[bytes] | int | None = None,
    program: Sequence[str] = (*VAU, "serve"),
    grpc: str = "",
    metrics: str = "",
    **variables: str,
) -> Iterator[RealServer]:
    """Serve until the block ends, then kill it if it still runs.

    stderr: where the log goes instead of into the file ``log``.
    grpc:   where it listens; a free port if empty, and so for ``metrics``.
    """
    for starts_left in reversed(range(STARTS)):
        free = [f"127.0.0.1:{port}" for port in free_ports(2)]
        here = grpc or free[0], metrics or free[1]
        command = [*program, "--listen", here[0], "--metrics-listen", here[1]]
        with log.open("wb") as opened, closing(Log(log)) as read:
            process = subprocess.Popen(
                [*command, *map(str, arguments)],
                env=environment(**{"OPENBLAS_NUM_THREADS": "1"} | variables),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=opened if stderr is None else stderr,
            )
            server = RealServer(process, *here, read if stderr is None else None)
            try:
                try:
                    _wait_for(server)
                except AssertionError as error:
                    if starts_left and was_taken(log):
                        continue
                    error.add_note(log.read_text(encoding="utf-8")[-2000:])
                    raise
                yield server
                return
            finally:
                process.kill()
                process.wait()


def was_taken(log: Path) -> bool:
    """Tell whether somebody else had taken the address, as whoever ended says in its log."""
    return os.strerror(errno.EADDRINUSE).lower() in log.read_text(encoding="utf-8").lower()


def _wait_for(server: RealServer) -> None:
    """Wait until it accepts connections; it does not before it has checked itself."""
    if server.log is not None:
        server.said("listening")
        return
    host, port = server.grpc.split(":")
    end_s = monotonic() + PATIENCE_S
    while True:
        assert server.is_running, "it did not start"
        try:
            socket.create_connection((host, int(port)), timeout=1.0).close()
        except OSError:
            assert monotonic() < end_s, "it does not listen"
            sleep(0.02)
        else:
            return


def free_ports(count: int) -> list[int]:
    """Return ports that nobody has at the moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
