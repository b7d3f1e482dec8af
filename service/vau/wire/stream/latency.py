"""How long the frames of a stream took, and in sum."""

from collections.abc import Callable
from time import perf_counter

from vau.audio import FRAME_BUDGET_S, HOP_SAMPLES, answerable_frames
from vau.lane import Timed
from vau.metrics import BackendMeters
from vau.v1 import speech_pb2 as pb
from vau.wire.answer import add_timing, timing_of
from vau.wire.durations import nanoseconds
from vau.wire.stream.inbox import Audio
from vau.wire.stream.toll import Toll


class Latency:
    """The clock of one stream's answers. A frame's time runs from when its last sample came."""

    def __init__(
        self,
        meters: Callable[[], BackendMeters],
        look_ahead_frames: int,
        totals: pb.Timing,
        toll: Toll,
    ) -> None:
        """Begin before the first answer of this call.

        meters: returns those of the backend that the stream is on.
        totals: of the whole stream.
        """
        self.totals = totals
        self._toll = toll
        self._meters = meters
        self._look_ahead_frames = look_ahead_frames
        self._first_audio_s: float | None = None
        self._has_answered = False

    def heard(self, read_s: float) -> None:
        """Take note that audio came, the first of which starts a clock."""
        if self._first_audio_s is None:
            self._first_audio_s = read_s

    def answered(self, timed: Timed, messages: tuple[Audio, ...], ended_s: float) -> pb.Timing:
        """Take the latency of the frames of an answer, as late as possible.

        messages: those that it answers.
        ended_s:  when what flushed the rest of the utterance was read, if something did.
        """
        timing = timing_of(timed.times, timed.answer.spent)
        now_s = perf_counter()
        for frames, came_s in self._completed(timed, messages, ended_s):
            latency_s = now_s - came_s
            timing.frame_latency_max_ns = max(
                timing.frame_latency_max_ns, nanoseconds(latency_s)
            )
            timing.deadline_misses += frames if latency_s > FRAME_BUDGET_S else 0
            if self._toll.pace.is_ahead:
                self._meters().ahead(frames)
            else:
                self._meters().answered(frames, timed.times, latency_s)
            self._toll.took(frames, timed.times, latency_s)
            if self._first_audio_s is not None and not self._has_answered:
                self._meters().first_answer.observe(now_s - self._first_audio_s)
                self._has_answered = True
        add_timing(self.totals, timing)
        return timing

    def _completed(
        self, timed: Timed, messages: tuple[Audio, ...], ended_s: float
    ) -> list[tuple[int, float]]:
        """Return how many of the frames became answerable when."""
        answer = timed.answer
        start = answer.first_sample - answer.first_frame * HOP_SAMPLES
        frames, done = [], answer.first_frame
        end = answer.first_frame + len(answer.log_prob)
        for message in messages:
            so_far = answerable_frames(message.end_sample - start, self._look_ahead_frames)
            frames.append((min(so_far, end) - done, message.read_s))
            done = max(done, min(so_far, end))
        frames.append((end - done, ended_s))
        return [(count, came_s) for count, came_s in frames if count > 0]
