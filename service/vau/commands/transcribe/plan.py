"""Recordings to transcripts, in this process, in several, or through a server."""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Final, TypeAlias

import soundfile

from vau.audio import SAMPLE_RATE_HZ
from vau.audiofile import Channel
from vau.batch import BatchOptions, Choice, Failed
from vau.client.access import PLAIN, Access
from vau.client.recognition import Request, Wanted, engine_on
from vau.client.recognition import transcribe as transcribe_remotely
from vau.commands.transcribe.items import Item, check_utterances, named_apart
from vau.commands.transcribe.journal import Journal, digest_of_options
from vau.decode import DecoderName
from vau.errors import VauError
from vau.processes import spread, told_to_stop
from vau.transcripts import Engine, Output, Transcription, write

FILES_AT_ONCE: Final = 16  # a group that one process takes


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that was heard and written before, and is still so."""

    file: Path
    audio_s: float


Result: TypeAlias = Transcription | Failed | Kept
"""What became of an item. A transcription comes without posteriors, which are in the files."""

Outcome: TypeAlias = tuple[int, Result]
"""Behind the place of the item."""

Numbered = Sequence[tuple[int, Item]]
"""Items with their places: the same file may be wanted twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscribePlan:
    """By what means files are transcribed, and where the transcripts go."""

    model: str
    backend: str
    server: str = ""
    access: Access = PLAIN
    """``host:port``; empty computes here, and then model and backend are needed."""

    jobs: int = 1
    """Processes here, or streams at a time on the server."""

    channel: Channel = "mix"
    decoder: DecoderName = "viterbi"
    logits: bool = False
    output: Output | None = None
    resume: bool = False
    """Leave alone what the journal of the output folder says was written and still holds."""

    strict: bool = False
    """Stop at the first file that cannot be read."""

    @property
    def journal(self) -> Journal | None:
        """The journal of the output folder."""
        return None if self.output is None else Journal(self.output.folder)

    def options_of(self, engine: Engine) -> str:
        """Return the digest of what else decides what is written."""
        formats = () if self.output is None else self.output.formats
        return digest_of_options(engine, formats, channel=self.channel, logits=self.logits)


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
        plan.output.prepare()
        items = _recalled(items, plan)
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
    total_s = sum(duration_s(item.file) for item in items)
    done_s = 0.0

    def on_audio(seconds: float) -> None:
        nonlocal done_s
        done_s += seconds
        on_progress(done_s, total_s)

    numbered = list(enumerate(items))
    if plan.server:
        yield from _counted(_on_server(items, plan, warn, stopping), on_audio)
    elif min(plan.jobs, len(items)) > 1:
        work = partial(_work, plan, stopping=told_to_stop)
        done = spread(
            work, numbered, jobs=plan.jobs, group_size=FILES_AT_ONCE, stopping=stopping
        )
        yield from _counted(done, on_audio)
    else:
        yield from _work(plan, numbered, on_audio, stopping)


def _recalled(items: Sequence[Item], plan: TranscribePlan) -> list[Item]:
    """Return the items, with what the journal says of them if that is to count."""
    journal = plan.journal
    if journal is None:
        return list(items)
    journal.mend()
    entries = journal.entries() if plan.resume else {}
    return [replace(item, before=entries.get(item.name.as_posix())) for item in items]


def in_order(
    items: Sequence[Item], outcomes: Iterable[Outcome]
) -> Generator[tuple[Item, Result], None, None]:
    """Yield outcomes in the order of ``items``, each as soon as those before it are there.

    What stands behind one that never comes is yielded at the end.
    """
    waiting: dict[int, Result] = {}
    following = 0
    for index, outcome in outcomes:
        waiting[index] = outcome
        while following in waiting:
            yield items[following], waiting.pop(following)
            following += 1
    for index in sorted(waiting):
        yield items[index], waiting[index]


def duration_s(file: Path) -> float:
    """Return what a file's header says it lasts; 0 if it cannot be read."""
    try:
        return float(soundfile.info(os.fsencode(file)).duration)
    except (soundfile.SoundFileError, TypeError, ValueError):
        return 0.0


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

    options = BatchOptions(channel=plan.channel, logits=plan.logits, decoder=plan.decoder)
    choice = Choice(model=plan.model, backend=plan.backend, options=options)
    with choice.open() as batch:
        new = []
        for index, item in takewhile(lambda _: not stopping(), numbered):
            kept = _still_held(item, plan, batch.engine)
            if kept is None:
                new.append((index, item))
            else:
                if on_audio is not None:
                    on_audio(kept.audio_s)
                yield index, kept
        files = (item.file for _, item in takewhile(lambda _: not stopping(), new))
        for place, outcome in batch.transcribe(files, on_samples):
            index, item = new[place]
            yield index, _written(item, outcome, plan)


def _on_server(
    items: Sequence[Item],
    plan: TranscribePlan,
    warn: Callable[[str], None],
    stopping: Callable[[], bool],
) -> Iterator[Outcome]:
    """Transcribe on a server."""
    wanted: Wanted = "none"
    if plan.output is not None and plan.output.holds_posteriors:
        wanted = "logits" if plan.logits else "log"
    request = Request(
        model=plan.model, backend=plan.backend, posteriors=wanted, decoder=plan.decoder
    )
    new = list(enumerate(items))
    if any(item.before for item in items):
        engine = engine_on(plan.server, request, access=plan.access)
        held = [
            (pair, _still_held(pair[1], plan, engine))
            for pair in takewhile(lambda _: not stopping(), new)
        ]
        yield from ((index, kept) for (index, _), kept in held if kept is not None)
        new = [pair for pair, kept in held if kept is None]
    for place, outcome in transcribe_remotely(
        plan.server,
        [item.file for _, item in new],
        request,
        access=plan.access,
        channel=plan.channel,
        streams=plan.jobs,
        on_loss=lambda place, text: warn(f"{new[place][1].file}: {text}"),
        stopping=stopping,
    ):
        index, item = new[place]
        yield index, _written(item, outcome, plan)


def _counted(
    outcomes: Iterable[Outcome], on_audio: Callable[[float], None]
) -> Iterator[Outcome]:
    for index, outcome in outcomes:
        if not isinstance(outcome, Failed):
            on_audio(outcome.audio_s)
        yield index, outcome


def _still_held(item: Item, plan: TranscribePlan, engine: Engine) -> Kept | None:
    """Return what says that nothing is to be done, if nothing is."""
    journal, before = plan.journal, item.before
    if journal is None or before is None:
        return None
    if not journal.holds(before, item.file, engine, plan.options_of(engine)):
        return None
    return Kept(item.file, before.samples / SAMPLE_RATE_HZ)


def _written(
    item: Item, outcome: Transcription | Failed, plan: TranscribePlan
) -> Transcription | Failed:
    """Write a transcription and note it, then let go of its posteriors."""
    if isinstance(outcome, Failed):
        return outcome
    if plan.output is not None and plan.journal is not None:
        files = write(outcome, plan.output.folder / item.name, plan.output.formats)
        options = plan.options_of(outcome.engine)
        plan.journal.add(plan.journal.entry_of(outcome, item.name, options, files))
    return replace(outcome, posteriors=None)
