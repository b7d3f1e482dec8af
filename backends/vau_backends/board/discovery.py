"""Which boards there are, and how one is opened by its name.

Configured are the URLs in the variable VAU_BOARDS, with blanks between them. Beside them stand
the serial ports on USB whose device answers.
"""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import Final, Protocol

from vau.errors import BackendError, BackendNotFound, ConfigInvalid, DeviceLost, ModelError
from vau_backends.board.device.exchange import Exchange
from vau_backends.board.device.held import when_let_go
from vau_backends.board.device.opening import driver_of, tilings_on
from vau_backends.board.device.streams import Driver
from vau_backends.board.device.upsets import Upset
from vau_backends.board.hosting import Hosted, sizes_of
from vau_backends.board.link.info import Info
from vau_backends.board.transport.port import Port
from vau_backends.board.transport.serial_line import candidates
from vau_backends.board.transport.urls import Url
from vau_backends.muntaniala.array import DieArray
from vau_backends.muntaniala.weights import NetworkWeights

logger = logging.getLogger(__name__)

VARIABLE: Final = "VAU_BOARDS"
LOOK_S: Final = 0.5


class Started(Protocol):
    """A board that was started for us, and ends with us."""

    @property
    def url(self) -> Url:
        """Where it serves."""

    def open(self, limit_s: float) -> Port:
        """Open it, and start it again if it has ended by itself."""

    def close(self) -> None:
        """End it. A second call does nothing."""


@dataclass(frozen=True, slots=True)
class Found:
    """A board that may be opened."""

    instance: str
    """By which it was asked for, and can be asked for again."""

    url: Url
    started: Started | None = None
    serial: str = ""
    """Of a board that may be plugged in elsewhere when it is opened the next time."""

    def driver(self, weights: NetworkWeights) -> Driver:
        """Return a driver for it, not started yet."""
        open_port = None if self.started is None else self.started.open
        if self.serial:
            open_port = self._open_by_serial
        return driver_of(self.url, weights, open_port)

    def _open_by_serial(self, limit_s: float) -> Port:
        """Open its port, wherever that is by now. Raises as ``Url.open`` does."""
        return Url.parse(_of_serial(self.serial, self.url.text)).open(limit_s)

    def close(self) -> None:
        """End the board if it was started for us."""
        if self.started is not None:
            self.started.close()


@dataclass(frozen=True, slots=True)
class Sighting:
    """A board that answered, or why none did."""

    url: str
    info: Info | None
    text: str = ""


def configured() -> list[str]:
    """Return the URLs that were named beforehand."""
    return os.environ.get(VARIABLE, "").split()


def look_at(text: str, limit_s: float = LOOK_S) -> Sighting:
    """Ask a board who it is, and nothing else."""
    try:
        url = Url.parse(text)
        if url.scheme == "virtual":
            return Sighting(text, None, "is started when it is opened")
        return Sighting(text, info_of(url, limit_s))
    except (BackendError, Upset) as error:
        return Sighting(text, None, str(error))


def info_of(url: Url, limit_s: float) -> Info:
    """Ask for INFO. Raises as ``Url.open`` does, and Silent."""

    def ask() -> Info:
        with closing(url.open(limit_s)) as port:
            return Exchange(port).find(limit_s)

    return when_let_go(ask)


def sightings() -> Iterator[Sighting]:
    """Look at every board that is configured, and every serial port on USB."""
    named = configured()
    yield from map(look_at, named)
    for path, description in candidates():
        if f"serial:{path}" not in named:
            seen = look_at(f"serial:{path}")
            yield Sighting(seen.url, seen.info, seen.text or description)


def found_for(weights: NetworkWeights) -> list[str]:
    """Return the instances that could be opened with a network, the best first.

    Of each other one that is there or was named, a warning says why it could not.
    """
    instances = []
    for seen in sightings():
        if problem := _problem(seen, weights):
            logger.warning("board:%s is not offered: %s", seen.url, problem)
        else:
            instances.append(seen.url)
    return instances


def _problem(seen: Sighting, weights: NetworkWeights) -> str:
    """Say why a board cannot be opened with a network; nothing if it can."""
    try:
        url = Url.parse(seen.url)
        info = sizes_of(url.where) if url.scheme == "virtual" else seen.info
        if info is None:
            return seen.text
        tilings_on(info, weights)
    except (BackendNotFound, ConfigInvalid, ModelError) as error:
        return str(error)
    return ""


def opened(instance: str, weights: NetworkWeights) -> Found:
    """Return the board of that name, started if it is a virtual one.

    instance: a URL, a serial number, or nothing: the first that is configured, or else a
              virtual board as large as the network needs.
    Raises    as ``found_of`` does.
    """
    return found_of(instance or next(iter(configured()), "") or _virtual_for(weights))


def found_of(text: str) -> Found:
    """Return the board of a URL or serial number, started if it is a virtual one.

    Raises BackendNotFound if that is no name of a board, DeviceLost if no board of that serial
    number is there.
    """
    text = text.removeprefix("board:")  # as ``vau board list`` has it
    if re.fullmatch(r"[0-9a-fA-F]{16}", text):
        text = text.lower()
        return Found(text, Url.parse(_of_serial(text)), serial=text)
    url = Url.parse(text)
    if url.scheme != "virtual":
        return Found(text, url)
    started = Hosted(url.where)
    return Found(text, started.url, started)


def _virtual_for(weights: NetworkWeights) -> str:
    array = DieArray.square_for(weights.layers[0].w_h.shape[1])
    return f"virtual:{array.rows}x{array.columns}"


def _of_serial(serial: str, first: str = "") -> str:
    """Return the URL behind which a serial number answers; look at ``first`` first."""
    seen = list[str]()
    for each in chain([look_at(first)] if first else [], sightings()):
        if each.info is not None and each.info.stable_id == serial:
            return each.url
        if each.info is not None and each.info.stable_id not in seen:
            seen.append(each.info.stable_id)
    there = ", ".join(seen)
    raise DeviceLost(
        f"board: none of serial number {serial} answers; is it plugged in and on? There are: "
        f"{there or 'none'}",
        field="board",
        name=serial,
    )
