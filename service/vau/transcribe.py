"""Files and folders to transcripts, in this process, in several, or through a server."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import soundfile

from vau.audio import SAMPLE_RATE_HZ
from vau.audiofile import SUFFIXES, Channel
from vau.batch import BatchOptions, Choice, Failed
from vau.client import Client
from vau.errors import ConfigInvalid
from vau.processes import spread
from vau.remote import Request, Wanted
from vau.remote import transcribe as transcribe_remotely
from vau.transcript import Output, Transcription, write

FILES_AT_ONCE: Final = 16  # a group that one process takes


@dataclass(frozen=True, slots=True)
class Item:
    """A file to transcribe, and what its transcript is called."""

    file: Path
    name: Path
    """Without suffix, relative to the output folder: as the file stood in its folder."""


Outcome = tuple[Item, Transcription | Failed]
"""The transcription comes without posteriors, which are in the npz if anywhere."""


def find_items(paths: Iterable[Path]) -> list[Item]:
    """Return the files of ``paths``, and of folders all audio files below them, by name.

    Raises ConfigInvalid if a path does not exist, a folder holds no audio file, or two
    files would be written under one name.
    """
    items: list[Item] = []
    for path in paths:
        if path.is_dir():
            found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
            if not found:
                raise ConfigInvalid(
                    f"{path}: holds no audio file ({', '.join(SUFFIXES)})", field="paths"
                )
            items += [Item(file, file.relative_to(path).with_suffix("")) for file in found]
        elif path.exists():
            items.append(Item(path, Path(path.stem)))
        else:
            raise ConfigInvalid(f"{path}: no such file or folder", field="paths")
    return items


def check_names(items: Iterable[Item]) -> None:
    """Raise ConfigInvalid if two files would be written under one name."""
    taken: dict[Path, Path] = {}
    for item in items:
        if item.name in taken:
            raise ConfigInvalid(
                f"out: {taken[item.name]} and {item.file} would both be written to "
                f"{item.name}; transcribe them into different folders",
                field="out",
            )
        taken[item.name] = item.file


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """By what means files are transcribed, and where the transcripts go."""

    model: str
    backend: str
    server: str = ""
    """``host:port``; empty computes here, and then model and backend are needed."""

    jobs: int = 1
    """Processes here, or streams at a time on the server."""

    channel: Channel = "mix"
    logits: bool = False
    output: Output | None = None


def transcribe(
    items: Sequence[Item], plan: Plan, on_progress: Callable[[float, float], None]
) -> Iterator[Outcome]:
    """Yield each file as it is done, and written if it is to be; the order is chance.

    on_progress: hears how many seconds of audio are done, and of how many.
    Raises       what is not the fault of one file.
    """
    total_s = sum(duration_s(item.file) for item in items)
    done_s = 0.0

    def on_audio(seconds: float) -> None:
        nonlocal done_s
        done_s += seconds
        on_progress(done_s, total_s)

    if plan.server:
        with Client(plan.server) as client:
            yield from _counted(_there(items, client, plan), on_audio)
    elif min(plan.jobs, len(items)) > 1:
        work = partial(_work, plan)
        done = spread(work, items, jobs=plan.jobs, group_size=FILES_AT_ONCE)
        yield from _counted(done, on_audio)
    else:
        yield from _work(plan, items, on_audio)


def in_order(items: Sequence[Item], outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """Yield outcomes in the order of ``items``, each as soon as those before it are there."""
    waiting: dict[Item, Transcription | Failed] = {}
    ahead = iter(items)
    following = next(ahead, None)
    for done, outcome in outcomes:
        waiting[done] = outcome
        while following is not None and following in waiting:
            yield following, waiting.pop(following)
            following = next(ahead, None)


def duration_s(file: Path) -> float:
    """Return what a file's header says it lasts; 0 if it cannot be read."""
    try:
        return float(soundfile.info(str(file)).duration)
    except (soundfile.SoundFileError, TypeError):
        return 0.0


def _work(
    plan: Plan, items: Sequence[Item], on_audio: Callable[[float], None] | None = None
) -> Iterator[Outcome]:
    """Transcribe in this process."""

    def on_samples(samples: int) -> None:
        if on_audio is not None:
            on_audio(samples / SAMPLE_RATE_HZ)

    options = BatchOptions(channel=plan.channel, logits=plan.logits)
    choice = Choice(model=plan.model, backend=plan.backend, options=options)
    with choice.open() as batch:
        for index, outcome in batch.transcribe((item.file for item in items), on_samples):
            yield items[index], _kept(items[index], outcome, plan.output)


def _there(items: Sequence[Item], client: Client, plan: Plan) -> Iterator[Outcome]:
    """Transcribe on a server."""
    wanted: Wanted = "none"
    if plan.output is not None and "npz" in plan.output.formats:
        wanted = "logits" if plan.logits else "log"
    request = Request(model=plan.model, backend=plan.backend, posteriors=wanted)
    files = [item.file for item in items]
    for index, outcome in transcribe_remotely(
        client, files, request, channel=plan.channel, streams=plan.jobs
    ):
        yield items[index], _kept(items[index], outcome, plan.output)


def _counted(
    outcomes: Iterable[Outcome], on_audio: Callable[[float], None]
) -> Iterator[Outcome]:
    for item, outcome in outcomes:
        if isinstance(outcome, Transcription):
            on_audio(outcome.audio_s)
        yield item, outcome


def _kept(
    item: Item, outcome: Transcription | Failed, output: Output | None
) -> Transcription | Failed:
    """Write a transcription, then let go of its posteriors."""
    if isinstance(outcome, Failed):
        return outcome
    if output is not None:
        write(outcome, output.folder / item.name, output.formats)
    return replace(outcome, posteriors=None)
