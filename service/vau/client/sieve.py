"""What a resumed stream says twice, taken out: a caller hears everything exactly once.

A stream that goes on from a checkpoint computes again what came after it, to the same bits,
but perhaps in other pieces. So what is known already is told by where it stands: frames by
utterance and number, finals, events and controls by how many there have been, and the rest by
whether the response answers audio that no earlier one did.
"""

from collections import Counter
from collections.abc import MutableSequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from vau.audio import HOP_SAMPLES
from vau.v1 import speech_pb2 as pb

Response = pb.StreamingRecognizeResponse

OFFSETS: Final = frozenset(
    {"received_sample", "answered_sample", "acked_sample", "client_mark"}
)


Kind = Literal["finals", "events", "controls"]
"""What is known by how many there have been."""


@dataclass(slots=True)
class Sieve:
    """Lets through what is new. One for a stream, and for all the calls that it takes."""

    _told: Counter[Kind] = field(default_factory=Counter)
    """To the caller."""

    _now: Counter[Kind] = field(default_factory=Counter)
    """By the present call, and by those before its beginning."""

    _safe: Counter[Kind] = field(default_factory=Counter)
    """Before the newest checkpoint."""

    _next_frame: tuple[int, int] = (0, 0)
    """Utterance and frame of the first posteriors that the caller has not heard."""

    _answered_sample: int = 0
    _received_sample: int = 0
    _calls: int = 0
    is_behind: bool = False
    """Whether the present call has come no further than an earlier one."""

    @property
    def safe_controls(self) -> int:
        """Controls that took effect before the newest checkpoint."""
        return self._safe["controls"]

    def again(self) -> None:
        """Take note that another call begins, at the newest checkpoint."""
        self._now = self._safe.copy()
        self.is_behind = self._calls > 0
        self._calls += 1

    def sift(self, response: Response) -> bool:
        """Take out of ``response`` what the caller has heard; tell whether anything is left."""
        if response.answered_sample > self._answered_sample or response.HasField("finished"):
            self.is_behind = False
        self._sift_posteriors(response)
        self._sift_results(response)
        _keep(response.events, self._fresh("events", len(response.events)))
        if response.HasField("checkpoint"):  # in a response it stands before the controls
            self._safe = self._now.copy()
        _keep(response.controls, self._fresh("controls", len(response.controls)))
        if self.is_behind:
            response.ClearField("energy")
            response.ClearField("timing")
        has_come_further = response.received_sample > self._received_sample
        self._answered_sample = max(self._answered_sample, response.answered_sample)
        self._received_sample = max(self._received_sample, response.received_sample)
        response.answered_sample = self._answered_sample
        response.received_sample = self._received_sample
        said = {field.name for field, _ in response.ListFields()} - OFFSETS
        return has_come_further or not self.is_behind or bool(said)

    def _fresh(self, kind: Kind, count: int) -> int:
        """Count so many more of a kind; return how many of them, the last ones, are new."""
        self._now[kind] += count
        fresh = max(0, self._now[kind] - self._told[kind])
        self._told[kind] += fresh
        return fresh

    def _sift_posteriors(self, response: Response) -> None:
        if not response.HasField("posteriors"):
            return
        posteriors = response.posteriors
        stride = max(1, posteriors.frame_stride)
        first = (posteriors.utterance_index, posteriors.first_frame)
        heard = 0
        if first < self._next_frame:
            same = posteriors.utterance_index == self._next_frame[0]
            ahead = self._next_frame[1] - posteriors.first_frame
            heard = -(-ahead // stride) if same else posteriors.frame_count
        if heard >= posteriors.frame_count:
            response.ClearField("posteriors")
            return
        end = posteriors.first_frame + posteriors.frame_count * stride
        self._next_frame = (posteriors.utterance_index, end)
        if heard:
            _cut(posteriors, heard, stride)

    def _sift_results(self, response: Response) -> None:
        finals = sum(result.is_final for result in response.results)
        known = finals - self._fresh("finals", finals)
        new = []
        for result in response.results:
            if result.is_final and known:
                known -= 1
            elif result.is_final or not self.is_behind:
                new.append(result)
        if len(new) < len(response.results):
            del response.results[:]
            response.results.extend(new)


def _keep(values: MutableSequence[Any], count: int) -> None:
    """Leave the last ``count`` of the values of a field."""
    del values[: len(values) - count]


def _cut(posteriors: pb.Posteriors, rows: int, stride: int) -> None:
    """Take away the first rows."""
    shift_samples = rows * stride * HOP_SAMPLES
    row_bytes = len(posteriors.values) // posteriors.frame_count
    id_bytes = len(posteriors.class_ids) // posteriors.frame_count
    posteriors.first_frame += rows * stride
    posteriors.first_sample += shift_samples
    posteriors.values = posteriors.values[rows * row_bytes :]
    posteriors.class_ids = posteriors.class_ids[rows * id_bytes :]
    posteriors.frame_count -= rows
