"""A sweep of estimates, drawn: latency, energy and dies, and who is not beaten."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vau.estimate import Estimate
from vau.pictures import new_figure, save

COLOURS: Final = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")
"""For hidden sizes, the least first; told apart by colour-blind readers too."""

MARKERS: Final = ("o", "s", "^", "D", "v")
"""For clocks, the slowest first."""

POINTS_PER_DIE: Final = 3.0  # the area of a marker, in square points


@dataclass(frozen=True, slots=True)
class Point:
    """One estimate of a sweep."""

    estimate: Estimate
    is_front: bool
    """Whether no other of its network and clock is better in one thing and no worse in any."""


def draw(points: Sequence[Point], asked: Estimate, file: Path) -> None:
    """Write a PNG: energy over latency, the area of a marker for the dies.

    asked:  what the sweep is around; it gets a star.
    Raises  ConfigInvalid if matplotlib is not installed, or the file cannot be written.
    """
    save(sweep_figure(points, asked), file, field="sweep")


def sweep_figure(points: Sequence[Point], asked: Estimate) -> Any:  # noqa: ANN401 - an extra's
    """Draw all points, those on a front filled and joined by a line."""
    figure = new_figure(9.5, 6.5)
    axes = figure.subplots()
    hidden = sorted({point.estimate.ask.network.hidden for point in points})
    clocks = sorted({point.estimate.clock_hz for point in points})
    for size, colour in zip(hidden, _cycled(COLOURS, len(hidden)), strict=True):
        for clock_hz, marker in zip(clocks, _cycled(MARKERS, len(clocks)), strict=True):
            of_both = [
                point
                for point in points
                if point.estimate.ask.network.hidden == size
                and point.estimate.clock_hz == clock_hz
            ]
            label = f"{size} units, {clock_hz / 1e6:g} MHz"
            _draw_contest(axes, of_both, {"color": colour, "marker": marker}, label)
    _mark(axes, asked)
    _finish(axes, asked)
    return figure


def _draw_contest(
    axes: Any,  # noqa: ANN401
    points: Sequence[Point],
    style: dict[str, str],
    label: str,
) -> None:
    """Draw the points of one network and clock."""
    front = sorted(
        (point.estimate for point in points if point.is_front), key=lambda each: each.latency_s
    )
    others = [point.estimate for point in points if not point.is_front]
    axes.scatter(*_places(others), s=_areas(others), facecolors="none", **_edge(style))
    axes.plot(*_places(front), color=style["color"], linewidth=0.8)
    axes.scatter(*_places(front), s=_areas(front), label=label, alpha=0.8, **style)


def _edge(style: dict[str, str]) -> dict[str, Any]:
    return {"edgecolors": style["color"], "marker": style["marker"], "linewidths": 0.7}


def _mark(axes: Any, asked: Estimate) -> None:  # noqa: ANN401
    label = f"asked for: {asked.accelerator}, {asked.dies} dies"
    axes.scatter(*_places([asked]), s=160, marker="*", color="black", zorder=3, label=label)


def _finish(axes: Any, asked: Estimate) -> None:  # noqa: ANN401
    network = asked.ask.network
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("latency of a frame, µs")
    axes.set_ylabel("energy of a frame, µJ, each layer gated while idle")
    axes.set_title(
        f"layers: {network.layers}, inputs: {network.inputs}; ESTIMATED by {asked.method}\n"
        "filled: not beaten in latency, energy and dies; area: dies",
        fontsize=10,
    )
    axes.grid(visible=True, which="both", linewidth=0.3)
    legend = axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    for handle in legend.legend_handles:
        handle.set_sizes([40.0])


def _places(estimates: Sequence[Estimate]) -> tuple[list[float], list[float]]:
    return (
        [each.latency_s * 1e6 for each in estimates],
        [each.joules * 1e6 for each in estimates],
    )


def _areas(estimates: Sequence[Estimate]) -> list[float]:
    return [POINTS_PER_DIE * each.dies for each in estimates]


def _cycled(styles: Sequence[str], count: int) -> list[str]:
    return [styles[place % len(styles)] for place in range(count)]
