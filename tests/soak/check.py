"""A check: what must happen, and what was seen."""

import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Literal, TypeAlias

Figures: TypeAlias = dict[str, int | float | str | bool | None]
"""What was seen."""

Mode = Literal["short", "long"]


class NotSo(Exception):
    """What must happen has not; the figures so far tell how far it came."""

    def __init__(self, what: str, figures: Figures | None = None) -> None:
        super().__init__(what)
        self.figures = figures or {}


@dataclass(frozen=True, slots=True)
class Site:
    """Where a check works, and how long it may take."""

    folder: Path
    """Its own."""

    mode: Mode

    def pick(self, *, short: float, long: float) -> float:
        """Return the one of both that is meant by this mode."""
        return short if self.mode == "short" else long

    def count(self, *, short: int, long: int) -> int:
        return round(self.pick(short=short, long=long))


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so."""

    name: str
    must: str
    """What must happen, in a sentence."""

    run: Callable[[Site], Figures]
    """Raises NotSo, or whatever else, if it does not."""

    is_alone: bool = False
    """Whether its figures need the machine for itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A check, carried out."""

    name: str
    ok: bool
    must: str
    seen: Figures
    why_not: str
    seconds: float

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def carry_out(check: Check, site: Site) -> Outcome:
    """Run a check in its folder."""
    site.folder.mkdir(parents=True, exist_ok=True)
    begun_s = monotonic()
    seen: Figures = {}
    why_not = ""
    try:
        seen = check.run(site)
    except NotSo as fault:
        seen, why_not = fault.figures, str(fault)
    except Exception:  # noqa: BLE001 - the other checks go on, and this one is told in full
        why_not = traceback.format_exc()
    return Outcome(
        name=check.name,
        ok=not why_not,
        must=check.must,
        seen=seen,
        why_not=why_not,
        seconds=round(monotonic() - begun_s, 2),
    )


def require(is_so: bool, what: str, figures: Figures | None = None) -> None:
    """Raise NotSo unless ``is_so``."""
    if not is_so:
        raise NotSo(what, figures)
