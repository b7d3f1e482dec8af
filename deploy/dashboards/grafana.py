"""Dashboards as Grafana reads them: JSON, by the types of its own SDK."""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.dashboards.panel import Dashboard, Kind, Panel, Query

DATASOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="$datasource")
GOOD, BAD, NEUTRAL = "green", "red", "blue"
COLOURS: Final = (GOOD, "yellow", "blue", "orange", BAD)
"""Of states: the first is good, the last of several bad."""

LETTERS: Final = "ABCDEF"
"""What the queries of a panel are called."""

Builder = Any  # each kind of panel has its own, with the same verbs


def dumped(dashboard: Dashboard) -> str:
    """Return the JSON of a dashboard, as it is committed."""
    built = _built(dashboard).build()
    return json.dumps(built, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _built(dashboard: Dashboard) -> builders.Dashboard:
    page = (
        builders.Dashboard(dashboard.title)
        .uid(f"vau-{dashboard.name}")
        .description(dashboard.purpose)
        .tags(["vau"])
        .readonly()
        .time("now-30m", "now")
        .refresh("10s")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            builders.DashboardLink("Vau")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(["vau"])
        )
    )
    for variable in _variables():
        page = page.with_variable(variable)
    numbers = iter(range(1, 1000))
    for row in dashboard.rows:
        page = page.with_row(builders.Row(row.title).id(next(numbers)))
        for panel in row.panels:
            page = page.with_panel(_panel(panel).id(next(numbers)))
    return page


def _variables() -> Iterator[Any]:
    yield builders.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    for name, label, query in (
        ("instance", "Server", 'label_values(up{job="vau"}, instance)'),
        (
            "backend",
            "Backend",
            'label_values(vau_streams_active{instance=~"$instance"}, backend)',
        ),
    ):
        yield (
            builders.QueryVariable(name)
            .label(label)
            .datasource(DATASOURCE)
            .query(query)
            .multi(True)
            .include_all(True)
            .all_value(".*")  # a stream that reached no backend has none
            .current(models.VariableOption(selected=True, text="All", value="$__all"))
            .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(models.VariableSort.ALPHABETICAL_ASC)
        )


def _panel(panel: Panel) -> Builder:
    built: Builder = (
        KINDS[panel.kind](panel)
        .title(panel.title)
        .description(panel.description)
        .datasource(DATASOURCE)
        .unit(panel.unit)
        .span(panel.width)
        .height(panel.height)
    )
    if len(panel.queries) > len(LETTERS):
        raise ValueError(
            f"{panel.title!r} has {len(panel.queries)} queries, more than {len(LETTERS)}"
        )
    for letter, query in zip(LETTERS, panel.queries, strict=False):
        built = built.with_target(_target(panel, query).ref_id(letter))
    return built


def _target(panel: Panel, query: Query) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr)
    if panel.kind == "table":
        return target.instant().format(PromQueryFormat.TABLE)
    return target.range().legend_format(query.legend)


def _lines(panel: Panel) -> Builder:
    shown = (
        timeseries.Panel()
        .line_width(1)
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )
    if panel.is_log:
        scale = common_builders.ScaleDistributionConfig()
        shown = shown.scale_distribution(scale.type(common.ScaleDistribution.LOG).log(10))
    else:
        shown = shown.min(0)
    if panel.kind == "stack":
        stacking = common_builders.StackingConfig().mode(common.StackingMode.NORMAL)
        shown = shown.fill_opacity(40).stacking(stacking)
    if panel.limit is None:
        return shown
    style = common_builders.GraphThresholdsStyleConfig().mode(
        common.GraphThresholdsStyleMode.DASHED
    )
    return shown.thresholds(_thresholds(panel.limit)).thresholds_style(style)


def _number(panel: Panel) -> Builder:
    limits = _thresholds(panel.limit)
    last = common_builders.ReduceDataOptions().calcs(["lastNotNull"])
    return stat.Panel().min(0).thresholds(limits).reduce_options(last)


def _states(panel: Panel) -> Builder:
    words = models.ValueMap(
        options={
            str(number): models.ValueMappingResult(text=word, color=_colour(panel, number))
            for number, word in enumerate(panel.states)
        }
    )
    return (
        statetimeline.Panel()
        .mappings([words])
        .show_value(common.VisibilityMode.AUTO)
        .merge_values(True)
        .fill_opacity(80)
    )


def _colour(panel: Panel, number: int) -> str:
    return BAD if number == len(panel.states) - 1 else COLOURS[number]


def _table(_: Panel) -> Builder:
    hidden = dict.fromkeys(("Time", "Value", "__name__", "job"), True)
    return table.Panel().with_transformation(
        models.DataTransformerConfig(id_val="organize", options={"excludeByName": hidden})
    )


def _thresholds(limit: float | None) -> builders.ThresholdsConfig:
    steps = [models.Threshold(color=NEUTRAL if limit is None else GOOD, value=None)]
    if limit is not None:
        steps.append(models.Threshold(color=BAD, value=limit))
    return builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


KINDS: Final[dict[Kind, Callable[[Panel], Builder]]] = {
    "lines": _lines,
    "stack": _lines,
    "number": _number,
    "states": _states,
    "table": _table,
}
