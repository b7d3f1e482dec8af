"""Recordings to transcripts on this machine, in this process or in several."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import takewhile

from vau.audio import SAMPLE_RATE_HZ
from vau.batch import Failed, files_at_once
from vau.commands.transcribe.items import Item
from vau.commands.transcribe.plan import (
    Kept,
    Numbered,
    Outcome,
    TranscribePlan,
    counted,
    still_held,
    written,
)
from vau.processes import matched, spread
from vau.transcripts import Transcription


def here(
    plan: TranscribePlan,
    numbered: Numbered,
    on_audio: Callable[[float], None],
    stopping: Callable[[], bool],
) -> Iterator[Outcome]:
    """Yield each item as it is done.

    on_audio: hears how many more seconds are done.
    """
    at_once = plan.batch_size or files_at_once(len(numbered), plan.jobs)
    if min(plan.jobs, len(numbered)) <= 1:
        begun = takewhile(lambda _: not stopping(), numbered)
        return _work(plan, at_once, begun, on_audio)
    work = partial(_work, plan, at_once)
    return counted(spread(work, numbered, jobs=plan.jobs, ahead=1, stopping=stopping), on_audio)


def _work(
    plan: TranscribePlan,
    at_once: int,
    numbered: Iterator[tuple[int, Item]],
    on_audio: Callable[[float], None] = lambda _seconds: None,
) -> Iterator[Outcome]:
    """Transcribe in this process."""
    choice = plan.choice
    options = replace(choice.options, files_at_once=at_once)
    with replace(choice, options=options).open() as batch:

        def heard(
            wanted: Iterator[tuple[int, Item]],
        ) -> Iterator[tuple[int, Transcription | Failed | Kept]]:
            files = (still_held(item, plan, batch.engine) or item.file for _, item in wanted)
            return batch.transcribe(files, lambda samples: on_audio(samples / SAMPLE_RATE_HZ))

        for (index, item), outcome in matched(numbered, heard):
            if isinstance(outcome, Kept):
                on_audio(outcome.audio_s)
                yield index, outcome
            else:
                yield index, written(item, outcome, plan)
