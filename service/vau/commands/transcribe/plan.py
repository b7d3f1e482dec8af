"""By what means recordings become transcripts, and what became of each of them.

What computes them stands in rooms of their own: ``here``, ``on_server`` and ``on_ray``.
"""

import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from vau.audio import SAMPLE_RATE_HZ
from vau.audiofile import Channel
from vau.batch import FILES_AT_ONCE, BatchOptions, Choice, Failed
from vau.client.access import PLAIN, Access
from vau.commands.transcribe.items import Item
from vau.commands.transcribe.journal import Journal, digest_of_options
from vau.decode import DecoderName
from vau.transcripts import Engine, Output, Transcription, write

Wanted = TypeVar("Wanted")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that was heard and written before, and is still so."""

    file: Path
    audio_s: float


Result: TypeAlias = Transcription | Failed | Kept
"""What became of an item. A transcription comes without posteriors, which are in the files."""

Outcome: TypeAlias = tuple[int, Result]
"""Behind the place of the item."""

EngineName = Literal["local", "ray"]

Numbered = Sequence[tuple[int, Item]]
"""Items with their places: the same file may be wanted twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscribePlan:
    """By what means files are transcribed, and where the transcripts go."""

    model: str
    backend: str
    server: str = ""
    """``host:port``; empty computes here, and then model and backend are needed."""

    access: Access = PLAIN

    engine: EngineName = "local"
    """What carries the work where there is no server."""

    address: str = ""
    """Of a cluster of Ray; empty starts one on this machine."""

    jobs: int = 1
    """Processes here, streams at a time on the server, or workers of Ray; 0 is one for each
    processor of its cluster."""

    batch_size: int | None = None
    """Recordings side by side in each process or worker; None is as many as pay."""

    channel: Channel = "mix"
    decoder: DecoderName = "viterbi"
    logits: bool = False
    output: Output | None = None
    url: str = ""
    """Where transcripts go instead of the folder of ``output``, if that is no folder."""

    resume: bool = False
    """Leave alone what the journal of the output folder says was written and still holds."""

    strict: bool = False
    """Stop at the first file that cannot be read."""

    @property
    def place(self) -> str:
        """The folder or the address that transcripts go to; there must be an output."""
        assert self.output is not None
        return self.url or str(self.output.folder.absolute())

    @property
    def journal(self) -> Journal | None:
        """The journal of the output folder."""
        return None if self.output is None else Journal(self.output.folder)

    @property
    def choice(self) -> Choice:
        """What hears the files, where there is no server."""
        waiting = None
        if self.output is not None:
            waiting = Path(tempfile.gettempdir()) if self.url else self.output.folder
        options = BatchOptions(
            files_at_once=self.batch_size or FILES_AT_ONCE,
            channel=self.channel,
            logits=self.logits,
            keep_posteriors=self.output is not None and self.output.holds_posteriors,
            folder=waiting,
            decoder=self.decoder,
        )
        return Choice(model=self.model, backend=self.backend, options=options)

    def options_of(self, engine: Engine) -> str:
        """Return the digest of what else decides what is written."""
        formats = () if self.output is None else self.output.formats
        return digest_of_options(engine, formats, channel=self.channel, logits=self.logits)


def still_held(item: Item, plan: TranscribePlan, engine: Engine) -> Kept | None:
    """Return what says that nothing is to be done, if nothing is."""
    journal, before = plan.journal, item.before
    if journal is None or before is None:
        return None
    if not before.holds(item.file, engine, plan.options_of(engine), journal.sha256_of):
        return None
    return Kept(item.file, before.samples / SAMPLE_RATE_HZ)


def written(
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


def counted(
    outcomes: Iterable[Outcome], on_audio: Callable[[float], None]
) -> Iterator[Outcome]:
    """Yield the outcomes; ``on_audio`` hears the seconds of each that is no failure."""
    for index, outcome in outcomes:
        if not isinstance(outcome, Failed):
            on_audio(outcome.audio_s)
        yield index, outcome


def in_order(
    items: Sequence[Wanted], outcomes: Iterable[tuple[int, Found]]
) -> Generator[tuple[Wanted, Found], None, None]:
    """Yield outcomes in the order of ``items``, each as soon as those before it are there.

    What stands behind one that never comes is yielded at the end.
    """
    waiting: dict[int, Found] = {}
    following = 0
    for index, outcome in outcomes:
        waiting[index] = outcome
        while following in waiting:
            yield items[following], waiting.pop(following)
            following += 1
    for index in sorted(waiting):
        yield items[index], waiting[index]
