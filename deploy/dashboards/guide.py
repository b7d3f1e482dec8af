"""What each panel answers, as a page to read: docs/dashboards.md."""

from collections.abc import Iterator
from typing import Final

from deploy.dashboards.draw import CAPTION
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

In the first minutes of a server, what is divided by frames or by audio may read low: a meter of
costs has no line before its first frame, and what it begins with is no increase.

The pictures are drawn by us from the Prometheus of such a run (`./run e2e-metrics --draw
docs/dashboards`), not by Grafana. They show what dashboards look like, not how fast a server is
([performance.md](performance.md)): less than a minute of two servers, on two cores that also
sent the load, ran Prometheus and were others' as well. `front` has models of accelerators,
behind a door, and leaves at the end. `desk` has a board of software, which is slow; it loses
answers, and is pulled out once. What it calls measured was measured on no hardware.

The same drawing works on any Prometheus, in a clone after `./run setup`; `--help` has the rest:

```
.venv/bin/python -m deploy.dashboards.draw --prometheus http://127.0.0.1:9090 --out pictures
```
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
    yield f"![{name}: {CAPTION}](dashboards/{dashboard.name}.png)"
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
