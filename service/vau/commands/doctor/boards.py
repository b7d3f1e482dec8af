"""Boards that are configured or plugged in."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from vau.boards import boards
from vau.commands.doctor.apart import Failed, apart
from vau.commands.doctor.check import Asked, Check, Checks
from vau.errors import BackendNotFound

LIMIT_S: Final = 45.0
NAME: Final = "boards.seen"
PORTS: Final = ("ttyUSB*", "ttyACM*")
DEV: Final = Path("/dev")


def examine(_asked: Asked) -> Checks:
    """Ask every board who it is, and look at the serial ports."""
    yield serial(serial_ports(), has_pyserial=find_spec("serial") is not None)
    try:
        boards()
    except BackendNotFound:
        yield Check(name=NAME, status="ok", found="nothing installed drives boards")
        return
    try:
        seen = apart(__name__, {}, LIMIT_S)
    except Failed as failed:
        yield Check(
            name=NAME,
            status="warning",
            found=str(failed),
            remedy="unplug what hangs, or take it out of VAU_BOARDS",
        )
        return
    yield from map(board, seen)
    if not seen:
        yield Check(
            name=NAME,
            status="ok",
            found="no board is configured or plugged in",
            meaning="none is needed: the accelerators are computed here; vau serve --backend "
            "board --board virtual:2x2 simulates one",
        )


def serial_ports(dev: Path = DEV) -> list[Path]:
    """Return the serial ports on USB."""
    return sorted(each for pattern in PORTS for each in dev.glob(pattern))


def serial(ports: list[Path], *, has_pyserial: bool) -> Check:
    """Judge the rights to open serial ports, and what it takes."""
    name = "boards.serial"
    if not ports:
        return Check(name=name, status="ok", found="no serial port on USB")
    named = ", ".join(map(str, ports))
    shut = [str(each) for each in ports if not os.access(each, os.R_OK | os.W_OK)]
    if shut:
        return Check(
            name=name,
            status="warning",
            found=f"{', '.join(shut)} may not be opened by this user",
            meaning="a board there cannot be served",
            remedy="add the user to the group of the device (Debian: dialout), and log in anew",
        )
    if not has_pyserial:
        return Check(
            name=name,
            status="note",
            found=f"{named} may be opened, and pyserial is not installed",
            meaning="a board there is not looked for",
            remedy="pip install 'vau[serial]'",
        )
    return Check(name=name, status="ok", found=f"{named} may be opened")


def board(seen: dict[str, Any]) -> Check:
    """Judge one board, by what the port of boards tells of it."""
    name = f"boards.{seen['url']}"
    answered = seen.keys() - {"url", "text"}
    if answered:
        facts = ", ".join(
            f"{key} {value}" for key, value in seen.items() if key not in {"url", "text"}
        )
        return Check(name=name, status="ok", found=f"answers: {facts}")
    if seen["url"].startswith("virtual:"):
        return Check(name=name, status="ok", found=seen["text"])
    return Check(
        name=name,
        status="warning",
        found=seen["text"] or "does not answer",
        meaning="it cannot be served as it is",
        remedy="is it on, and its speed right? vau board check tells more (docs/boards.md)",
    )


def work() -> list[dict[str, Any]]:
    """List what is there, in a process of its own: a driver may hang."""
    found: list[dict[str, Any]] = boards().sightings().facts["boards"]
    return found
