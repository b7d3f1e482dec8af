"""What was looked at, what was found, and what it means."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from vau.errors import VauError

Status = Literal["ok", "note", "warning", "problem"]
"""All well; good to know; works, but worse than it could; does not work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    """``group.what``, for example ``machine.cores``."""

    status: Status
    found: str
    meaning: str = ""
    """What that means for whoever serves or streams; empty if it goes without saying."""

    remedy: str = ""
    """What to do; empty where nothing need be done."""

    def facts(self) -> dict[str, str]:
        """Return it for a program."""
        return asdict(self)


Checks = Iterator[Check]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What ``vau serve`` would be given, and which server to look at."""

    listen: str
    metrics_listen: str
    models: tuple[str, ...]
    backends: tuple[str, ...]
    """Asked for; empty for the default, beside which the others are measured."""

    max_streams: int | None
    """None leaves it to what is measured."""

    web_listen: str = ""
    """Where the live page is to be; empty if it is not served."""

    web_origins: tuple[str, ...] = ()
    insecure: bool = False

    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    tokens: Path | None = None
    resume_key_file: Path | None = None
    server: str = ""
    access: dict[str, Any] = field(default_factory=dict)
    """Of ``vau.client.Access``: how to come to a server."""

    is_quick: bool = False


Examine = Callable[[Asked], Checks]

PATIENCE: Final = "look again, and report it if it stays"


def of_error(name: str, error: VauError, status: Status = "problem") -> Check:
    """Return a check of which our own error says all: what is wrong, and its remedy."""
    found, _, remedy = " ".join(str(error).split()).partition("; ")
    return Check(name=name, status=status, found=found, remedy=remedy)


def plural(count: int, what: str) -> str:
    """Return ``1 core`` or ``2 cores``."""
    return f"{count} {what}{'' if count == 1 else 's'}"
