"""Phones in time, as rows of boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from vau.audio import SAMPLE_RATE_HZ
from vau.panels.window import Window
from vau.segments import Phone

PHONE_ROW_IN: Final = 0.3
PHONE_POINTS: Final = 6.5
CHARACTER_IN: Final = 0.075  # of a phone's name in that size


@dataclass(frozen=True, slots=True)
class Row:
    """A row of phones with their places in time."""

    label: str
    colour: str
    phones: tuple[tuple[str, float, float, str], ...]
    """Name, start and end in seconds, and what is drawn behind it."""


def placed(phone: Phone, behind: str) -> tuple[str, float, float, str]:
    """Return a phone as a row holds it."""
    return (
        phone.symbol,
        phone.start_sample / SAMPLE_RATE_HZ,
        phone.end_sample / SAMPLE_RATE_HZ,
        behind,
    )


def draw_phones(axes: Any, rows: Sequence[Row], window: Window) -> int:  # noqa: ANN401
    """Draw a row of boxes for each, with the names that there is room for.

    Returns how many boxes stand without their names.
    """
    second_in = (window.width_in - 1.0) / (window.end_s - window.start_s)
    nameless = 0
    for row, spoken in enumerate(rows):
        for name, start_s, end_s, behind in spoken.phones:
            left_s, right_s = max(start_s, window.start_s), min(end_s, window.end_s)
            if left_s >= right_s:
                continue
            box = [(left_s, right_s - left_s)]
            axes.broken_barh(box, (row - 0.45, 0.9), color=behind, ec="#888888", lw=0.4)
            room_in = (right_s - left_s) * second_in
            if room_in < CHARACTER_IN:  # not even upright
                nameless += 1
                continue
            rotation = 0 if room_in > CHARACTER_IN * len(name) else 90
            text = {"size": PHONE_POINTS, "rotation": rotation}
            axes.text((left_s + right_s) / 2, row, name, ha="center", va="center", **text)
    axes.set_yticks(range(len(rows)), [spoken.label for spoken in rows], fontsize=7)
    for label, spoken in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(spoken.colour)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.set_label("phones")
    return nameless
