"""Which stage made an answer late."""

from typing import Final

from vau.audio import FRAME_BUDGET_S
from vau.lane import StageTimes

SUM: Final = "sum"
"""No stage took the whole budget, but all together did."""

STAGES_TO_BLAME: Final = ("wait", "queue", "feature", "compute", "post")
BLAMED: Final = (*STAGES_TO_BLAME, SUM)

CLIENT: Final = "client"
CATCH_UP: Final = "catch-up"
WRITE: Final = "write"
CAUSES: Final = (CLIENT, CATCH_UP, *STAGES_TO_BLAME, WRITE)
"""Of a stream that was answered late: it was sent too fast, a stage, or it was not read."""


def spent(times: StageTimes, total_s: float) -> dict[str, float]:
    """Return where the time of an answer went, stage by stage, in the order of STAGES_TO_BLAME.

    ``wait`` is what the others leave: until its turn came in its own stream, behind earlier
    audio that was being answered, and on the event loop.
    """
    known_s = times.queue_s + times.feature_s + times.compute_s + times.post_s
    return {
        "wait": max(0.0, total_s - known_s),
        "queue": times.queue_s,
        "feature": times.feature_s,
        "compute": times.compute_s,
        "post": times.post_s,
    }


def blamed(times: StageTimes, total_s: float) -> str:
    """Return the stage that alone passed the budget, of several the longest; else ``sum``."""
    took_s = spent(times, total_s)
    longest = max(took_s, key=lambda stage: took_s[stage])
    return longest if took_s[longest] > FRAME_BUDGET_S else SUM
