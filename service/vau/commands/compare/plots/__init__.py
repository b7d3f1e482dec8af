"""One file through several backends, as a picture."""

from vau.commands.compare.plots.figure import comparison_figure, draw

__all__ = ["comparison_figure", "draw"]
