"""Streams that come and go while the load stays the same: first results, and finals."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from vau.load.chunks import Played
from vau.load.figures import WARM_UP_S, WARM_UP_SHARE, Seconds
from vau.load.frames import FrameFaults


@dataclass(frozen=True, slots=True, kw_only=True)
class Turnover:
    """What streams met that began or ended while all places were taken."""

    streams: int
    refused_streams: int
    finals_s: Seconds
    """From when a stream's last chunk and its half-close were due to its last response."""

    first_answers_s: Seconds
    """From when its first chunk was due to the first posteriors."""

    first_results_s: Seconds
    """The same to the first result that names a phone."""

    faults: FrameFaults


def turnover_of(
    streams: Sequence[Played], *, refused_streams: int, full_until_s: float
) -> Turnover:
    """Sum up streams that followed each other in their places.

    full_until_s: when the first place was left for good. Ends and beginnings behind it are left
                  out, and so are those of the warm-up: all began at once there.
    """
    starts_s = min(each.sent[0].due_s for each in streams)
    warm_s = starts_s + min(WARM_UP_S, WARM_UP_SHARE * (full_until_s - starts_s))
    ended = [each for each in streams if warm_s <= each.sent[-1].due_s <= full_until_s]
    begun = [each for each in streams if warm_s <= each.sent[0].due_s <= full_until_s]
    return Turnover(
        streams=len(streams),
        refused_streams=refused_streams,
        finals_s=np.array([_final_s(each) for each in ended]),
        first_answers_s=np.array([_first_s(each, _answers(each)) for each in begun]),
        first_results_s=np.array([_first_s(each, _results(each)) for each in begun]),
        faults=FrameFaults.of(streams),
    )


def _final_s(played: Played) -> float:
    return played.ending.at_s - played.sent[-1].due_s if played.ending else inf


def _first_s(played: Played, at_s: Sequence[float]) -> float:
    return min(at_s, default=inf) - played.sent[0].due_s


def _answers(played: Played) -> list[float]:
    return [each.at_s for each in played.heard if each.frames]


def _results(played: Played) -> list[float]:
    return [each.at_s for each in played.heard if each.phones]
