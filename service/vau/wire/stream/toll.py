"""Where the time of a stream went, and whether that is worth a line in the log."""

import logging
from bisect import bisect_left
from collections import Counter
from typing import Final

from vau.audio import FRAME_BUDGET_S, SAMPLE_RATE_HZ
from vau.lane import StageTimes
from vau.logs import facts
from vau.metrics import BackendMeters
from vau.metrics.blame import STAGES_TO_BLAME, blamed, spent
from vau.metrics.families import FRAME_BUCKETS_S
from vau.metrics.histogram import Cells
from vau.wire.stream.inbox import Audio

logger = logging.getLogger(__name__)

SLOW_LAG_S: Final = 1.0  # of a stream that cannot be called live any more
FAST_PACE: Final = 1.1  # seconds of audio in a second: more than clocks that differ
PACE_AUDIO_S: Final = 0.5  # of less audio no pace can be told
CLIENT: Final = "client"
WRITE: Final = "write"


class Toll:
    """What one stream took. It holds the same few numbers however long the stream lasts."""

    def __init__(self) -> None:
        """Begin before the first answer."""
        self.frames = 0
        self.misses: Counter[str] = Counter()
        self.lag_max_s = 0.0
        self._latencies = Cells(FRAME_BUCKETS_S)
        self._spent_s = dict.fromkeys((*STAGES_TO_BLAME, WRITE), 0.0)
        self._first_s = self._last_s = 0.0
        self._paced_samples = -1  # after the first message; before it there is no pace

    def heard(self, message: Audio) -> None:
        """Take note of audio that came."""
        if self._paced_samples < 0:
            self._first_s = message.read_s
            self._paced_samples = 0
        else:
            self._paced_samples += message.samples
        self._last_s = message.read_s

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
    def pace(self) -> float:
        """Seconds of audio that came in a second; 0 if that cannot be told."""
        audio_s, wall_s = self._paced_samples / SAMPLE_RATE_HZ, self._last_s - self._first_s
        return audio_s / wall_s if audio_s >= PACE_AUDIO_S and wall_s > 0.0 else 0.0

    @property
    def cause(self) -> str:
        """Who is to blame: a client that sends faster than one speaks, or the longest stage."""
        if self.pace > FAST_PACE:
            return CLIENT
        return max(self._spent_s, key=lambda stage: self._spent_s[stage])

    def figures(self) -> dict[str, int | float | str]:
        """Return all of it, flat."""
        return {
            "frames": self.frames,
            "p99_ms": round(self.p99_s * 1e3, 3),
            "misses": self.misses.total(),
            **{f"missed_{stage}": self.misses[stage] for stage in sorted(self.misses)},
            "lag_max_s": round(self.lag_max_s, 3),
            "pace": round(self.pace, 3),
            **{f"{stage}_s": round(seconds, 6) for stage, seconds in self._spent_s.items()},
        }

    def report(self, meters: BackendMeters, slow_s: float) -> None:
        """Say and count it if 99 of 100 frames took longer, or the stream fell far behind."""
        is_slow = self.p99_s > slow_s or self.lag_max_s > SLOW_LAG_S
        if not (self.frames and slow_s and is_slow):
            return
        cause = self.cause
        meters.slow(cause)
        level = logging.INFO if cause == CLIENT else logging.WARNING
        logger.log(level, "slow stream", extra=facts(cause=cause, **self.figures()))
