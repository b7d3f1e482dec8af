"""What a dashboard consists of, before it is anybody's JSON."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["lines", "stack", "number", "states", "table"]
Unit = Literal["short", "s", "percentunit", "joule", "watt", "cps", "decbytes", "hertz"]
"""By Grafana's names: percentunit is a ratio from 0 to 1, cps is events per second."""

COUNTED: Final = "Counted by the server."
MEASURED: Final = "Measured by the clock of the server, over five minutes."
BY_ORIGIN: Final = (
    "Estimated or measured, as the legend says; of the accelerator alone, host excluded."
)
BUCKETED: Final = (
    "A p50, p95 or p99 is interpolated within a bucket of a histogram: the true one is of the "
    "same bucket, and no more is known."
)

INSTANCE: Final = 'instance=~"$instance"'
BACKEND: Final = f'{INSTANCE}, backend=~"$backend"'


@dataclass(frozen=True, slots=True)
class Query:
    """What Prometheus is asked, and what each of its answers is called."""

    expr: str
    legend: str = ""
    """Labels in double braces. A table has none: each of its labels is a column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One question and its answer."""

    title: str
    question: str
    figures: str
    """What kind of figures answer it: counted, measured or estimated, and by whom."""

    queries: tuple[Query, ...]
    unit: Unit = "short"
    kind: Kind = "lines"
    width: int = 8
    """Of the 24 columns that a screen has."""

    height: int = 8
    is_log: bool = False
    """Whether the figures are of many magnitudes."""

    limit: float | None = None
    """Beyond this somebody should look; a line across the panel."""

    states: tuple[str, ...] = ()
    """What 0, 1, 2, ... mean, of a panel of states; the first is the good one."""

    @property
    def description(self) -> str:
        """What Grafana shows behind the ``i`` of a panel."""
        return f"{self.question} {self.figures}"


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """A page."""

    name: str
    """Of its file, and in its address."""

    title: str
    purpose: str
    rows: tuple[Row, ...]


def asking(*pairs: tuple[str, str]) -> tuple[Query, ...]:
    """Return queries, each with its legend."""
    return tuple(Query(expr, legend) for expr, legend in pairs)


def rates(by: str, meter: str, where: str = BACKEND) -> str:
    """Return the increase a second of a counter, summed up by some labels.

    Over what a point on the screen stands for, four scrapes at least.
    """
    return f"sum by ({by}) (rate({meter}{{{where}}}[$__rate_interval]))"


def ratio(by: str, meter: str, to: str) -> str:
    """Return how much of the first there is for each of the second."""
    return f"{rates(by, meter)} / {rates(by, to)}"


def mean(by: str, histogram: str) -> str:
    """Return the mean of what a histogram counted."""
    return ratio(by, f"{histogram}_sum", f"{histogram}_count")


def quantile(share: float, by: str, histogram: str) -> str:
    """Return a quantile of what a histogram counted."""
    return f"histogram_quantile({share:g}, {rates(f'{by}, le', f'{histogram}_bucket')})"


def recorded(name: str, where: str = BACKEND) -> str:
    """Return what a rule of deploy/alerts.yml records."""
    return f"vau:{name}{{{where}}}"
