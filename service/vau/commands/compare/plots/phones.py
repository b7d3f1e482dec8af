"""What was said and what each backend heard, as rows of phones."""

from collections.abc import Iterator

import numpy as np

from vau.audio import HOP_S
from vau.commands.compare.file import Shown
from vau.commands.compare.plots.colours import colour_of
from vau.commands.compare.result import Comparison
from vau.evaluation.edits import align
from vau.panels import Row, placed

SAME, EDITED, SAID = "#dddddd", "#ffcc66", "#ffffff"
"""Behind a phone that the reference has too, behind one that it has not, and behind labels."""


def spoken_rows(found: Comparison, shown: Shown) -> Iterator[Row]:
    """Yield what was said, if it is known when, and what each backend heard."""
    result = shown.result
    if result.said is not None and result.said.alignment is not None:
        silences = {found.model.phonemes[at] for at in found.model.silence_ids}
        ends = np.cumsum([frames for _, frames in result.said.alignment])
        yield Row(
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
        boxes = [
            placed(phone, SAME if is_same else EDITED)
            for phone, is_same in zip(heard.phones, same, strict=True)
        ]
        yield Row(heard.backend, colour_of(place), tuple(boxes))
