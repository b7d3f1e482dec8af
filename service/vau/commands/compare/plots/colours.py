"""One colour for each backend, in every panel."""

from typing import Final

COLOURS: Final = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377")
"""The reference first; told apart by colour-blind readers too."""


def colour_of(place: int) -> str:
    """Return the colour of a backend by its place, as ``#rrggbb``."""
    return COLOURS[place % len(COLOURS)]
