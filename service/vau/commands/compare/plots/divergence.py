"""How far the posteriors of each backend are from the reference's, frame by frame."""

from typing import Any, Final

import numpy as np

from vau.audio import HOP_S
from vau.commands.compare.file import Pair, Shown
from vau.commands.compare.plots.colours import colour_of
from vau.commands.compare.result import Comparison
from vau.comparison import Place

LEAST_HIGHEST: Final = 0.1  # of the axis: equal backends look it


def draw_divergence(axes: Any, found: Comparison, shown: Shown) -> None:  # noqa: ANN401
    """Draw the total variation of each frame, and mark where the backends part first."""
    highest = found.tolerance or LEAST_HIGHEST
    for place, pair in enumerate(shown.result.pairs, start=1):
        highest = max(highest, float(pair.divergence.total_variation.max()))
        _draw_pair(axes, found.backends[place].id, place, pair)
    if found.tolerance:
        label = f"tolerance {found.tolerance:g}"
        axes.axhline(found.tolerance, color="#999999", lw=0.6, label=label)
    axes.set_ylim(0, highest * (1.15 + 0.1 * len(shown.result.pairs)))
    axes.set_ylabel("total variation", fontsize=8)
    axes.tick_params(axis="y", labelsize=7)
    axes.set_title(
        "posteriors apart from the reference's; a tick above: a frame with another best phone\n"
        "dotted line: the first frame that differs at all; dashed: the first with another best "
        "phone",
        loc="left",
        fontsize=9,
    )
    axes.grid(axis="y", lw=0.3)
    axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.28), frameon=False)
    axes.set_label("divergence")


def _draw_pair(axes: Any, name: str, place: int, pair: Pair) -> None:  # noqa: ANN401
    colour, variation = colour_of(place), pair.divergence.total_variation
    middles = (np.arange(len(variation)) + 0.5) * HOP_S
    label = f"{name}: first different at all {_at(pair.first_different)}"
    label += f", in its best phone {_at(pair.first_other_best)}"
    axes.plot(middles, variation, color=colour, lw=0.9, label=label)
    others = middles[pair.divergence.is_other_best]
    height = np.full(len(others), 1.0 - 0.06 * place)  # of the panel: a row for each backend
    above = {"transform": axes.get_xaxis_transform(), "color": colour}
    axes.plot(others, height, "|", ms=5, mew=0.8, **above)
    for first, style in ((pair.first_different, ":"), (pair.first_other_best, "--")):
        if first is not None:
            axes.axvline((first.frame + 0.5) * HOP_S, color=colour, ls=style, lw=1.0)


def _at(place: Place | None) -> str:
    return "nowhere" if place is None else f"at {place.frame * HOP_S:.2f} s"
