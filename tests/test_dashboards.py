"""The dashboards of deploy/: made from code, fresh, of nothing but meters that there are."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import promql_parser
import pytest

from deploy.dashboards.grafana import dumped
from deploy.dashboards.guide import PAGE, page
from deploy.dashboards.panel import Dashboard, asking
from deploy.dashboards.panel import Row as DashboardRow
from deploy.dashboards.shelf import DASHBOARDS, FOLDER, ROOT, UNSHOWN, file_of
from tests.rules import alerts, recorded, written_out
from vau.metrics.reference import Row, rows

AGAIN: Final = "python -m deploy.dashboards"
VARIABLES: Final = {"datasource", "instance", "backend", "__rate_interval"}
OURS: Final = {"instance", "job"}  # labels that Prometheus adds
PROMETHEUS: Final = {
    "up": {"instance", "job"},
    "ALERTS": {"alertname", "alertstate"},
}

each = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.name)


def committed(dashboard: Dashboard) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file_of(dashboard).read_text(encoding="utf-8"))
    return found


def panels_of(dashboard: Dashboard) -> list[dict[str, Any]]:
    return [panel for panel in committed(dashboard)["panels"] if panel["type"] != "row"]


def queries_of(dashboard: Dashboard) -> list[str]:
    return [target["expr"] for panel in panels_of(dashboard) for target in panel["targets"]]


def every_query() -> list[str]:
    return [query for dashboard in DASHBOARDS for query in queries_of(dashboard)]


def selectors(expression: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each meter that is asked for, with the labels that it is asked by.

    Raises ValueError for what Prometheus could not read.
    """
    yield from _selectors(promql_parser.parse(expression.replace("$__rate_interval", "1m")))


def _selectors(node: object) -> Iterator[tuple[str, list[str]]]:
    if isinstance(node, promql_parser.VectorSelector):
        yield str(node.name), [matcher.name for matcher in node.matchers.matchers]
    for name in ("lhs", "rhs", "expr", "vector_selector", "args"):
        below = getattr(node, name, None)
        for child in below if isinstance(below, list) else [below]:
            if child is not None:
                yield from _selectors(child)


def series_of(row: Row) -> dict[str, set[str]]:
    """Return the names under which Prometheus has a meter, with their labels."""
    labels = {*row.labels} | OURS
    if row.kind != "histogram":
        return {row.name: labels}
    ends = {"_bucket": labels | {"le"}, "_sum": labels, "_count": labels}
    return {row.name + end: found for end, found in ends.items()}


def known() -> dict[str, set[str]]:
    """Return every name that can be asked for, with its labels."""
    return PROMETHEUS | {
        name: labels for row in rows() for name, labels in series_of(row).items()
    }


# --- what is committed -----------------------------------------------------------------


@each
def test_a_dashboard_is_as_the_code_makes_it(dashboard: Dashboard) -> None:
    assert file_of(dashboard).read_text(encoding="utf-8") == dumped(dashboard), AGAIN


def test_a_panel_with_more_queries_than_letters_is_refused() -> None:
    panel = replace(DASHBOARDS[0].rows[0].panels[0], queries=asking(*[("up", "")] * 7))
    with pytest.raises(ValueError, match="7 queries"):
        dumped(replace(DASHBOARDS[0], rows=(DashboardRow("Row", (panel,)),)))


def test_the_page_of_dashboards_is_as_the_code_makes_it() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), AGAIN


def test_nothing_else_lies_beside_the_dashboards() -> None:
    assert {*FOLDER.iterdir()} == {file_of(dashboard) for dashboard in DASHBOARDS}


def test_no_two_dashboards_have_one_address() -> None:
    found = [committed(dashboard) for dashboard in DASHBOARDS]
    assert len({each["uid"] for each in found}) == len({each["title"] for each in found}) == 3


@each
def test_no_two_panels_have_one_number_title_or_place(dashboard: Dashboard) -> None:
    all_panels = committed(dashboard)["panels"]
    assert len({panel["id"] for panel in all_panels}) == len(all_panels)
    titles = [panel["title"] for panel in panels_of(dashboard)]
    assert len({*titles}) == len(titles)
    taken = [
        (column, line)
        for at in (panel["gridPos"] for panel in all_panels)
        for column in range(at.get("x", 0), at.get("x", 0) + at["w"])
        for line in range(at["y"], at["y"] + at["h"])
    ]
    assert len({*taken}) == len(taken)
    assert max(column for column, _ in taken) < 24


@each
def test_every_panel_says_what_it_answers_and_in_which_unit(dashboard: Dashboard) -> None:
    for panel in panels_of(dashboard):
        question, _, figures = panel["description"].rpartition("? ")
        assert question, panel["title"]
        assert re.search(r"[Cc]ounted|[Mm]easured|[Ee]stimated|As |Raised", figures)
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] == "$datasource"
        assert panel["targets"], panel["title"]


# --- what is asked ---------------------------------------------------------------------


@each
def test_every_variable_of_a_query_can_be_chosen(dashboard: Dashboard) -> None:
    names = {each["name"] for each in committed(dashboard)["templating"]["list"]}
    assert names | {"__rate_interval"} == VARIABLES
    for query in queries_of(dashboard):
        assert {*re.findall(r"\$(\w+)", query)} <= VARIABLES, query


@each
def test_every_query_asks_for_meters_and_labels_that_there_are(dashboard: Dashboard) -> None:
    rules, meters = recorded(), known()
    for query in queries_of(dashboard):
        asked = list(selectors(query))
        assert asked, query
        for name, labels in asked:
            assert name in meters or name in rules, query
            assert {*labels} <= meters.get(name, {*labels}), query


@each
def test_every_query_is_of_the_servers_and_backends_that_were_chosen(
    dashboard: Dashboard,
) -> None:
    meters = known()
    for query in queries_of(dashboard):
        for name, labels in selectors(query):
            chosen = {"instance", "backend"} & meters.get(name, {"instance"})
            assert chosen <= {*labels} or name == "ALERTS", query


def test_what_is_recorded_is_of_meters_and_labels_that_there_are() -> None:
    meters = known()
    for name, expression in recorded().items():
        for meter, labels in selectors(expression):
            assert {*labels} <= meters[meter], name


def test_whatever_is_recorded_is_shown_or_compared() -> None:
    asked = {name for query in every_query() for name, _ in selectors(query)}
    compared = "\n".join(alerts().values())
    unused = [name for name in recorded() if name not in asked and name not in compared]
    assert unused == []


def test_every_meter_is_on_a_dashboard_or_said_not_to_be() -> None:
    asked = {name for query in every_query() for name, _ in selectors(written_out_query(query))}
    shown = {row.name for row in rows() if {*series_of(row)} & asked}
    assert {row.name for row in rows()} - shown == {*UNSHOWN}


def written_out_query(query: str) -> str:
    """Return a query in which whatever is recorded is what it was made of."""
    plain = re.sub(r"(vau:[\w:]+)\{[^}]*\}", r"(\1)", query)
    return written_out(plain)


@pytest.mark.parametrize(
    "query", ["sum(vau_frames_total", "rate(vau_frames_total)", "a{b=~c}", "sum by x (a)"]
)
def test_a_query_that_prometheus_could_not_read_is_found(query: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(selectors(query))


# --- how Grafana finds them ------------------------------------------------------------


def test_grafana_is_told_how_often_prometheus_looks() -> None:
    """Of this it makes $__rate_interval; less than four scrapes have no rate."""
    scraped = re.search(r"scrape_interval: (\w+)", (ROOT / "deploy/prometheus.yml").read_text())
    told = re.search(
        r"timeInterval: (\w+)",
        (ROOT / "deploy/grafana/provisioning/datasources/vau.yaml").read_text(),
    )
    assert scraped is not None
    assert told is not None
    assert scraped[1] == told[1]
