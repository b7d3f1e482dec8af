"""What was said and what each backend heard, as rows of boxes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from vau.audio import HOP_S, SAMPLE_RATE_HZ
from vau.commands.compare.file import Shown
from vau.commands.compare.plots.colours import colour_of
from vau.commands.compare.plots.window import Window
from vau.commands.compare.result import Comparison
from vau.evaluation.edits import align
from vau.segments import Phone

SAME, EDITED, SAID = "#dddddd", "#ffcc66", "#ffffff"
"""Behind a phone that the reference has too, behind one that it has not, and behind labels."""

PHONE_ROW_IN: Final = 0.3
PHONE_POINTS: Final = 6.5
CHARACTER_IN: Final = 0.075  # of a phone's name in that size


@dataclass(frozen=True, slots=True)
class Spoken:
    """A row of phones with their places in time."""

    label: str
    colour: str
    phones: tuple[tuple[str, float, float, str], ...]
    """Name, start and end in seconds, and what is drawn behind it."""


def spoken_rows(found: Comparison, shown: Shown) -> Iterator[Spoken]:
    """Yield what was said, if it is known when, and what each backend heard."""
    result = shown.result
    if result.said is not None and result.said.alignment is not None:
        silences = {found.model.phonemes[at] for at in found.model.silence_ids}
        ends = np.cumsum([frames for _, frames in result.said.alignment])
        yield Spoken(
            "labels",
            "black",
            tuple(
                (phone, (end - frames) * HOP_S, end * HOP_S, SAID)
                for (phone, frames), end in zip(
                    result.said.alignment, ends.tolist(), strict=True
                )
                if phone not in silences
            ),
        )
    reference = result.heard[0]
    for place, heard in enumerate(result.heard):
        pairs = align(reference.symbols, heard.symbols)
        same = [said == symbol for said, symbol in pairs if symbol is not None]
        placed = [
            _placed(phone, SAME if is_same else EDITED)
            for phone, is_same in zip(heard.phones, same, strict=True)
        ]
        yield Spoken(heard.backend, colour_of(place), tuple(placed))


def _placed(phone: Phone, behind: str) -> tuple[str, float, float, str]:
    return (
        phone.symbol,
        phone.start_sample / SAMPLE_RATE_HZ,
        phone.end_sample / SAMPLE_RATE_HZ,
        behind,
    )


def draw_phones(axes: Any, rows: Sequence[Spoken], window: Window) -> None:  # noqa: ANN401
    """Draw a row of boxes for each, with the names that there is room for."""
    second_in = (window.width_in - 1.0) / (window.end_s - window.start_s)
    for row, spoken in enumerate(rows):
        for name, start_s, end_s, behind in spoken.phones:
            if end_s <= window.start_s or start_s >= window.end_s:
                continue
            box = [(start_s, end_s - start_s)]
            axes.broken_barh(box, (row - 0.45, 0.9), color=behind, ec="#888888", lw=0.4)
            room_in = (end_s - start_s) * second_in
            if room_in < CHARACTER_IN:  # not even upright
                continue
            rotation = 0 if room_in > CHARACTER_IN * len(name) else 90
            middle = (start_s + end_s) / 2
            if window.start_s < middle < window.end_s:
                text = {"size": PHONE_POINTS, "rotation": rotation}
                axes.text(middle, row, name, ha="center", va="center", **text)
    axes.set_yticks(range(len(rows)), [spoken.label for spoken in rows], fontsize=7)
    for label, spoken in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(spoken.colour)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.set_title("phones; yellow: not the reference's", loc="left", fontsize=9)
    axes.set_label("phones")
