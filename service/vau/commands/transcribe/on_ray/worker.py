"""One worker: the transcriber of every other run, which takes a block after the other.

Ray gives a block to another worker if the one that had it died, and takes from that only what
it has not had: the answers must be as many, and in the same order, as they would have been.
"""

import os
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, TypeAlias

from vau.audio import SAMPLE_RATE_HZ
from vau.batch import Batch, Failed
from vau.commands.transcribe.items import Item
from vau.commands.transcribe.journal import Journal
from vau.commands.transcribe.on_ray.blocks import Block
from vau.commands.transcribe.on_ray.parts import Part
from vau.commands.transcribe.on_ray.shelf import Shelf
from vau.commands.transcribe.plan import Kept, Result, TranscribePlan, in_order
from vau.errors import BackendFault, ConfigInvalid, ModelNotFound, VauError
from vau.transcripts import Engine, Output, Transcription, write

ATTEMPTS: Final = 4  # that a block gets: whatever kills so many workers kills the next, too
SHOWN_FILES: Final = 3

Answer: TypeAlias = tuple[int, Result | None] | VauError
"""The place of an item, and what became of it, None if it was not begun; or why no item can go
on, which is no fault of one."""


@dataclass(frozen=True, slots=True)
class Order:
    """What all workers of a run are to do."""

    plan: TranscribePlan
    run: str
    """What parts of the journal of this run are called."""

    model_digest: str
    """Of the model that every node must have."""

    folder: str
    """Where paths that are not absolute begin."""

    begin: Callable[[int], int]
    """Takes the number of a block that is begun; returns how often it was, with this time."""

    stopping: Callable[[], bool]
    """Tells whether no other file is to be begun."""


class Worker:
    """What an actor of Ray Data does. Its model is loaded with the first block."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._opened = ExitStack()
        self._batch: Batch | None = None
        self._shelf: Shelf | None = None

    def __call__(self, rows: dict[str, Any]) -> Iterator[dict[str, list[Answer]]]:
        """Answer for each item of the one block in ``rows``, in their order."""
        (block,) = rows["block"]
        for answer in self.answers(block):
            yield {"answer": [answer]}

    def answers(self, block: Block) -> Generator[Answer, None, None]:
        """Yield what becomes of each item, in the order of the block.

        An error stands behind as many answers as there are items, so that it is not taken for
        one that was had before.
        """
        places = [place for place, _ in block.numbered]
        answered = 0
        try:
            for place, result in in_order(places, self._results(block)):
                answered += 1
                yield place, result
        except VauError as error:
            for _ in range(len(places) + 1 - answered):
                yield error

    def _results(self, block: Block) -> Iterator[tuple[int, Result | None]]:
        """Yield what becomes of the items, behind their places in the block."""
        attempt = self._order.begin(block.number)
        self._open()
        part, items = None, [item for _, item in block.numbered]
        if self._shelf is not None:
            part = Part.of(self._shelf, self._order.run, block.number)
            done = part.entries
            items = [
                replace(item, before=done.get(item.name.as_posix(), item.before))
                for item in items
            ]
            if attempt > ATTEMPTS:
                items = [item for item in items if item.name.as_posix() not in done]
        if attempt > ATTEMPTS:
            raise lost(items)
        yield from self._heard(items, part)

    def _heard(
        self, items: list[Item], part: Part | None
    ) -> Iterator[tuple[int, Result | None]]:
        assert self._batch is not None
        engine, stopping = self._batch.engine, self._order.stopping
        left = set(range(len(items)))

        def files() -> Iterator[Path | Kept]:
            for item in takewhile(lambda _: not stopping(), items):
                yield self._held(item, engine) or item.file

        for place, outcome in self._batch.transcribe(files()):
            left.remove(place)
            if isinstance(outcome, Kept):
                yield place, outcome
            else:
                yield place, self._written(items[place], outcome, part)
        yield from ((place, None) for place in sorted(left))

    def _open(self) -> None:
        """Load the model and name the shelf, once."""
        if self._batch is not None:
            return
        plan = self._order.plan
        try:
            os.chdir(self._order.folder)
        except OSError as cause:
            raise ConfigInvalid(
                f"engine: {self._order.folder}, where this run was started, is not on "
                f"{os.uname().nodename}: {cause.strerror}; start it in a folder that every "
                "node has at the same path",
                field="engine",
            ) from cause
        self._shelf = Shelf(plan.place) if plan.output is not None else None
        batch = self._opened.enter_context(plan.choice.open())
        if batch.engine.model_digest != self._order.model_digest:
            raise ModelNotFound(
                f"model: {plan.model} on {os.uname().nodename} is another than where this run "
                "was started; install the same version of vau there, or copy the model",
                field="model",
            )
        self._batch = batch

    def _held(self, item: Item, engine: Engine) -> Kept | None:
        """Return what says that nothing is to be done, if nothing is."""
        shelf, before = self._shelf, item.before
        if shelf is None or before is None:
            return None
        options = self._order.plan.options_of(engine)
        if not before.holds(item.file, engine, options, shelf.sha256_of):
            return None
        return Kept(item.file, before.samples / SAMPLE_RATE_HZ)

    def _written(
        self, item: Item, outcome: Transcription | Failed, part: Part | None
    ) -> Transcription | Failed:
        """Write a transcription and note it, then let go of its posteriors."""
        if isinstance(outcome, Failed):
            return outcome
        plan = self._order.plan
        if part is not None and plan.output is not None:
            with _folder(plan, plan.output) as folder:
                files = write(outcome, folder / item.name, plan.output.formats)
                options = plan.options_of(outcome.engine)
                entry = Journal(folder).entry_of(outcome, item.name, options, files)
                if plan.url:
                    for file in files:
                        part.shelf.put(file, file.relative_to(folder).as_posix())
            part.add(entry)
        return replace(outcome, posteriors=None)


@contextmanager
def _folder(plan: TranscribePlan, output: Output) -> Iterator[Path]:
    """Yield where transcripts are written, if only to be copied from there."""
    if not plan.url:
        yield output.folder
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield Path(temporary)


def lost(items: list[Item]) -> BackendFault:
    """Return the error of files over which workers died, one after the other."""
    shown = [str(item.file) for item in items[:SHOWN_FILES]]
    if more := len(items) - len(shown):
        shown.append(f"{more} more")
    return BackendFault(
        f"engine: {ATTEMPTS} workers died one after the other over the same files, perhaps for "
        f"want of memory; try fewer --jobs, or leave out what kills them: {', '.join(shown)}; "
        "--resume goes on with the rest"
    )
