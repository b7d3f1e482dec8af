"""Whether every frame of a stream was answered, and answered once."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from vau.audio import HOP_SAMPLES, frame_count
from vau.load.chunks import Played, computable_sample


@dataclass(frozen=True, slots=True)
class FrameFaults:
    """Frames that were not answered as they should have been; a good server has none."""

    lost: int
    """That could be computed, and of which no posteriors came."""

    repeated: int
    """That came again, or that the audio does not have."""

    @classmethod
    def of(cls, streams: Iterable[Played]) -> Self:
        """Add up those of all streams, each counted by itself."""
        faults = [_faults(each) for each in streams]
        return cls(sum(lost for lost, _ in faults), sum(again for _, again in faults))


NO_FAULTS: Final = FrameFaults(0, 0)


def owed_frames(played: Played) -> int:
    """Return how many frames the server owes a stream.

    All of its audio's if it ended; else those that could be computed from what the server says
    that it received: what was still on its way when nobody waited any more is late, not lost.
    """
    if played.ending is not None:
        return frame_count(played.sent[-1].end_sample)
    received = max((each.received_sample for each in played.heard), default=0)
    return computable_sample(received, played.look_ahead_frames) // HOP_SAMPLES


def _faults(played: Played) -> tuple[int, int]:
    owed = owed_frames(played)
    times = np.zeros(owed, np.int64)
    came = 0
    for response in played.heard:
        came += response.frames
        times[response.first_frame : response.first_frame + response.frames] += 1
    answered = int(np.count_nonzero(times))
    return owed - answered, came - answered
