"""The figure: sound, posteriors, phones and energy, one above the other over one time axis."""

import math
from typing import Any, Final

import numpy as np

from vau.audio import SAMPLE_RATE_HZ
from vau.commands.plot.drawing import Drawing
from vau.commands.plot.energy import draw_energy
from vau.panels import (
    PHONE_ROW_IN,
    Row,
    draw_phones,
    draw_sound,
    placed,
    visible_classes,
)
from vau.pictures import new_figure, title

SOUND_IN, ENERGY_IN, REST_IN = 0.9, 1.1, 2.0
"""How high the panels are, and titles, times and gaps beside them."""

CLASS_IN: Final = 0.13  # a phone's row among the posteriors
LEAST_CLASSES: Final = 8
CLASS_POINTS: Final = 7
TICK_S: Final = 0.5
FEW_TICKS: Final = 8
PATH: Final = "#ee7733"
BEHIND: Final = "#dddddd"  # a phone's name


def figure_of(drawing: Drawing) -> Any:  # noqa: ANN401 - an extra's type
    """Draw everything; the panels are labelled, so that they can be found by name.

    Raises ConfigInvalid if matplotlib is not installed.
    """
    window = drawing.window
    also = {phone.class_id for phone in drawing.path}
    classes = visible_classes([drawing.log_prob], drawing.model.phonemes, also)
    rows_in = CLASS_IN * max(LEAST_CLASSES, len(classes))
    heights = [SOUND_IN, rows_in, PHONE_ROW_IN, ENERGY_IN]
    figure = new_figure(window.width_in, sum(heights) + REST_IN)
    axes = figure.subplots(len(heights), sharex=True, height_ratios=heights)
    draw_sound(axes[0], drawing.samples, window)
    _draw_posteriors(axes[1], drawing, classes)
    _draw_phones(axes[2], drawing)
    draw_energy(axes[3], drawing.answers, window)
    axes[-1].set_xlim(window.start_s, window.end_s)
    first = math.ceil(window.start_s / TICK_S)
    ticks = np.arange(first, math.floor(window.end_s / TICK_S) + 1) * TICK_S
    if len(ticks) > FEW_TICKS:  # else whatever divides the window well
        axes[-1].set_xticks(ticks)
    axes[-1].set_xlabel("seconds")
    title(figure, _title(drawing), fontsize=11, x=0.01, ha="left")
    return figure


def _title(drawing: Drawing) -> str:
    window, backend = drawing.window, drawing.backend
    part = ""
    if window.end - window.first < sum(len(each.log_prob) for each in drawing.answers):
        part = f", of which {window.start_s:.2f} to {window.end_s:.2f} s"
    return (
        f"{drawing.file.name}, {len(drawing.samples) / SAMPLE_RATE_HZ:.2f} s{part}\n"
        f"{drawing.model.name} on {backend.id} ({backend.arithmetic_id})"
    )


def _draw_posteriors(axes: Any, drawing: Drawing, classes: list[int]) -> None:  # noqa: ANN401
    """Draw a row for each phone, the likelier the darker, and the path upon them."""
    window = drawing.window
    # The square root shows what is faint: 0.06 is a quarter of the way.
    axes.imshow(
        np.sqrt(np.exp(drawing.log_prob[:, classes].T)),
        aspect="auto",
        cmap="Greys",
        vmin=0.0,
        vmax=1.0,
        interpolation="nearest",
        extent=(window.start_s, window.end_s, len(classes) - 0.5, -0.5),
    )
    row_of = {class_id: row for row, class_id in enumerate(classes)}
    axes.hlines(
        [row_of[phone.class_id] for phone in drawing.path],
        [phone.start_sample / SAMPLE_RATE_HZ for phone in drawing.path],
        [phone.end_sample / SAMPLE_RATE_HZ for phone in drawing.path],
        color=PATH,
        lw=1.6,
    )
    names = [drawing.model.phonemes[at] for at in classes]
    axes.set_yticks(range(len(names)), names, fontsize=CLASS_POINTS)
    axes.tick_params(axis="y", length=0, pad=2)
    axes.set_title(
        "posteriors, the likelier the darker; orange: the path that was chosen",
        loc="left",
        fontsize=9,
    )
    axes.set_label("posteriors")


def _draw_phones(axes: Any, drawing: Drawing) -> None:  # noqa: ANN401
    boxes = tuple(placed(phone, BEHIND) for phone in drawing.phones)
    nameless = draw_phones(axes, [Row("", "black", boxes)], drawing.window)
    heading = "phones" if boxes else "phones: none was heard"
    if nameless:
        heading += f"; {nameless} of {len(boxes)} are too short here for their names"
    axes.set_title(heading, loc="left", fontsize=9)
