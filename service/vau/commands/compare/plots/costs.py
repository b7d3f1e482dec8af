"""What each backend heard, in figures, and what a frame costs it, as bars."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vau.backend import Energy
from vau.commands.compare.plots.colours import colour_of
from vau.commands.compare.result import Comparison, figure_text

SIDE_IN: Final = 3.6
LINE_IN: Final = 0.17
BAR_IN: Final = 0.5  # a bar and its text, at most
TITLES_IN: Final = 1.6  # of figure and panels, and the ticks


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure of a frame."""

    name: str
    value: float
    place: int
    """Of its backend."""


def draw_costs(figure: Any, found: Comparison, height_in: float) -> None:  # noqa: ANN401
    """Draw what each backend heard as text, and time and energy of a frame as bars."""
    times, energies = [], []
    for place, total in enumerate(found.totals):
        origin = total.cost.device_origin
        for name, seconds in (
            ("in the device", total.cost.device_s),
            ("device time of a call / frames", total.calls_device_s),
        ):
            if seconds is not None:
                times.append(Bar(f"{name}, {origin}", seconds / total.steps * 1e6, place))
        times.append(Bar("this host, measured", total.host_s / total.steps * 1e6, place))
        energies += [
            Bar(f"{each.boundary}, {_origin(each)}", each.joules / total.steps * 1e6, place)
            for each in total.cost.energies
        ]
    facts = ["\n".join(_facts(found, place)) for place in range(len(found.backends))]
    lines = sum(text.count("\n") + 2 for text in facts)
    facts_in, bars = LINE_IN * lines, len(times) + len(energies)
    slot_in = min(BAR_IN, max(height_in - facts_in - TITLES_IN, 1.0) / bars)
    parts_in = [facts_in, max(1, len(times)) * slot_in, max(1, len(energies)) * slot_in]
    rest_in = max(height_in - TITLES_IN - sum(parts_in), 0.01)
    top, middle, bottom, rest = figure.subplots(4, height_ratios=[*parts_in, rest_in])
    rest.set_axis_off()
    _write_facts(top, facts, lines)
    _draw_bars(middle, times, "time of a frame, µs")
    _draw_bars(bottom, energies, "energy of a frame, µJ; no bar: not stated")


def _write_facts(axes: Any, facts: Sequence[str], lines: int) -> None:  # noqa: ANN401
    axes.set_axis_off()
    axes.set_label("figures")
    row = 0
    for place, text in enumerate(facts):
        style = {"size": 8, "color": colour_of(place), "va": "top"}
        axes.text(0.0, 1.0 - row / lines, text, **style)
        row += text.count("\n") + 2


def _draw_bars(axes: Any, bars: Sequence[Bar], title: str) -> None:  # noqa: ANN401
    """Draw bars on a log scale in the colours of their backends, the figures above them."""
    axes.set_title(title, fontsize=9, loc="left")
    axes.set_label(title.partition(",")[0])
    values = [bar.value for bar in bars if bar.value > 0] or [1.0]
    least, most = min(values) / 3, max(values) * 3
    axes.set_xscale("log")
    axes.set_xlim(least, most)
    axes.set_ylim(max(len(bars), 1) - 0.4, -0.8)
    for row, bar in enumerate(bars):
        colour = colour_of(bar.place)
        length = max(bar.value - least, 0.0)
        axes.barh(row, length, left=least, height=0.4, color=colour)
        text = f" {bar.name}: {figure_text(bar.value)}"
        axes.text(least, row - 0.25, text, fontsize=7, va="bottom", color=colour)
    axes.set_yticks([])
    axes.tick_params(axis="x", labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def _facts(found: Comparison, place: int) -> Iterator[str]:
    total, count = found.totals[place], len(found.files)
    yield found.backends[place].id
    if total.per is not None:
        yield f"PER {total.per:.2%} of {total.phones_said} phones said"
    yield f"{total.phone_count} phones heard" + f" in {count} files" * (count > 1)
    if place:
        apart = found.divergences[place - 1]
        yield f"{total.disagreement.errors} edits from the reference's phones"
        yield f"another best phone in {apart.is_other_best.mean():.2%} of frames"


def _origin(energy: Energy) -> str:
    return f"{energy.origin}{', extrapolated' * energy.extrapolated}"
