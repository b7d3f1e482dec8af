"""Audio into a lane, a little at a time, so that nobody waits for the whole of another's."""

from dataclasses import replace
from functools import reduce
from itertools import chain, groupby
from typing import Final

import numpy as np

from vau.audio import HOP_SAMPLES
from vau.backend import Cost
from vau.endpoint import EndReason
from vau.lane import StageTimes, Timed
from vau.segments import Segment
from vau.session import Answer, LateEnd, Repetition
from vau.wire.carrier import Carrier

# A round lasts as long as its longest piece takes. This is long enough to be mostly
# computing, and short enough for the live streams that share the round.
PIECE_SAMPLES: Final = 20 * HOP_SAMPLES


async def push(
    carrier: Carrier,
    audio: bytes,
    sample_bytes: int,
    ends: EndReason | None = None,
    *,
    due_s: float | None = None,
    saves: bool = False,
    late_end: LateEnd | None = None,
) -> list[Timed]:
    """Answer audio of any length; the answers have the bits of such that was not cut.

    sample_bytes: of one sample in ``audio``.
    due_s, saves, late_end: as for ``Carrier.push``.
    Returns an answer for each utterance that the audio belongs to: one, unless the rules of
            the session end it.
    """
    size = PIECE_SAMPLES * sample_bytes
    done: list[Timed] = []
    for first in range(0, max(1, len(audio)), size):
        is_last = first + size >= len(audio)
        piece = audio[first : first + size]
        now_ends = ends if is_last else None
        done.append(
            await carrier.push(
                piece,
                now_ends,
                due_s=due_s,
                saves=saves and is_last,
                late_end=late_end if is_last else None,
            )
        )
        while carrier.session.is_behind:
            done.append(await carrier.push(due_s=due_s))
    if len(done) == 1:
        return done
    groups = groupby(done, key=lambda each: each.answer.utterance_index)
    return [_joined(list(of_utterance)) for _, of_utterance in groups]


def _joined(parts: list[Timed]) -> Timed:
    """Return answers that follow upon each other, within one utterance, as one."""
    if len(parts) == 1:
        return parts[0]
    answers = [part.answer for part in parts]
    logits = [answer.logits for answer in answers if answer.logits is not None]
    answer = replace(
        answers[0],
        log_prob=np.concatenate([answer.log_prob for answer in answers]),
        logits=np.concatenate(logits) if logits else None,
        segments=_newest_segments(answers),
        events=tuple(chain.from_iterable(answer.events for answer in answers)),
        ends=answers[-1].ends,
        steps=sum(answer.steps for answer in answers),
        vain_steps=sum(answer.vain_steps for answer in answers),
        remarks=tuple(remark for answer in answers for remark in answer.remarks),
        cost=reduce(Cost.__add__, [answer.cost for answer in answers]),
        repeated=reduce(Repetition.__add__, [answer.repeated for answer in answers]),
        received_sample=answers[-1].received_sample,
        answered_sample=answers[-1].answered_sample,
    )
    times = [part.times for part in parts]
    return Timed(
        answer,
        StageTimes(
            queue_s=sum(each.queue_s for each in times),
            feature_s=sum(each.feature_s for each in times),
            compute_s=sum(each.compute_s for each in times),
            post_s=sum(each.post_s for each in times),
            batch_size=max(each.batch_size for each in times),
        ),
        next((part.state for part in parts if part.state is not None), None),
    )


def _newest_segments(answers: list[Answer]) -> tuple[Segment, ...]:
    """Return every final, and what was told last: an interim replaces those before it."""
    told = [segment for answer in answers for segment in answer.segments]
    finals = [segment for segment in told if segment.end_reason is not None]
    return (*finals, *(segment for segment in told[-1:] if segment.end_reason is None))
