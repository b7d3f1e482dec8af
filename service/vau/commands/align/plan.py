"""Recordings and what is said in them to alignments, here or through a server."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from vau.alignment import Alignment, align, write
from vau.audiofile import Channel
from vau.batch import BatchOptions, Choice, Failed, files_at_once
from vau.client import Client
from vau.client.access import PLAIN, Access
from vau.client.recognition import Request
from vau.client.recognition import transcribe as transcribe_remotely
from vau.commands.align.items import Item
from vau.errors import ConfigInvalid
from vau.evaluation.listening import inventory_of, offer
from vau.evaluation.manifest import Inventory
from vau.model import find_model
from vau.processes import matched, spread
from vau.transcripts import Output, Transcription

Outcome: TypeAlias = tuple[int, Alignment | Failed]
"""Behind the place of the item."""

Numbered = Sequence[tuple[int, Item]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignPlan:
    """By what means recordings are aligned, and where the alignments go."""

    model: str
    backend: str
    server: str = ""
    """``host:port``; empty computes here, and then model and backend are needed."""

    access: Access = PLAIN
    jobs: int = 1
    """Processes here, or streams at a time on the server."""

    channel: Channel = "mix"
    output: Output | None = None

    def inventory(self) -> Inventory:
        """Return the phones of the model. Raises ModelError or BackendError without it."""
        if not self.server:
            return inventory_of(find_model(self.model))
        with Client(self.server, access=self.access) as client:
            return offer(client, self.model, self.backend).inventory


def align_all(
    items: Sequence[Item],
    plan: AlignPlan,
    on_progress: Callable[[int, int], None],
    warn: Callable[[str], None],
) -> Iterator[Outcome]:
    """Yield each item as it is aligned, and written if it is to be; the order is chance.

    on_progress: hears how many items are done, and of how many.
    warn:        hears of streams that were lost, or found no room, and of doubtful audio.
    Raises       what is not the fault of one recording.
    """
    if plan.output is not None:
        plan.output.prepare()
    failed = [
        (at, Failed(item.file, item.script))
        for at, item in enumerate(items)
        if isinstance(item.script, ConfigInvalid)
    ]
    places = {at for at, _ in failed}
    numbered = [(at, item) for at, item in enumerate(items) if at not in places]
    outcomes: Iterator[Outcome]
    if plan.server:
        outcomes = _on_server(plan, numbered, warn)
    else:
        work = partial(_here, plan, files_at_once(len(numbered), plan.jobs))
        outcomes = spread(work, numbered, jobs=plan.jobs, ahead=1)
    yield from failed
    for count, (at, outcome) in enumerate(outcomes, start=len(failed) + 1):
        on_progress(count, len(items))
        for notice in () if isinstance(outcome, Failed) else outcome.done.notices:
            warn(f"{items[at].file}: {notice}")
        yield at, outcome


def _here(
    plan: AlignPlan, at_once: int, numbered: Iterator[tuple[int, Item]]
) -> Iterator[Outcome]:
    """Align in this process."""
    options = BatchOptions(files_at_once=at_once, channel=plan.channel)
    with Choice(model=plan.model, backend=plan.backend, options=options).open() as batch:

        def heard(
            wanted: Iterator[tuple[int, Item]],
        ) -> Iterator[tuple[int, Transcription | Failed]]:
            return batch.transcribe(item.file for _, item in wanted)

        for (at, item), done in matched(numbered, heard):
            yield at, _aligned(plan, item, done)


def _on_server(
    plan: AlignPlan, numbered: Numbered, warn: Callable[[str], None]
) -> Iterator[Outcome]:
    """Align here what a server hears."""
    files = [item.file for _, item in numbered]
    for place, done in transcribe_remotely(
        plan.server,
        files,
        Request(model=plan.model, backend=plan.backend, posteriors="log"),
        access=plan.access,
        channel=plan.channel,
        streams=plan.jobs,
        on_loss=lambda place, text: warn(f"{files[place]}: {text}"),
    ):
        at, item = numbered[place]
        yield at, _aligned(plan, item, done)


def _aligned(plan: AlignPlan, item: Item, done: Transcription | Failed) -> Alignment | Failed:
    if isinstance(done, Failed):
        return done
    try:
        found = align(item.said(), done)
    except ConfigInvalid as error:
        return Failed(item.file, error)
    if plan.output is not None:
        write(found, plan.output.folder / item.name, plan.output.formats)
    return found
