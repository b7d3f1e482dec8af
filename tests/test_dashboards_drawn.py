"""Dashboards drawn from a Prometheus: every kind of panel, and who cannot be asked."""

import json
import re
import urllib.parse
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image

from deploy.dashboards import draw as command
from deploy.dashboards.ask import Answered, Prometheus, Series, Span, panels_of
from deploy.dashboards.draw import draw
from deploy.dashboards.draw_panel import draw_panel
from deploy.dashboards.panel import Dashboard, Unit
from deploy.dashboards.shelf import DASHBOARDS, file_of
from deploy.dashboards.units import shown
from tests.watched.judged import Judged
from vau.errors import Unreachable
from vau.pictures import new_figure

SPAN: Final = Span(1000.0, 1060.0, 10.0, 20.0)
LABELS: Final = {
    label: f"some {label}"
    for dashboard in DASHBOARDS
    for label in re.findall(r"{{(\w+)}}", file_of(dashboard).read_text(encoding="utf-8"))
}
"""Every label that a legend names."""


class Oracle(ThreadingHTTPServer):
    """A Prometheus that has one answer to everything."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.value = "1"
        self.series = 2
        self.labels = LABELS
        self.asked: list[str] = []

    @property
    def prometheus(self) -> Prometheus:
        return Prometheus(f"http://127.0.0.1:{self.server_port}")


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        oracle = self.server
        assert isinstance(oracle, Oracle)
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        asked = dict(urllib.parse.parse_qsl(form))
        oracle.asked.append(asked["query"])
        data: dict[str, Any] = {"value": [SPAN.end_s, oracle.value]}
        if "start" in asked:
            times_s = np.arange(SPAN.start_s, SPAN.end_s + 1, SPAN.step_s).tolist()
            data = {"values": [[time_s, oracle.value] for time_s in times_s]}
        found = [{"metric": oracle.labels, **data}] * oracle.series
        self.send_response(HTTPStatus.BAD_REQUEST if oracle.value == "?" else HTTPStatus.OK)
        self.end_headers()
        said: dict[str, Any] = {"data": {"result": found}}
        if oracle.value == "?":
            said = {"status": "error", "error": "no such function"}
        self.wfile.write(json.dumps(said).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@pytest.fixture
def oracle() -> Iterator[Oracle]:
    with Oracle() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def small(folder: Path, *kinds: str) -> Path:
    """Write a dashboard with one panel of each kind."""
    panels = [panel for dashboard in DASHBOARDS for panel in panels_of(file_of(dashboard))]
    chosen = [next(panel for panel in panels if panel["type"] == kind) for kind in kinds]
    for number, panel in enumerate(chosen):
        panel["gridPos"] = {"x": 0, "y": 4 * number, "w": 8, "h": 4}
    file = folder / "small.json"
    file.write_text(json.dumps({"title": "A", "description": "B.", "panels": chosen}))
    return file


# --- pictures --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "instance"),
    [
        ("timeseries", "0.5", "front"),
        ("timeseries", "1", "another server"),
        ("stat", "0", "front"),
        ("state-timeline", "0", "front"),
        ("state-timeline", "1", "another server"),
        ("table", "1", "another server"),
    ],
)
def test_what_prometheus_says_is_on_the_picture(
    kind: str, value: str, instance: str, oracle: Oracle, tmp_path: Path
) -> None:
    file = small(tmp_path, kind)
    pictures = []
    for said, who in (("1", "front"), (value, instance)):
        oracle.value, oracle.labels = said, LABELS | {"instance": who}
        picture = draw(oracle.prometheus, file, tmp_path, SPAN)
        with Image.open(picture) as drawn:
            pictures.append(np.asarray(drawn.convert("RGB")).astype(int))
    assert (np.abs(pictures[0] - pictures[1]).max(axis=2) > 64).sum() > 100


def test_a_state_that_has_no_name_is_drawn_too(oracle: Oracle, tmp_path: Path) -> None:
    oracle.value = "7"
    assert draw(oracle.prometheus, small(tmp_path, "state-timeline"), tmp_path, SPAN).is_file()


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.name)
def test_a_panel_without_an_answer_says_that_there_is_none(
    dashboard: Dashboard, oracle: Oracle, tmp_path: Path
) -> None:
    oracle.series = 0
    assert draw(oracle.prometheus, file_of(dashboard), tmp_path, SPAN).stat().st_size > 1000


@pytest.mark.parametrize(
    ("unit", "values"),
    [
        ("joule", (44.4e-6, 44.5e-6)),
        ("joule", (20e-6, 90e-6)),
        ("joule", (2e-6, 3e-3)),
        ("hertz", (12_480.0,)),
        ("hertz", (1.0, 1e7)),
    ],
)
def test_a_logarithmic_axis_has_figures_that_differ_and_have_their_unit(
    unit: Unit, values: tuple[float, ...]
) -> None:
    custom = {"scaleDistribution": {"type": "log"}}
    defaults = {"unit": unit, "custom": custom}
    panel = {"title": "A", "type": "timeseries", "fieldConfig": {"defaults": defaults}}
    points = tuple((SPAN.start_s + 10 * at, value) for at, value in enumerate(values))
    figure = new_figure(8, 4)
    figure.set_layout_engine("none")
    answered = Answered(panel, (("a", (Series("a", {}, points),)),))
    draw_panel(figure, (0.1, 0.1, 0.5, 0.5), answered, SPAN)
    figure.draw_without_rendering()
    (axes,) = figure.axes[0].child_axes
    low, high = axes.get_ylim()
    assert not [
        tick.label1.get_text()
        for tick in axes.yaxis.get_minor_ticks()
        if tick.label1.get_visible()
    ]
    told = [
        label.get_text()
        for label, at in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)
        if low <= at <= high
    ]
    assert 2 <= len(told) == len({*told}) <= 9, told
    assert all(re.fullmatch(r"[\d.]+ [nµmkMG]?(J|Hz)", each) for each in told), told


def test_every_dashboard_is_drawn_from_any_prometheus(
    oracle: Oracle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = small(tmp_path, "stat")
    monkeypatch.setattr(command, "file_of", lambda _: file)
    pictures = tmp_path / "there/and/here"
    url = oracle.prometheus.url + "/"
    chosen = ("--instance", "front", "--backend", "rpu.*")
    assert command.main(["--prometheus", url, "--out", str(pictures), *chosen]) == 0
    assert capsys.readouterr().out.split() == [str(pictures / "small.png")] * len(DASHBOARDS)
    assert (pictures / "small.png").is_file()
    assert {*oracle.asked} == {'sum(vau_server_streams_active{instance=~"front"})'}


def test_who_names_no_prometheus_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = ["--prometheus", "http://127.0.0.1:1", "--out", str(tmp_path)]
    assert command.main(wanted) == 2
    assert "http://127.0.0.1:1/api/v1/query" in capsys.readouterr().err


def test_a_query_that_prometheus_refuses_is_told_with_its_reason(oracle: Oracle) -> None:
    oracle.value = "?"
    with pytest.raises(Unreachable, match=r"no such function.*: nonsense\(\)"):
        oracle.prometheus.over("nonsense()", SPAN)


# --- what is asked, and what is thought of the answer -----------------------------------


def look(oracle: Oracle) -> Judged:
    found = Judged()
    for dashboard in DASHBOARDS:
        found.look_at(dashboard.name, file_of(dashboard), oracle.prometheus, SPAN)
    return found


def test_variables_are_put_in_before_prometheus_is_asked(oracle: Oracle) -> None:
    look(oracle)
    assert [query for query in oracle.asked if "$" in query] == []
    assert any('backend=~".*"}[20s]' in query for query in oracle.asked)


def test_dashboards_that_have_something_to_say_are_well(oracle: Oracle) -> None:
    found = look(oracle)
    assert found.is_well, found.to_json()
    assert (found.dashboards, found.panels) == (3, sum(map(_count, DASHBOARDS)))


def _count(dashboard: Dashboard) -> int:
    return sum(len(row.panels) for row in dashboard.rows)


def test_a_query_without_an_answer_is_named(oracle: Oracle) -> None:
    oracle.series = 0
    found = look(oracle)
    assert len(found.empty) == found.queries
    assert not found.is_well


@pytest.mark.parametrize("value", ["NaN", "+Inf"])
def test_what_is_no_number_is_no_answer(value: str, oracle: Oracle) -> None:
    oracle.value = value
    found = look(oracle)
    assert len(found.empty) == found.queries


def test_a_figure_that_cannot_be_is_named_with_its_unit(oracle: Oracle) -> None:
    oracle.value = "-1"
    found = look(oracle)
    assert len(found.implausible) == found.panels
    assert any(said.endswith("-1 to -1 joule") for said in found.implausible)


def test_a_panel_of_zeros_is_named_unless_that_is_good(oracle: Oracle) -> None:
    oracle.value = "0"
    found = look(oracle)
    assert "service: Streams" in found.still
    assert "service: Lines of the log lost" not in found.still
    assert not found.is_well


def test_a_legend_of_a_label_that_nothing_has_is_named(oracle: Oracle) -> None:
    oracle.labels = {label: each for label, each in LABELS.items() if label != "stage"}
    found = look(oracle)
    assert "service: Where a frame spends its time: no stage, stage" in found.implausible


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.00033, "s", "330 µs"),
        (0.25, "s", "250 ms"),
        (1.0, "s", "1 s"),
        (7_776_000.0, "s", "90 d"),
        (2.95e-6, "joule", "2.95 µJ"),
        (3e-8, "joule", "30 nJ"),
        (0.009, "watt", "9 mW"),
        (0.0123, "percentunit", "1.23 %"),
        (1.5, "percentunit", "150 %"),
        (0.2, "cps", "0.2 /s"),
        (12_500.0, "cps", "12.5 k/s"),
        (0.0, "joule", "0 J"),
        (3159.0, "short", "3.16 k"),
        (1e7, "hertz", "10 MHz"),
        (4e6, "decbytes", "4 MB"),
    ],
)
def test_a_figure_is_written_with_its_unit(value: float, unit: Unit, text: str) -> None:
    assert shown(value, unit) == text


def test_a_prometheus_of_this_machine_is_asked_without_a_proxy(
    oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert oracle.prometheus.at("up")
