"""Whether what Prometheus says to a panel is there, and can be so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from deploy.dashboards.ask import Answered, Prometheus, Span, ask, panels_of, unfilled
from deploy.dashboards.panel import Unit

DAY_S: Final = 86_400.0
BOUNDS: Final[Mapping[Unit, tuple[float, float]]] = {
    "short": (0.0, 1e9),
    "s": (0.0, 100 * DAY_S),
    "percentunit": (0.0, 100.0),  # a utilisation may pass 1
    "joule": (1e-9, 1e4),
    "watt": (0.0, 10.0),
    "cps": (0.0, 1e6),
    "decbytes": (0.0, 1e9),
    "hertz": (0.0, 1e12),
}
"""What a figure in this unit can be, for these servers and this load."""

STILL: Final = frozenset(
    {
        "Lines of the log lost",
        "Frames with other bits",
        "Frames that take the accelerator over 10 ms",
    }
)
"""Panels that are good because they show nothing but zeros."""


@dataclass(slots=True)
class Judged:
    """What was found wrong, of how many panels."""

    dashboards: int = 0
    panels: int = 0
    queries: int = 0
    series: int = 0
    empty: list[str] = field(default_factory=list)
    implausible: list[str] = field(default_factory=list)
    still: list[str] = field(default_factory=list)
    """Of which every figure is 0, though there was something to show."""

    @property
    def is_well(self) -> bool:
        """Whether all panels have something to show, and it can be so."""
        return bool(self.panels) and not (self.empty or self.implausible or self.still)

    def look_at(self, name: str, file: Path, prometheus: Prometheus, span: Span) -> None:
        """Ask every panel of a dashboard."""
        self.dashboards += 1
        for panel in panels_of(file):
            if panel["type"] != "row":
                self._take(f"{name}: {panel['title']}", ask(prometheus, panel, span))

    def _take(self, name: str, answered: Answered) -> None:
        self.panels += 1
        self.queries += len(answered.answers)
        self.series += len(answered.series)
        for query, series in answered.answers:
            if not any(each.points for each in series):
                self.empty.append(f"{name}: {query}")
        unit: Unit = answered.panel["fieldConfig"]["defaults"]["unit"]
        low, high = BOUNDS[unit]
        values = [value for each in answered.series for _, value in each.points]
        if any(not low <= value <= high for value in values):
            self.implausible.append(f"{name}: {min(values):g} to {max(values):g} {unit}")
        if nameless := [*unfilled(answered)]:
            self.implausible.append(f"{name}: no {', '.join(nameless)}")
        if values and not any(values) and answered.panel["title"] not in STILL:
            self.still.append(name)

    def to_json(self) -> dict[str, Any]:
        """Return all of it."""
        return {
            "dashboards": self.dashboards,
            "panels": self.panels,
            "queries": self.queries,
            "series": self.series,
            "empty": self.empty,
            "implausible": self.implausible,
            "still": self.still,
        }
