"""What the accelerator spent on a frame, over time."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from vau.audio import SAMPLE_RATE_HZ
from vau.backend import Energy
from vau.panels import Window
from vau.session import Answer

COLOURS: Final = ("#4477aa", "#ee7733", "#228833", "#aa3377")
"""One for each boundary; told apart by colour-blind readers too."""

TITLE_IN: Final = 3.0  # of the panel, behind which the legend begins


def draw_energy(axes: Any, answers: Sequence[Answer], window: Window) -> None:  # noqa: ANN401
    """Draw the energy of each call, shared out evenly over its steps.

    answers: one for each call, of the whole recording.
    A line has a gap where a call states nothing: 0 would be another thing.
    """
    kinds = dict.fromkeys(kind_of(each) for answer in answers for each in answer.cost.energies)
    edges = [0.0, *(answer.received_sample / SAMPLE_RATE_HZ for answer in answers)]
    for colour, kind in zip(COLOURS, kinds, strict=False):
        microjoules = [_of_a_step(answer, kind) * 1e6 for answer in answers]
        axes.stairs(microjoules, edges, baseline=None, color=colour, lw=1.2, label=kind)
    axes.set_ylim(bottom=0)
    axes.margins(y=0.2)
    axes.set_ylabel("µJ a frame", fontsize=8)
    axes.tick_params(axis="y", labelsize=7)
    axes.grid(axis="y", lw=0.3)
    axes.set_label("energy")
    axes.set_title("energy of the accelerator, call by call", loc="left", fontsize=9)
    if not kinds:
        axes.set_title("energy of the accelerator: it states none", loc="left", fontsize=9)
        axes.set_yticks([])
    else:
        beside = TITLE_IN / window.width_in, 1.0
        above = {"loc": "lower left", "bbox_to_anchor": beside, "borderaxespad": 0.1}
        axes.legend(fontsize=8, ncols=len(kinds), frameon=False, **above)


def kind_of(energy: Energy) -> str:
    """Say what of it is meant, and how it is known; only equals are one line."""
    extrapolated = ", extrapolated" * energy.extrapolated
    return f"{energy.boundary}, {energy.origin}{extrapolated}"


def _of_a_step(answer: Answer, kind: str) -> float:
    """Return joules, or NaN if this call does not state them."""
    joules = [each.joules for each in answer.cost.energies if kind_of(each) == kind]
    return sum(joules) / answer.steps if joules and answer.steps else np.nan
