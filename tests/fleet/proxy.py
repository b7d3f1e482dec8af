"""HAProxy with the configuration of deploy/, as a process that can be killed and asked."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.commands import ROOT, environment
from tests.soak.check import require

CONFIG: Final = ROOT / "deploy" / "haproxy" / "haproxy.cfg"
LOG: Final = "haproxy.log"
_ANSWER_S: Final = 30.0
_RUNNING: Final = "2"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A HAProxy that runs, or did."""

    process: "subprocess.Popen[bytes]"
    socket: Path
    """Where its master can be asked."""

    def up(self) -> list[str]:
        """Return the addresses of the replicas that get new streams, in order.

        There are none while the proxy begins, or begins anew. Raises NotSo if it has ended.
        """
        require(self.process.poll() is None, "the proxy has ended; its log says why")
        shown = self._ask("@1 show servers state servers")
        if not shown:
            return []
        _version, header, *rows = shown.split("\n")
        names = header.removeprefix("# ").split()
        found = [dict(zip(names, row.split(), strict=True)) for row in rows if row]
        return sorted(each["srv_addr"] for each in found if each["srv_op_state"] == _RUNNING)

    def reload(self) -> None:
        """Have it read its configuration again: a new worker takes all new connections.

        The old one goes on with what it has.
        """
        self._ask("reload")

    def worker(self) -> str:
        """Return the process that takes new connections; none while the proxy begins anew."""
        rows = [line.split() for line in self._ask("show proc").splitlines()]
        return next((row[0] for row in rows if row[1:2] == ["worker"]), "")

    def kill(self) -> None:
        """Kill it and its workers."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _ask(self, command: str) -> str:
        """Return what the master answers; nothing while it begins, or begins anew."""
        try:
            with socket.socket(socket.AF_UNIX) as asked:
                asked.settimeout(_ANSWER_S)
                asked.connect(str(self.socket))
                asked.sendall(f"{command}\n".encode())
                asked.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: asked.recv(65_536), b"")).decode()
        except (ConnectionError, FileNotFoundError):
            return ""


@contextmanager
def haproxy(folder: Path, variables: Mapping[str, str]) -> Iterator[Proxy]:
    """Run the proxy until the block ends, then kill it if it still runs.

    folder:    its own; its log goes there.
    variables: settings of the configuration.
    """
    socket_file = folder / "master"
    with (folder / LOG).open("ab") as said:
        process = subprocess.Popen(
            ["haproxy", "-W", "-db", "-S", str(socket_file), "-f", str(CONFIG)],
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        proxy = Proxy(process, socket_file)
        try:
            yield proxy
        finally:
            if process.poll() is None:
                proxy.kill()


def version() -> str:
    """Return that of the installed HAProxy. Raises FileNotFoundError if there is none."""
    done = subprocess.run(["haproxy", "-v"], capture_output=True, text=True, check=True)
    return done.stdout.split()[2]
