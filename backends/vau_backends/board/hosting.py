"""Virtual boards as processes of our own, which end with us.

The process simulates the RTL of the package and serves it on a free TCP port of the loopback;
everything else is as with a board on a desk.
"""

import json
import logging
import os
import re
import subprocess
import sys
import zlib
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from threading import Thread
from time import monotonic
from typing import IO, Final, NoReturn

from vau.errors import BackendFault, BackendNotFound, ConfigInvalid, DeviceLost
from vau_backends.board.link.info import Info
from vau_backends.board.transport.places import place_of
from vau_backends.board.transport.port import Port
from vau_backends.board.transport.tcp import open_tcp
from vau_backends.board.transport.urls import Url
from vau_backends.board.virtual.build import BUILDING
from vau_backends.board.virtual.parameters import Parameters
from vau_backends.board.virtual.server import arguments

logger = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 1.0
MOST_PAUSE_S: Final = 60.0
"""Between two starts of a simulation that ends by itself: twice as long each time, until it
has lasted longer than this."""

REAPED_S: Final = 0.5
"""A process whose port hung up is over by then, if it is."""

STOP_S: Final = 5.0
KEPT_LINES: Final = 20
COMMAND: Final = (sys.executable, "-m", "vau_backends.board.virtual")
_WHERE: Final = re.compile(
    r"(?P<array>[1-9][0-9]?x[1-9][0-9]?)"
    r"(?P<sizes>(,(units|inputs|contexts)=[1-9][0-9]{0,2})*)(/(?P<name>[\w.-]+))?",
    re.ASCII,
)


class Hosted:
    """A virtual board of ours: a process that is started again if it ends by itself."""

    def __init__(self, where: str, clock: Callable[[], float] = monotonic) -> None:
        """Start it and wait until it listens.

        where:  dies, sizes other than the usual, and a name to tell it from others of the kind:
                ``2x2``, ``2x2,units=8,inputs=16``, ``2x2/left``.
        Raises  BackendNotFound if that names none, BackendFault if it does not come up.
        """
        self.name = f"virtual:{where}"
        self._where, self._clock = where, clock
        self._simulation = _started(where)
        self._begun_s, self._pause_s = clock(), FIRST_PAUSE_S

    @property
    def process(self) -> "subprocess.Popen[str]":
        """The one that simulates it now."""
        return self._simulation.process

    @property
    def url(self) -> Url:
        """Where it serves now."""
        return self._simulation.url

    def open(self, limit_s: float) -> Port:
        """Open its port, of a simulation that was started again if the last one has ended.

        Raises DeviceLost if that was only just done, BackendFault if it does not come up.
        """
        if self.process.poll() is not None:
            self._start_again()
        return open_tcp(self.url.where, limit_s, name=self.name, why_lost=self._why_lost)

    def close(self) -> None:
        """End it. A second call does nothing."""
        self._simulation.close()

    def _start_again(self) -> None:
        lasted_s = self._clock() - self._begun_s
        if lasted_s > MOST_PAUSE_S:
            self._pause_s = FIRST_PAUSE_S
        if lasted_s < self._pause_s:
            raise DeviceLost(
                f"{self.name}: {_ending(self.process)}; it is started again in "
                f"{self._pause_s - lasted_s:.0f} s"
            )
        logger.warning("board %s: %s; it is started again", self.name, _ending(self.process))
        self._simulation.close()
        self._begun_s, self._pause_s = self._clock(), min(MOST_PAUSE_S, 2 * self._pause_s)
        self._simulation = _started(self._where)
        self._begun_s = self._clock()

    def _why_lost(self) -> str:
        try:
            self.process.wait(REAPED_S)
        except subprocess.TimeoutExpired:
            return "its simulation runs on, and is connected to anew"
        return f"{_ending(self.process)}, and is started again"


def _ending(process: "subprocess.Popen[str]") -> str:
    """Say how a process ended."""
    code = process.returncode
    return f"its simulation ended ({f'signal {-code}' if code < 0 else f'exit status {code}'})"


@dataclass(frozen=True, slots=True)
class _Simulation:
    """A process that simulates a board, and where it serves it."""

    process: "subprocess.Popen[str]"
    url: Url

    def close(self) -> None:
        """End it. A second call does nothing."""
        _end(self.process)


def _end(process: "subprocess.Popen[str]") -> None:
    """End a process, and close what it said. A second call does nothing."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _started(where: str) -> _Simulation:
    """Start a virtual board and wait until it listens, which takes minutes the first time.

    Raises  BackendNotFound if ``where`` names none, BackendFault, with what it said last, if it
            does not come up.
    """
    with ExitStack() as if_it_fails:
        process = subprocess.Popen(
            [*COMMAND, *_words(where), "--parent", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # a terminal's Ctrl-C would end it while we still need it
        )
        if_it_fails.callback(_end, process)
        said: deque[str] = deque(maxlen=KEPT_LINES)
        if process.stdout is None or process.stderr is None:
            raise ValueError("a process with pipes has none")
        keeper = Thread(target=_keep, args=(process.stderr, said, where), daemon=True)
        keeper.start()
        try:
            url = Url.parse(str(json.loads(process.stdout.readline())["url"]))
        except (ValueError, KeyError, TypeError) as cause:
            process.kill()
            keeper.join(STOP_S)
            words = " ".join(said).removeprefix("vau: error: ") or "nothing"
            raise BackendFault(
                f"board virtual:{where}: the simulation does not start; it said: {words}"
            ) from cause
        if_it_fails.pop_all()
    return _Simulation(process, url)


def sizes_of(where: str) -> Info:
    """Return how large a virtual board would be, without starting it, and no more.

    Raises BackendNotFound if ``where`` names none, ConfigInvalid if none is like that.
    """
    wanted = arguments(_words(where))
    board_of = wanted.parameters
    return Info(
        serial=wanted.serial,
        units=board_of.units,
        inputs=board_of.inputs,
        rows=board_of.rows,
        columns=board_of.columns,
        most_payload=board_of.most_payload,
        clock_hz=0,
        tables_crc=0,
        rate_hz=0,
    )


def serve(array: str, listen: str, serial: int) -> NoReturn:
    """Become the process of a virtual board, which says where it is in a line of JSON.

    Raises ConfigInvalid for an array or a place that is none.
    """
    match = _WHERE.fullmatch(array)
    if match is None:
        raise ConfigInvalid(f"array={array!r} is not like 2x2", field="array")
    Parameters.of_grid(match["array"])
    if listen != "pty" and place_of(listen) is None:
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


def _keep(stream: IO[str], said: deque[str], where: str) -> None:
    with suppress(ValueError):  # it was closed meanwhile
        for line in stream:
            said.append(line.rstrip())
            if said[-1] == BUILDING:
                logger.warning("board virtual:%s: %s", where, BUILDING)
