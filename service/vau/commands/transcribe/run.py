"""One run of ``vau transcribe``: all its recordings, in their order, whatever computes them."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

import soundfile

from vau.audiofile import foreign_s
from vau.batch import Failed
from vau.commands.transcribe import on_ray
from vau.commands.transcribe.here import here
from vau.commands.transcribe.items import Item, check_utterances, named_apart
from vau.commands.transcribe.journal import Journal
from vau.commands.transcribe.on_server import on_server
from vau.commands.transcribe.plan import (
    Kept,
    Numbered,
    Outcome,
    Result,
    TranscribePlan,
    counted,
    in_order,
)
from vau.errors import VauError
from vau.transcripts import Output
from vau.wholefile import clear_left_over

STRETCH: Final = 512  # items


def transcribe_all(
    items: Sequence[Item],
    plan: TranscribePlan,
    on_progress: Callable[[float, float], None],
    tell: Callable[[str], None],
    complain: Callable[[VauError, Path], int],
    *,
    warn: Callable[[str], None],
    count: Callable[[Result], None] = lambda _outcome: None,
    stopping: Callable[[], bool] = lambda: False,
) -> list[int]:
    """Transcribe; return what ``complain`` returns of each file, 0 for those that are well.

    tell:     hears the path and the phonemes of each, unless they are written to files.
    complain: hears of each file that could not be read; both in the order of ``items``.
    warn:     hears what is doubtful about the audio of each that could be.
    count:    hears what became of each.
    stopping: once it is true no other file is begun; those that were, are finished.
    Raises    what is not the fault of one file, and what these three raise; in any case
              nothing goes on behind the caller's back.
    """
    if plan.output is not None:
        items = named_apart(items)
        if "kaldi" in plan.output.formats:
            check_utterances(items, plan.output.folder)
        items = _recalled(items, plan, plan.output)
    statuses = []
    # Not left to the garbage collector: whoever holds an error holds what it passed through.
    with closing(
        in_order(items, transcribe(items, plan, on_progress, warn, stopping=stopping))
    ) as ordered:
        for item, outcome in ordered:
            count(outcome)
            if isinstance(outcome, Failed):
                statuses.append(complain(outcome.error, item.file))
                if plan.strict:
                    break
                continue
            statuses.append(0)
            if isinstance(outcome, Kept):
                continue
            for notice in outcome.notices:
                warn(f"{item.file}: {notice}")
            if plan.output is None:
                tell(f"{item.file}\t{' '.join(outcome.symbols())}")
    return statuses


def transcribe(
    items: Sequence[Item],
    plan: TranscribePlan,
    on_progress: Callable[[float, float], None],
    warn: Callable[[str], None] = lambda _text: None,
    *,
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[Outcome]:
    """Yield each file as it is done, and written if it is to be; the order is chance.

    on_progress: hears how many seconds of audio are done, and of how many.
    warn:        hears of streams that were lost, or found no room.
    Raises       what is not the fault of one file.
    """
    numbered: Numbered = list(enumerate(items))
    durations_s = [duration_s(item.file) for item in items]
    total_s = sum(durations_s)
    done_s = 0.0

    def on_audio(seconds: float) -> None:
        nonlocal done_s
        done_s += seconds
        on_progress(done_s, total_s)

    # With --strict the first that cannot be read is to be found first.
    ordered = numbered if plan.strict else long_first(numbered, durations_s)
    if plan.server:
        yield from counted(on_server(plan, ordered, warn, stopping), on_audio)
    elif plan.engine == "ray":
        outcomes = on_ray.loaded(plan.address).outcomes(
            plan, numbered, durations_s, warn, stopping
        )
        with closing(outcomes):
            yield from counted(outcomes, on_audio)
    else:
        yield from here(plan, ordered, on_audio, stopping)


def long_first(numbered: Numbered, durations_s: Sequence[float]) -> Numbered:
    """Return the items of each stretch of STRETCH by length, the longest first.

    So the last to be begun are short, and no process is left with much to do when the others
    have ended; and none waits longer than a stretch to be told in its turn.
    """
    stretches = (numbered[at : at + STRETCH] for at in range(0, len(numbered), STRETCH))
    return [
        pair
        for stretch in stretches
        for pair in sorted(stretch, key=lambda pair: -durations_s[pair[0]])
    ]


def _recalled(items: Sequence[Item], plan: TranscribePlan, output: Output) -> list[Item]:
    """Make the folder; return the items, with what its journal says of them if that counts."""
    if plan.engine == "ray" and not plan.server:
        entries = on_ray.loaded(plan.address).recalled(plan)
    else:
        output.prepare()
        journal = Journal(output.folder)
        journal.mend()
        entries = journal.entries() if plan.resume else {}
    if not plan.url:
        clear_left_over(output.folder / item.name for item in items)
    before = entries if plan.resume else {}
    return [replace(item, before=before.get(item.name.as_posix())) for item in items]


def duration_s(file: Path) -> float:
    """Return what a file's header says it lasts; 0 if it cannot be read."""
    try:
        return float(soundfile.info(os.fsencode(file)).duration)
    except (soundfile.SoundFileError, TypeError, ValueError):
        return foreign_s(file)
