"""Boards by name: ``tcp:host:port``, ``serial:/dev/ttyUSB0``, ``pty:PATH``, ``virtual:2x2``.

Settings may follow, each with a plus: ``serial:/dev/ttyUSB0+baud=3000000+rtl=`` and 32 digits.
"""

import re
from dataclasses import dataclass, field
from typing import Final, Self

from vau.errors import BackendNotFound
from vau_backends.board.transport.port import Port
from vau_backends.board.transport.serial_line import DEFAULT_BAUD, open_pty, open_serial
from vau_backends.board.transport.tcp import open_tcp

SCHEMES: Final = ("tcp", "serial", "pty", "virtual")
_SETTING: Final = re.compile(r"(.*)\+(baud|rtl)=([^+]*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """Where a board is."""

    scheme: str
    where: str
    baud: int = DEFAULT_BAUD
    accepted_rtl: str = ""
    """Hash of an RTL that nobody here knows, in hexadecimal, to be taken all the same."""

    text: str = field(compare=False)
    """As it was given."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URL. Raises BackendNotFound if it is none."""
        rest, settings = text, dict[str, str]()
        while match := _SETTING.fullmatch(rest):
            rest, name, value = match.groups()
            if name in settings:
                raise _refusal(text, f"{name} is set twice")
            settings[name] = value
        scheme, colon, where = rest.partition(":")
        if scheme not in SCHEMES or not colon or not where:
            raise _refusal(text, "it begins with " + ", ".join(f"{each}:" for each in SCHEMES))
        if not where.isprintable():
            raise _refusal(text, "it holds what cannot be printed")
        rtl, baud = settings.get("rtl", ""), settings.get("baud", str(DEFAULT_BAUD))
        if rtl and not re.fullmatch(r"[0-9a-f]{32}", rtl):
            raise _refusal(text, "rtl= takes 32 hexadecimal digits")
        if not re.fullmatch(r"[1-9][0-9]{2,7}", baud):
            raise _refusal(text, "baud= takes bits per second")
        return cls(scheme=scheme, where=where, baud=int(baud), accepted_rtl=rtl, text=text)

    def open(self, limit_s: float) -> Port:
        """Open what it names, but for a virtual board, which has to be started first.

        Raises BackendNotFound, BackendBusy, DevicePermission, DeviceLost or DeviceTimeout.
        """
        match self.scheme:
            case "tcp":
                return open_tcp(self.where, limit_s)
            case "serial":
                return open_serial(self.where, self.baud)
            case "pty":
                return open_pty(self.where)
        raise ValueError(f"{self.text}: start it, and open the URL that it serves")


def _refusal(text: str, rule: str) -> BackendNotFound:
    return BackendNotFound(
        f"board: {text!r} names no board: {rule}; for example virtual:2x2 or "
        "serial:/dev/ttyUSB0+baud=921600",
        field="board",
        name=text,
    )
