"""One panel as a picture: lines, stacks, numbers, states or a table."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from deploy.dashboards.ask import Answered, Series, Span
from deploy.dashboards.units import shown

Figure = Any  # of matplotlib, an extra
Axes = Any
Place = tuple[float, float, float, float]
"""Left, bottom, width and height, as parts of the figure."""

INK, FAINT, EDGE, CARD = "#24292f", "#6b7280", "#d0d7de", "#fbfcfd"
LIMIT: Final = "#c0392b"
PALETTE: Final = (
    *("#1f6fb4", "#d95f02", "#2a9d5c", "#b5338a", "#8c6d1f", "#6a51a3", "#17a2b8", "#c0392b"),
    *("#555555", "#7fb800", "#e377c2", "#0b3c5d"),
)
COLOURS: Final[Mapping[str, str]] = {
    "green": "#4caf6d",
    "yellow": "#e3b341",
    "blue": "#4a90d9",
    "orange": "#e67e22",
    "red": "#c0392b",
}
MOST_LINES: Final = 4
LEAST_RATIO: Final = 2.0
"""Of the ends of a logarithmic axis: a line that hardly moves is to look so."""

COLUMN_IN: Final = 2.1
"""Of names in a legend."""

TITLE_IN, NAME_IN, TICKS_IN, LEFT_IN = 0.26, 0.125, 0.2, 0.62
CHARACTER_IN: Final = 0.05  # of the size of names
HIDDEN: Final = ("__name__", "job")


def draw_panel(figure: Figure, place: Place, answered: Answered, span: Span) -> None:
    """Draw a panel and what answers it."""
    card = figure.add_axes(place)
    card.set(xticks=[], yticks=[], facecolor=CARD)
    for edge in card.spines.values():
        edge.set_color(EDGE)
    width_in, height_in = (
        part * whole for part, whole in zip(place[2:], figure.get_size_inches(), strict=True)
    )
    card.set(xlim=(0, width_in), ylim=(0, height_in))  # from here on all is in inches
    title = answered.panel["title"]
    card.text(0.09, height_in - 0.19, title, size=8.5, weight="bold", color=INK)
    if any(each.points for each in answered.series):
        KINDS[answered.panel["type"]](card, answered, span)
    else:
        where = {"ha": "center", "va": "center", "size": 8, "color": FAINT}
        card.text(width_in / 2, (height_in - TITLE_IN) / 2, "no data", **where)


def _inner(
    card: Axes, left_in: float, bottom_in: float, right_in: float, top_in: float
) -> Axes:
    """Return axes within a card, so far from its edges."""
    width_in, height_in = card.get_xlim()[1], card.get_ylim()[1]
    at = (
        left_in / width_in,
        bottom_in / height_in,
        (width_in - left_in - right_in) / width_in,
        (height_in - bottom_in - top_in) / height_in,
    )
    inner = card.inset_axes(at)
    inner.set_facecolor("none")
    inner.tick_params(labelsize=6.5, colors=FAINT, length=2, width=0.5)
    for name, edge in inner.spines.items():
        edge.set_visible(name in ("left", "bottom"))
        edge.set_color(EDGE)
    return inner


def _limit(panel: Mapping[str, Any]) -> float | None:
    steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
    return steps[1]["value"] if len(steps) > 1 else None


def _graph(card: Axes, answered: Answered, span: Span) -> None:
    series = sorted(answered.series, key=_last, reverse=True)  # legends name the highest
    columns = max(1, int(card.get_xlim()[1] / COLUMN_IN))
    lines = min(MOST_LINES, -(-len(series) // columns))
    bottom_in = 0.1 + NAME_IN * lines + TICKS_IN
    inner = _inner(card, LEFT_IN, bottom_in, 0.12, TITLE_IN + 0.06)
    unit = answered.panel["fieldConfig"]["defaults"]["unit"]
    custom = answered.panel["fieldConfig"]["defaults"]["custom"]
    if custom.get("stacking", {}).get("mode") == "normal":
        times_s = np.arange(0.0, span.end_s - span.start_s + span.step_s, span.step_s)
        heights = [_on(times_s, each, span) for each in series]
        colours = [_colour(number) for number in range(len(series))]
        inner.stackplot(times_s, *heights, colors=colours, alpha=0.75, linewidth=0)
    else:
        for number, each in enumerate(series):
            times = [time_s - span.start_s for time_s, _ in each.points]
            values = [value for _, value in each.points]
            inner.plot(times, values, color=_colour(number), linewidth=1.1)
    is_log = custom.get("scaleDistribution", {}).get("type") == "log"
    if is_log:
        inner.set_yscale("log", nonpositive="mask")
        inner.tick_params(axis="y", which="minor", labelleft=False)  # they would have no unit
    limit, top = _limit(answered.panel), inner.get_ylim()[1]
    if limit is not None and (limit < 3 * top or top == 0):
        inner.axhline(limit, color=LIMIT, linewidth=0.8, linestyle=(0, (4, 3)))
        top = max(top, 1.1 * limit)
    if is_log:
        _few_magnitudes(inner)
    else:
        inner.set(ylim=(0, top if any(v for e in series for _, v in e.points) else 1))
        inner.locator_params(axis="y", nbins=5)
    inner.yaxis.set_major_formatter(lambda value, _: shown(value, unit))
    _time_axis(inner, span)
    inner.grid(axis="y", color=EDGE, linewidth=0.5)
    _names(card, series, columns, lines)


def _few_magnitudes(inner: Axes) -> None:
    """Give an axis without two powers of ten other figures, which three digits tell apart."""
    low, high = inner.get_ylim()
    if high < LEAST_RATIO * low:
        middle, half = (low * high) ** 0.5, LEAST_RATIO**0.5
        inner.set(ylim=(middle / half, middle * half))
    if high < 100 * low:
        inner.yaxis.get_major_locator().set_params(subs=(1.0, 2.0, 5.0))


def _last(series: Series) -> float:
    return series.points[-1][1] if series.points else 0.0


def _time_axis(inner: Axes, span: Span) -> None:
    inner.set(xlim=(0, span.end_s - span.start_s))
    inner.xaxis.set_major_formatter(lambda at_s, _: f"{at_s // 60:.0f}:{at_s % 60:02.0f}")
    inner.locator_params(axis="x", nbins=7)


def _on(times_s: NDArray[np.float64], series: Series, span: Span) -> NDArray[np.float64]:
    """Return the values at these times since the beginning, 0 where there are none."""
    values = np.zeros(len(times_s))
    for time_s, value in series.points:
        values[min(len(values) - 1, round((time_s - span.start_s) / span.step_s))] = value
    return values


def _names(card: Axes, series: list[Series], columns: int, lines: int) -> None:
    width_in = (card.get_xlim()[1] - 0.2) / columns
    longest = int((width_in - 0.2) / CHARACTER_IN)
    most = columns * lines
    for number, each in enumerate(series[:most]):
        column, line = divmod(number, lines)
        x, y = 0.1 + column * width_in, 0.09 + NAME_IN * (lines - 1 - line)
        name = _short(each.name, longest)
        if number == most - 1 and len(series) > most:
            name = f"and {len(series) - number} more"
        card.plot([x, x + 0.12], [y + 0.035] * 2, color=_colour(number), linewidth=2)
        card.text(x + 0.17, y, name, size=6.5, color=INK, clip_on=True)


def _short(name: str, longest: int) -> str:
    return name if len(name) <= longest else f"{name[: longest - 2]}…"


def _colour(number: int) -> str:
    return PALETTE[number % len(PALETTE)]


def _number(card: Axes, answered: Answered, _: Span) -> None:
    width_in, height_in = card.get_xlim()[1], card.get_ylim()[1]
    unit = answered.panel["fieldConfig"]["defaults"]["unit"]
    limit = _limit(answered.panel)
    series = [each for each in answered.series if each.points][:4]
    inner = _inner(card, 0.0, 0.0, 0.0, 0.6 * height_in)
    inner.axis("off")
    for number, each in enumerate(series):
        value = each.points[-1][1]
        is_bad = limit is not None and value >= limit
        x = width_in * (number + 0.5) / len(series)
        text = shown(value, unit)
        colour = LIMIT if is_bad else "#1a7f45" if limit is not None else PALETTE[0]
        where = {"ha": "center", "color": colour, "size": 17 if len(series) < 3 else 13}
        card.text(x, 0.47 * height_in, text, weight="bold", **where)
        if len(series) > 1 or "{{" in answered.panel["targets"][0]["legendFormat"]:
            longest = int(width_in / len(series) / CHARACTER_IN)
            name = _short(each.name, longest)
            card.text(x, 0.32 * height_in, name, size=6.5, ha="center", color=FAINT)
        times_s, values = zip(*each.points, strict=True)
        inner.plot(times_s, values, color=colour, linewidth=0.8, alpha=0.5)


def _states(card: Axes, answered: Answered, span: Span) -> None:
    (mapping,) = answered.panel["fieldConfig"]["defaults"]["mappings"]
    words: dict[str, dict[str, str]] = mapping["options"]
    series = answered.series
    inner = _inner(card, 0.12, 0.42, 0.12, TITLE_IN + 0.04)
    for number, each in enumerate(reversed(series)):
        for time_s, value in each.points:
            word = words.get(f"{value:g}", {})
            colour = COLOURS.get(word.get("color", ""), FAINT)
            start_s = time_s - span.start_s
            inner.barh(number, span.step_s, 0.55, start_s, color=colour, align="edge", lw=0)
        inner.text(0, number + 0.62, each.name, size=6.5, color=INK)
    inner.set(ylim=(-0.1, len(series)), yticks=[])
    _time_axis(inner, span)
    inner.spines["left"].set_visible(False)
    for number, word in enumerate(words.values()):
        x = 0.15 + 0.85 * number
        card.plot([x, x + 0.12], [0.125] * 2, color=COLOURS[word["color"]], linewidth=5)
        card.text(x + 0.18, 0.09, word["text"], size=6.5, color=INK)


def _table(card: Axes, answered: Answered, _: Span) -> None:
    width_in, height_in = card.get_xlim()[1], card.get_ylim()[1]
    rows = [
        {k: v for k, v in each.labels.items() if k not in HIDDEN} for each in answered.series
    ]
    columns = sorted({name for row in rows for name in row})
    lengths = [max(len(name), *(len(row.get(name, "")) for row in rows)) for name in columns]
    most = [min(length, 30) for length in lengths]
    starts = np.cumsum([0, *most]) * (width_in - 0.2) / max(1, sum(most)) + 0.1
    for x, name, length in zip(starts, columns, most, strict=False):
        card.text(x, height_in - 0.45, name, size=6.5, weight="bold", color=FAINT)
        for number, row in enumerate(rows[:8]):
            y = height_in - 0.62 - 0.15 * number
            card.text(x, y, _short(row.get(name, ""), length), size=6.5, color=INK)


KINDS: Final[Mapping[str, Callable[[Axes, Answered, Span], None]]] = {
    "timeseries": _graph,
    "stat": _number,
    "state-timeline": _states,
    "table": _table,
}
