"""Recordings to transcripts on this machine, in this process or in several."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import takewhile
from typing import Final

from vau.audio import SAMPLE_RATE_HZ
from vau.commands.transcribe.plan import (
    Numbered,
    Outcome,
    TranscribePlan,
    counted,
    still_held,
    written,
)
from vau.processes import spread, told_to_stop

FILES_AT_ONCE: Final = 16  # a group that one process takes


def here(
    plan: TranscribePlan,
    numbered: Numbered,
    on_audio: Callable[[float], None],
    stopping: Callable[[], bool],
) -> Iterator[Outcome]:
    """Yield each item as it is done.

    on_audio: hears how many more seconds are done.
    """
    if min(plan.jobs, len(numbered)) <= 1:
        return _work(plan, numbered, on_audio, stopping)
    work = partial(_work, plan, stopping=told_to_stop)
    done = spread(work, numbered, jobs=plan.jobs, group_size=FILES_AT_ONCE, stopping=stopping)
    return counted(done, on_audio)


def _work(
    plan: TranscribePlan,
    numbered: Numbered,
    on_audio: Callable[[float], None] | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[Outcome]:
    """Transcribe in this process."""

    def on_samples(samples: int) -> None:
        if on_audio is not None:
            on_audio(samples / SAMPLE_RATE_HZ)

    with plan.choice.open() as batch:
        new = []
        for index, item in takewhile(lambda _: not stopping(), numbered):
            kept = still_held(item, plan, batch.engine)
            if kept is None:
                new.append((index, item))
            else:
                if on_audio is not None:
                    on_audio(kept.audio_s)
                yield index, kept
        files = (item.file for _, item in takewhile(lambda _: not stopping(), new))
        for place, outcome in batch.transcribe(files, on_samples):
            index, item = new[place]
            yield index, written(item, outcome, plan)
