"""The figure: the sound, each backend's posteriors and phones, and how far they are apart.

All on one time axis; beside it what was heard and what a frame costs.
"""

from pathlib import Path
from typing import Any

from vau.audio import SAMPLE_RATE_HZ
from vau.commands.compare.file import Shown
from vau.commands.compare.plots.costs import SIDE_IN, draw_costs
from vau.commands.compare.plots.divergence import draw_divergence
from vau.commands.compare.plots.phones import spoken_rows
from vau.commands.compare.plots.posteriors import draw_posteriors, panel_in
from vau.commands.compare.plots.window import window_of
from vau.commands.compare.result import Comparison
from vau.panels import PHONE_ROW_IN, Window, draw_phones, draw_sound, visible_classes
from vau.pictures import new_figure, save, title

SOUND_IN, DIVERGENCE_IN, REST_IN = 0.7, 1.7, 1.6
"""How high the panels are, and titles, times and legend beside them."""


def draw(found: Comparison, shown: Shown, file: Path) -> None:
    """Write a PNG of one file.

    Raises ConfigInvalid if matplotlib is not installed, or the file cannot be written.
    """
    save(comparison_figure(found, shown), file, field="plot")


def comparison_figure(found: Comparison, shown: Shown) -> Any:  # noqa: ANN401 - an extra's type
    """Draw everything; the panels are labelled, so that they can be found by name."""
    window = window_of(shown)
    log_probs = (each.log_prob[window.rows] for each in shown.posteriors)
    classes = visible_classes(log_probs, found.model.phonemes)
    rows = list(spoken_rows(found, shown))
    backends = len(found.backends)
    heights = [SOUND_IN, *[panel_in(classes)] * backends]
    heights += [PHONE_ROW_IN * len(rows), DIVERGENCE_IN]
    height_in = sum(heights) + REST_IN
    figure = new_figure(window.width_in + SIDE_IN, height_in)
    left, right = figure.subfigures(1, 2, width_ratios=[window.width_in, SIDE_IN])
    axes = left.subplots(len(heights), sharex=True, height_ratios=heights)
    draw_sound(axes[0], shown.samples, window)
    for place, panel in enumerate(axes[1 : backends + 1]):
        draw_posteriors(panel, (found, shown), place, (window, classes))
    draw_phones(axes[-2], rows, window)
    axes[-2].set_title("phones; yellow: not the reference's", loc="left", fontsize=9)
    draw_divergence(axes[-1], found, shown)
    axes[-1].set_xlim(window.start_s, window.end_s)
    axes[-1].set_xlabel("seconds")
    draw_costs(right, found, height_in)
    title(figure, _title(found, shown, window), fontsize=11)
    return figure


def _title(found: Comparison, shown: Shown, window: Window) -> str:
    name, reference = shown.result.file.name, found.backends[0].id
    seconds = shown.result.samples / SAMPLE_RATE_HZ
    part = ""
    if window.end - window.first < len(shown.posteriors[0].log_prob):
        part = f", of which {window.start_s:.1f} to {window.end_s:.1f} s"
    others = ", ".join(info.id for info in found.backends[1:])
    return f"{found.model.name}: {others} beside {reference}\n{name}, {seconds:.2f} s{part}"
