"""Where the time of a stream went, and whether that is worth a line in the log."""

import logging
from bisect import bisect_left
from collections import Counter
from typing import Final

from vau.audio import FRAME_BUDGET_S, LIVE_PACE, SAMPLE_RATE_HZ
from vau.lane import StageTimes
from vau.logs import facts
from vau.metrics import BackendMeters
from vau.metrics.blame import CATCH_UP, CLIENT, STAGES_TO_BLAME, WRITE, blamed, spent
from vau.metrics.families import FRAME_BUCKETS_S
from vau.metrics.histogram import Cells
from vau.wire.stream.inbox import Audio
from vau.wire.stream.pace import Pace

logger = logging.getLogger(__name__)

SLOW_LAG_S: Final = 1.0  # of a stream that cannot be called live any more
LEVELS: Final = {CLIENT: logging.DEBUG, CATCH_UP: logging.INFO}
"""Of what is no trouble of this server; all else is a warning."""


class Toll:
    """What one stream took. It holds the same few numbers however long the stream lasts."""

    def __init__(self, *, is_resumed: bool = False) -> None:
        """Begin before the first answer; a stream that was resumed has audio to catch up."""
        self.pace = Pace()
        self._is_resumed = is_resumed
        self.frames = 0
        self.misses: Counter[str] = Counter()
        self.lag_max_s = 0.0
        self._latencies = Cells(FRAME_BUCKETS_S)
        self._spent_s = dict.fromkeys((*STAGES_TO_BLAME, WRITE), 0.0)

    def heard(self, message: Audio) -> None:
        """Take note of audio that came."""
        self.pace.heard(message.samples, message.read_s, message.held_s)

    def took(self, frames: int, times: StageTimes, total_s: float) -> None:
        """Take note of frames that were answered together."""
        self.frames += frames
        self._latencies.observe(total_s, frames)
        if total_s > FRAME_BUDGET_S:
            self.misses[blamed(times, total_s)] += frames
        for stage, seconds in spent(times, total_s).items():
            self._spent_s[stage] += seconds

    def wrote(self, seconds: float, lag_samples: int) -> None:
        """Take note of a response, and of how far behind the stream was."""
        self._spent_s[WRITE] += seconds
        self.lag_max_s = max(self.lag_max_s, lag_samples / SAMPLE_RATE_HZ)

    @property
    def p99_s(self) -> float:
        """What 99 of 100 frames did not exceed, rounded up to a bucket of the metrics."""
        counts, _ = self._latencies.snapshot()
        at = bisect_left(counts, 0.99 * self.frames)
        return (*FRAME_BUCKETS_S, float("inf"))[at]

    @property
    def cause(self) -> str:
        """Who is to blame: a client that sends faster than one speaks, or the longest stage.

        One that was resumed sends what it could not send while it was lost.
        """
        if self.pace.seconds_a_second > LIVE_PACE:
            return CATCH_UP if self._is_resumed else CLIENT
        return max(self._spent_s, key=lambda stage: self._spent_s[stage])

    def figures(self) -> dict[str, int | float | str]:
        """Return all of it, flat."""
        return {
            "frames": self.frames,
            "resumed": self._is_resumed,
            "p99_ms": round(self.p99_s * 1e3, 3),
            "misses": self.misses.total(),
            **{f"missed_{stage}": self.misses[stage] for stage in sorted(self.misses)},
            "lag_max_s": round(self.lag_max_s, 3),
            "pace": round(self.pace.seconds_a_second, 3),
            **{f"{stage}_s": round(seconds, 6) for stage, seconds in self._spent_s.items()},
        }

    def report(self, meters: BackendMeters, slow_s: float) -> None:
        """Say and count it if 99 of 100 frames took longer, or the stream fell far behind."""
        is_slow = self.p99_s > slow_s or self.lag_max_s > SLOW_LAG_S
        if not (self.frames and slow_s and is_slow):
            return
        cause = self.cause
        meters.slow(cause)
        level = LEVELS.get(cause, logging.WARNING)
        logger.log(level, "slow stream", extra=facts(cause=cause, **self.figures()))
