"""What a Prometheus has to say to each panel of a dashboard, as Grafana would ask it."""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Final

from vau.errors import Unreachable

PATIENCE_S: Final = 60.0
HERE: Final = {"127.0.0.1", "::1", "localhost"}
EVERYTHING: Final[Mapping[str, str]] = {"instance": ".*", "backend": ".*"}


@dataclass(frozen=True, slots=True)
class Span:
    """From when until when, of Unix time, and how densely."""

    start_s: float
    end_s: float
    step_s: float
    rate_interval_s: float
    """What ``$__rate_interval`` stands for: four scrapes at least."""


@dataclass(frozen=True, slots=True)
class Series:
    """One answer to a query."""

    name: str
    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]
    """Time and value, of which those that are no number are left out."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A panel, and what Prometheus said to each of its queries."""

    panel: Mapping[str, Any]
    """As in the JSON of the dashboard."""

    answers: tuple[tuple[str, tuple[Series, ...]], ...]
    """Each query, as it was asked, with its series."""

    @property
    def series(self) -> list[Series]:
        """Those of all queries together."""
        return [series for _, found in self.answers for series in found]


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A server of Prometheus."""

    url: str

    def at(self, query: str, time_s: float | None = None) -> list[Series]:
        """Ask for one moment, by default now. Raises Unreachable."""
        asked = {"query": query} if time_s is None else {"query": query, "time": str(time_s)}
        return [
            Series("", found["metric"], _numbers([found["value"]]))
            for found in self._ask("query", asked)
        ]

    def over(self, query: str, span: Span) -> list[Series]:
        """Ask for a stretch of time. Raises Unreachable."""
        asked = {
            "query": query,
            "start": str(span.start_s),
            "end": str(span.end_s),
            "step": str(span.step_s),
        }
        return [
            Series("", found["metric"], _numbers(found["values"]))
            for found in self._ask("query_range", asked)
        ]

    def _opener(self) -> urllib.request.OpenerDirector:
        """Return what opens its pages: on this machine, without a proxy."""
        host = urllib.parse.urlsplit(self.url).hostname
        if host in HERE:
            return urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return urllib.request.build_opener()

    def _ask(self, what: str, asked: Mapping[str, str]) -> list[dict[str, Any]]:
        data = urllib.parse.urlencode(asked).encode()
        url = f"{self.url.rstrip('/')}/api/v1/{what}"
        try:
            with self._opener().open(url, data, PATIENCE_S) as answer:
                found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as cause:
            raise Unreachable(f"{url}: {cause.read().decode()}: {asked['query']}") from cause
        except (OSError, ValueError, KeyError) as cause:
            raise Unreachable(f"{url}: {cause}; is that a Prometheus?") from cause
        return found


def panels_of(file: Path) -> list[dict[str, Any]]:
    """Return all panels of the JSON of a dashboard, rows among them."""
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["panels"]
    return found


def ask(
    prometheus: Prometheus,
    panel: Mapping[str, Any],
    span: Span,
    chosen: Mapping[str, str] = EVERYTHING,
) -> Answered:
    """Ask every query of a panel.

    chosen: what the variables stand for, as regular expressions.
    Raises  Unreachable if Prometheus does not answer, or refuses a query.
    """
    answers = []
    for target in panel["targets"]:
        query = substituted(target["expr"], span, chosen)
        if target.get("format") == "table":
            found = prometheus.at(query, span.end_s)
        else:
            found = prometheus.over(query, span)
        named = tuple(_named(each, target.get("legendFormat", "")) for each in found)
        answers.append((query, named))
    return Answered(panel, tuple(answers))


def substituted(query: str, span: Span, chosen: Mapping[str, str]) -> str:
    """Put values in the place of variables."""
    values = {**chosen, "__rate_interval": f"{span.rate_interval_s:.0f}s"}
    return re.sub(r"\$(\w+)", lambda found: values[found[1]], query)


def unfilled(answered: Answered) -> Iterator[str]:
    """Yield labels that a legend names and none of its series has."""
    for target, (_, found) in zip(answered.panel["targets"], answered.answers, strict=True):
        there = {label for series in found for label in series.labels}
        for label in re.findall(r"{{(\w+)}}", target.get("legendFormat", "")):
            if label not in there:
                yield label


def _named(series: Series, legend: str) -> Series:
    def value(found: re.Match[str]) -> str:
        return series.labels.get(found[1], "")

    return Series(re.sub(r"{{(\w+)}}", value, legend), series.labels, series.points)


def _numbers(pairs: list[tuple[float, str]]) -> tuple[tuple[float, float], ...]:
    read = ((float(time_s), float(value)) for time_s, value in pairs)
    return tuple((time_s, value) for time_s, value in read if isfinite(value))
