"""A sweep of estimates, drawn: delay, energy and silicon, and who is not beaten."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from vau.audio import FRAME_BUDGET_S
from vau.commands.estimate.report import network_text
from vau.commands.estimate.sweep import Point, kind_of
from vau.estimate import Estimate
from vau.pictures import new_figure, save

COLOURS: Final = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")
"""For the coarser half of a contest; told apart by colour-blind readers too."""

COOL: Final = ("#4477aa", "#44bb99", "#66ccee", "#332288", "#228833")
WARM: Final = ("#cc3311", "#ee7733", "#aa3377", "#997700", "#ee99aa")
"""The same, where two accelerators share a picture: one each."""

MARKERS: Final = ("osDph", "^v<>P")
"""For the finer half, and one row for each accelerator."""

LEAST_AREA, AREA_OF_A_PIECE = 20.0, 1.2  # of a marker, in square points
STAR_AREA: Final = 190.0
LEGEND_AREA: Final = 45.0

LETTER_WIDTH, LABEL_HEIGHT, GAP = 0.0075, 0.02, 0.006
"""Of a label, and between it and its point, as shares of the axes."""


class Box(NamedTuple):
    """A part of the axes, in shares of them."""

    left: float
    right: float
    bottom: float
    top: float

    @property
    def is_inside(self) -> bool:
        """Whether all of it is within the axes."""
        return min(self) >= 0.0 and max(self) <= 1.0

    def overlaps(self, other: "Box") -> bool:
        """Whether both cover some place."""
        beside = self.left > other.right or self.right < other.left
        return not (beside or self.bottom > other.top or self.top < other.bottom)


def draw(points: Sequence[Point], asked: Sequence[Estimate], file: Path) -> None:
    """Write a PNG: energy over delay, the area of a marker for the silicon.

    asked:  what the sweep is around; each gets a star.
    Raises  ConfigInvalid if matplotlib is not installed, or the file cannot be written.
    """
    save(sweep_figure(points, asked), file, field="sweep")


def sweep_figure(points: Sequence[Point], asked: Sequence[Estimate]) -> Any:  # noqa: ANN401 - an extra's
    """Draw all points, those on a front filled and joined by a line; a palette per kind."""
    figure = new_figure(10.5, 6.5)
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.margins(x=0.09)
    kinds = list(dict.fromkeys(map(kind_of, asked)))
    palettes = (COLOURS,) if len(kinds) == 1 else (COOL, WARM)
    for place, kind in enumerate(kinds):
        own = [point for point in points if kind_of(point.estimate) == kind]
        heading = "" if len(kinds) == 1 else f"{kind}: "
        look = palettes[place % len(palettes)], MARKERS[place % len(MARKERS)]
        _draw_accelerator(axes, own, look, heading)
    _name(axes, [point for point in points if _is_named(point, asked)])
    for place, one in enumerate(asked):
        _mark(axes, one, "black" if place == 0 else "dimgrey")
    _finish(axes, asked)
    return figure


def _draw_accelerator(
    axes: Any,  # noqa: ANN401
    points: Sequence[Point],
    look: tuple[Sequence[str], str],
    heading: str,
) -> None:
    """Draw one accelerator's points: a colour for what is coarse, a marker for what is fine.

    look:  colours and markers to take in turn.
    """
    colours, markers = look
    coarse = list(dict.fromkeys(point.estimate.contest[0] for point in points))
    fine = list(dict.fromkeys(point.estimate.contest[1] for point in points))
    for contest in dict.fromkeys(point.estimate.contest for point in points):
        style = {
            "color": colours[coarse.index(contest[0]) % len(colours)],
            "marker": markers[fine.index(contest[1]) % len(markers)],
        }
        rivals = [point for point in points if point.estimate.contest == contest]
        _draw_contest(axes, rivals, style, heading + ", ".join(contest))


def _draw_contest(
    axes: Any,  # noqa: ANN401
    points: Sequence[Point],
    style: dict[str, str],
    label: str,
) -> None:
    front = sorted(
        (point.estimate for point in points if point.is_front), key=lambda each: each.delay_s
    )
    others = [point.estimate for point in points if not point.is_front]
    edge = {"edgecolors": style["color"], "marker": style["marker"], "linewidths": 0.7}
    axes.scatter(*_places(others), s=_areas(others), facecolors="none", **edge)
    axes.plot(*_places(front), color=style["color"], linewidth=1.0, zorder=2)
    axes.scatter(
        *_places(front),
        s=_areas(front),
        label=label,
        edgecolors="white",
        linewidths=0.5,
        zorder=2.5,
        **style,
    )


def _is_named(point: Point, asked: Sequence[Estimate]) -> bool:
    contests = {(kind_of(each), each.contest) for each in asked}
    return point.is_front and (kind_of(point.estimate), point.estimate.contest) in contests


def _name(axes: Any, points: Sequence[Point]) -> None:  # noqa: ANN401
    """Write beside points what was chosen, where neither another label nor a point is."""
    axes.autoscale_view()  # or the points would not yet have their places
    to_axes = axes.transData + axes.transAxes.inverted()
    estimates = sorted((point.estimate for point in points), key=lambda each: each.joules)
    places = [to_axes.transform((each.delay_s * 1e6, each.joules * 1e6)) for each in estimates]
    taken = [Box(x - 0.003, x + 0.003, y - 0.003, y + 0.003) for x, y in places]
    for each, (x, y) in zip(estimates, places, strict=True):
        width = LETTER_WIDTH * len(each.choice)
        # Nothing beats a point of a front: below it and to its left there is room, if for any.
        for side, label in (
            (-1, Box(x - GAP - width, x - GAP, y - GAP - LABEL_HEIGHT, y - GAP)),
            (1, Box(x + GAP, x + GAP + width, y + GAP, y + GAP + LABEL_HEIGHT)),
        ):
            if label.is_inside and not any(label.overlaps(other) for other in taken):
                taken.append(label)
                axes.text(
                    label.right if side < 0 else label.left,
                    label.top if side < 0 else label.bottom,
                    each.choice,
                    horizontalalignment="right" if side < 0 else "left",
                    verticalalignment="top" if side < 0 else "bottom",
                    transform=axes.transAxes,
                    fontsize=7,
                    bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.2},
                    zorder=2.8,
                )
                break


def _mark(axes: Any, asked: Estimate, colour: str) -> None:  # noqa: ANN401
    label = f"asked for: {asked.accelerator}, {asked.silicon}"
    star = {"marker": "*", "color": colour, "edgecolors": "white", "linewidths": 0.6}
    axes.scatter(*_places([asked]), s=STAR_AREA, zorder=3, label=label, **star)


def _finish(axes: Any, asked: Sequence[Estimate]) -> None:  # noqa: ANN401
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:,g}")
    if axes.get_xlim()[1] > FRAME_BUDGET_S * 1e6:
        label = f"deadline, {FRAME_BUDGET_S * 1e3:g} ms"
        axes.axvline(FRAME_BUDGET_S * 1e6, color="black", linestyle=":", label=label)
    axes.set_xlabel("from the arrival of a frame to its answer, µs")
    axes.set_ylabel("energy of a frame, µJ; boundary: system, nothing for idle silicon")
    axes.set_title(
        f"{_networks(asked)}; ESTIMATED by {' and by '.join(each.method for each in asked)}\n"
        "filled: not beaten in time, energy and silicon; hollow: beaten, or outrun by live "
        "audio; the larger, the more silicon",
        fontsize=10,
    )
    axes.grid(visible=True, which="major", linewidth=0.4)
    axes.grid(visible=True, which="minor", linewidth=0.15)
    legend = axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    for handle in legend.legend_handles:
        if hasattr(handle, "set_sizes"):  # all but lines
            handle.set_sizes([LEGEND_AREA])


def _networks(asked: Sequence[Estimate]) -> str:
    return "; ".join(dict.fromkeys(network_text(each.ask.network) for each in asked))


def _places(estimates: Sequence[Estimate]) -> tuple[list[float], list[float]]:
    return (
        [each.delay_s * 1e6 for each in estimates],
        [each.joules * 1e6 for each in estimates],
    )


def _areas(estimates: Sequence[Estimate]) -> list[float]:
    return [LEAST_AREA + AREA_OF_A_PIECE * each.silicon.count for each in estimates]
