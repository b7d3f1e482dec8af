"""The posteriors of one backend, laid over those of the reference."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vau.commands.compare.file import Shown
from vau.commands.compare.plots.colours import colour_of
from vau.commands.compare.result import Comparison
from vau.panels import Window

ROW_IN: Final = 0.085  # a phone's row
LEAST_IN: Final = 1.3
GREY: Final = 0.65  # of what both hold certain; less than black, so that colours show on it


def panel_in(classes: Sequence[int]) -> float:
    """Return how high a panel of so many phones is, in inches."""
    return max(LEAST_IN, ROW_IN * len(classes))


def draw_posteriors(
    axes: Any,  # noqa: ANN401
    source: tuple[Comparison, Shown],
    place: int,
    part: tuple[Window, Sequence[int]],
) -> None:
    """Draw one backend: grey what the reference holds too, in colour what one of them does."""
    (found, shown), (window, classes) = source, part
    mine, its = (
        np.exp(shown.posteriors[at].log_prob[window.rows, classes].T) for at in (0, place)
    )
    axes.imshow(
        overlay(mine, its, (colour_of(0), colour_of(place))),
        aspect="auto",
        interpolation="nearest",
        extent=(window.start_s, window.end_s, len(classes) - 0.5, -0.5),
    )
    names = [found.model.phonemes[at] for at in classes]
    axes.set_yticks(range(len(names)), names, fontsize=5)
    axes.tick_params(axis="y", length=0, pad=1)
    axes.set_ylabel("posteriors", fontsize=8)
    info = found.backends[place]
    role = ", the reference"
    if place:
        role = ": in this colour where likelier than the reference, blue where less"
    title = f"{info.id} ({info.arithmetic_id}){role}"
    axes.set_title(title, loc="left", fontsize=9, color=colour_of(place))
    axes.set_label(f"posteriors {info.id}")


def overlay(
    mine: NDArray[np.float32], its: NDArray[np.float32], colours: tuple[str, str]
) -> NDArray[np.float64]:
    """Return an image, shape (rows, columns, 3), of posteriors that lie upon each other.

    What both hold is grey. A square root lifts what is faint, a difference as well: 0.06 is
    a quarter of the way.
    colours: of what ``mine`` holds likelier, and ``its``, as ``#rrggbb``.
    """
    both = GREY * np.sqrt(np.minimum(mine, its))[..., np.newaxis]
    image = np.repeat(1.0 - both.astype(np.float64), 3, axis=-1)
    for colour, more in zip(colours, (mine - its, its - mine), strict=True):
        inks = [1.0 - int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        image -= np.sqrt(more.clip(min=0.0))[..., np.newaxis] * inks
    return image.clip(0.0, 1.0)
