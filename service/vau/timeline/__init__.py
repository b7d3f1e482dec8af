"""Who did what in which cycle: the schedule of an accelerator, as text, trace and picture.

Any backend may make a timeline; nothing here knows what a die is.
"""

from vau.timeline.bars import text
from vau.timeline.chrome import trace
from vau.timeline.picture import draw
from vau.timeline.spans import WAIT, Span, Timeline

__all__ = ["WAIT", "Span", "Timeline", "draw", "text", "trace"]
