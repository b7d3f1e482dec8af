"""Virtual boards as processes of our own, which end with us.

The process simulates the RTL of the package and serves it on a free TCP port of the loopback;
everything else is as with a board on a desk.
"""

import json
import os
import re
import subprocess
import sys
import zlib
from collections import deque
from dataclasses import dataclass
from threading import Thread
from typing import IO, Final, NoReturn

from vau.errors import BackendFault, BackendNotFound, ConfigInvalid
from vau_backends.board.transport.urls import Url
from vau_backends.board.virtual.parameters import Parameters

STOP_S: Final = 5.0
KEPT_LINES: Final = 20
COMMAND: Final = (sys.executable, "-m", "vau_backends.board.virtual")
_WHERE: Final = re.compile(
    r"(?P<array>[1-9][0-9]?x[1-9][0-9]?)"
    r"(?P<sizes>(,(units|inputs|contexts)=[1-9][0-9]{0,2})*)(/(?P<name>[\w.-]+))?",
    re.ASCII,
)

_PLACE: Final = re.compile(r"[^:\s]+:[0-9]{1,5}", re.ASCII)


@dataclass(slots=True)
class Hosted:
    """A virtual board that runs."""

    process: "subprocess.Popen[str]"
    url: Url

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


def start(where: str) -> Hosted:
    """Start a virtual board and wait until it listens, which takes minutes the first time.

    where:  dies, sizes other than the usual, and a name to tell it from others of the kind:
            ``2x2``, ``2x2,units=8,inputs=16``, ``2x2/left``.
    Raises  BackendNotFound if that names none, BackendFault, with what it said last, if it
            does not come up.
    """
    process = subprocess.Popen(
        [*COMMAND, *_words(where), "--parent", str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said: deque[str] = deque(maxlen=KEPT_LINES)
    if process.stdout is None or process.stderr is None:
        raise ValueError("a process with pipes has none")
    keeper = Thread(target=_keep, args=(process.stderr, said), daemon=True)
    keeper.start()
    try:
        text = str(json.loads(process.stdout.readline())["url"])
    except (ValueError, KeyError, TypeError) as cause:
        process.kill()
        process.wait()
        keeper.join(STOP_S)
        words = " ".join(said).removeprefix("vau: error: ") or "nothing"
        raise BackendFault(
            f"board virtual:{where}: the simulation does not start; it said: {words}"
        ) from cause
    return Hosted(process, Url.parse(text))


def serve(array: str, listen: str, serial: int) -> NoReturn:
    """Become the process of a virtual board, which says where it is in a line of JSON.

    Raises ConfigInvalid for an array or a place that is none.
    """
    match = _WHERE.fullmatch(array)
    if match is None:
        raise ConfigInvalid(f"array={array!r} is not like 2x2", field="array")
    Parameters.of_grid(match["array"])
    if listen != "pty" and not _PLACE.fullmatch(listen):
        raise ConfigInvalid(f"listen={listen!r} is neither HOST:PORT nor pty", field="listen")
    port = ("--pty",) if listen == "pty" else ("--tcp", listen)
    os.execv(COMMAND[0], [*COMMAND, *_words(array), *port, "--serial", f"{serial:x}"])  # noqa: S606 - it is to be this process


def _words(where: str) -> list[str]:
    """Return what the process is told of its board. Raises BackendNotFound."""
    match = _WHERE.fullmatch(where)
    if match is None:
        raise BackendNotFound(
            f"board: virtual:{where} names no array; it is like virtual:2x2, "
            "virtual:2x2,units=8,inputs=16 or virtual:2x2/left",
            field="board",
            name=f"virtual:{where}",
        )
    words = ["--array", match["array"]]
    for setting in filter(None, match["sizes"].split(",")):
        name, value = setting.split("=")
        words += [f"--{name}", value]
    if match["name"]:
        words += ["--serial", f"{zlib.crc32(match['name'].encode()):x}"]
    return words


def _keep(stream: IO[str], said: deque[str]) -> None:
    for line in stream:
        said.append(line.rstrip())
