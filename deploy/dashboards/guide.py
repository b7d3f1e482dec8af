"""What each panel answers, as a page to read: docs/dashboards.md."""

from collections.abc import Iterator
from typing import Final

from deploy.dashboards.panel import Dashboard, Panel
from deploy.dashboards.shelf import DASHBOARDS, ROOT, UNSHOWN

PAGE: Final = ROOT / "docs/dashboards.md"

HEAD: Final = """\
# Dashboards

Three dashboards for Grafana, over the meters of [metrics.md](metrics.md). They are made from
code: `python -m deploy.dashboards` (`deploy/dashboards/`) writes the JSON of
`deploy/grafana/dashboards/` and this page again. Beside it, `deploy/grafana/provisioning/`
names Prometheus and that folder to Grafana, so that nothing has to be clicked; or import the
JSON. They ask nothing but Prometheus, with the rules of
[deploy/alerts.yml](../deploy/alerts.yml): what is recorded there is what the alerts compare
with their limits ([operations.md](operations.md#when-an-alert-is-raised)).

Above each, choose the Prometheus, servers and backends. A dashed line is the limit at which
somebody should look. Of boards, what is called measured is as good as their own counters.

`./run e2e-metrics` asks a real Prometheus every query, while it scrapes servers under load and
faults: none may come back empty, or with a figure that cannot be. **No Grafana has shown them
yet**: their JSON was made, and so checked, by the types of Grafana's own SDK.
"""


def page() -> str:
    """Return the page."""
    parts = [HEAD, *(text for dashboard in DASHBOARDS for text in _dashboard(dashboard))]
    if UNSHOWN:
        parts += [
            "## On no dashboard",
            "",
            *(f"- `{name}`: {why}" for name, why in UNSHOWN.items()),
        ]
    return "\n".join(parts).rstrip("\n") + "\n"


def _dashboard(dashboard: Dashboard) -> Iterator[str]:
    _, _, name = dashboard.title.partition(": ")
    yield f"## {name}"
    yield ""
    file = f"{dashboard.name}.json"
    yield f"{dashboard.purpose} [{file}](../deploy/grafana/dashboards/{file})"
    yield ""
    for row in dashboard.rows:
        yield f"### {row.title}"
        yield ""
        yield "| panel | question | figures |"
        yield "| --- | --- | --- |"
        for panel in row.panels:
            yield _line(panel)
        yield ""


def _line(panel: Panel) -> str:
    return f"| {panel.title} | {panel.question} | {panel.figures} |"
