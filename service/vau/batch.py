"""Files to transcriptions: the same session and port as a live stream, fed from files.

Several files advance side by side, piece by piece, because an accelerator is good at
batches. What shares a batch changes no bit of what comes out.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from vau.audio import SAMPLE_RATE_HZ
from vau.audiofile import Blocks, Channel, Pieces
from vau.backend import Backend, BackendOptions
from vau.decode import DecoderName
from vau.endpoint import EndReason
from vau.errors import AudioError, CapabilityMissing, VauError
from vau.frontend import Frontend
from vau.model import Model, find_model
from vau.registry import open_backend
from vau.segments import Segment
from vau.selfcheck import self_check
from vau.session import (
    Answer,
    Push,
    Session,
    advance,
    close_session,
    open_session,
)
from vau.transcripts import Engine, Rows, Transcription

FILES_AT_ONCE: Final = 16
PIECE_S: Final = 0.5

Known = TypeVar("Known")

Change = Callable[[int, NDArray[np.int16]], NDArray[np.int16]]
"""Takes the place of a file and its samples at 16 kHz; returns what is heard instead."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that could not be heard, and why; the others went on."""

    file: Path
    error: VauError


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions:
    """How files are taken through the engine. None of it changes a bit of the posteriors."""

    files_at_once: int = FILES_AT_ONCE
    piece_s: float = PIECE_S
    channel: Channel = "mix"
    logits: bool = False
    """Keep integer logits rather than log posteriors."""

    keep_posteriors: bool = True
    """Whether there are posteriors in the transcriptions."""

    folder: Path | None = None
    """Where the posteriors of long files wait; None for in memory."""

    interim_results: bool = False
    """Let answers hold results that later audio may still change."""

    decoder: DecoderName = "viterbi"

    def __post_init__(self) -> None:
        if self.files_at_once < 1:
            raise ValueError(f"files_at_once={self.files_at_once} is less than 1")
        if self.piece_s * SAMPLE_RATE_HZ < 1:
            raise ValueError(f"piece_s={self.piece_s} is less than a sample")


@dataclass(slots=True)
class _Open:
    """A file on its way."""

    index: int
    file: Path
    blocks: Blocks
    pieces: Pieces
    session: Session
    posteriors: Rows
    last_piece: int = 0
    segments: list[Segment] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def next_push(self, piece_samples: int) -> Push:
        """Take the next piece. Raises AudioError if the file does not go on as it should."""
        piece, is_last = self.pieces.take(piece_samples)
        self.last_piece = len(piece)
        ends = EndReason.HALF_CLOSE if is_last else None
        return Push(self.session, piece.astype("<i2").tobytes(), ends)

    def keep(self, answer: Answer, options: BatchOptions) -> None:
        """Take what a round answered."""
        rows = answer.logits if options.logits else answer.log_prob
        if rows is not None and options.keep_posteriors:
            self.posteriors.add(rows)
        self.segments += [each for each in answer.segments if each.end_reason is not None]
        self.notices += [remark.text + "." for remark in answer.remarks]

    def close(self, backend: Backend) -> None:
        """Let go of its files and its slot."""
        self.blocks.close()
        self.posteriors.close()
        close_session(self.session, backend)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which model to run on which backend, and how: what another process needs to know."""

    model: str
    """The name of a shipped model, or the directory of a bundle."""

    backend: str
    """``kind`` or ``kind:instance``."""

    options: BatchOptions = field(default_factory=BatchOptions)

    @contextmanager
    def open(self) -> "Iterator[Batch]":
        """Load the model, open the backend, and give it back at the end.

        Raises ModelError, BackendError or CapabilityMissing if that cannot be; BackendFault
        too, a BackendError, if the backend fails the consistency check.
        """
        model = find_model(self.model)
        slots = BackendOptions(slot_count=self.options.files_at_once)
        with closing(open_backend(self.backend, model, slots)) as backend:
            if self.options.logits and backend.info.logit_fraction_bits is None:
                raise CapabilityMissing(
                    f"logits: {backend.info.id} computes in floating point and has no integer "
                    "logits; leave out --logits",
                    field="logits",
                    capability="raw_int32",
                )
            self_check(backend, model)
            yield Batch(model, backend, self.options)


class Batch:
    """A model on a backend, and the files that go through them together."""

    def __init__(
        self, model: Model, backend: Backend, options: BatchOptions | None = None
    ) -> None:
        """Prepare the front end; the backend stays the caller's to close."""
        self._model, self._backend = model, backend
        self._options = options or BatchOptions()
        self._frontend = Frontend(model.frontend)
        self.engine = engine_of(model, backend, self._options.decoder)

    def transcribe(
        self,
        files: Iterable[Path | Known],
        on_samples: Callable[[int], None] | None = None,
        *,
        change: Change | None = None,
        on_answer: Callable[[int, Answer], None] | None = None,
    ) -> Iterator[tuple[int, Transcription | Failed | Known]]:
        """Yield each file with its place in ``files``, the first to be done first.

        files:      what is no path among them is yielded as it is, in its turn.
        on_samples: hears after every round how many samples of audio it took.
        change:     gives the samples that are heard instead of those of a file.
        on_answer:  hears each answer, after the place of its file.
        Raises      BackendFault if the accelerator gave up: no file can go on then.
        """
        waiting = iter(enumerate(files))
        running: list[_Open] = []
        try:
            while True:
                yield from self._fill(running, waiting, change)
                if not running:
                    return
                ended = self._advance(running, on_answer)
                if on_samples is not None:
                    on_samples(sum(each.last_piece for each in running))
                running = [each for each in running if each.session.slot is not None]
                yield from ended
        finally:
            for each in running:
                each.close(self._backend)

    def _fill(
        self,
        running: list[_Open],
        waiting: Iterator[tuple[int, Path | Known]],
        change: Change | None,
    ) -> Iterator[tuple[int, Failed | Known]]:
        """Begin files until as many run as may; yield those that cannot."""
        at_once = min(self._options.files_at_once, self._backend.info.slot_count)
        while len(running) < at_once and (following := next(waiting, None)):
            index, file = following
            if not isinstance(file, Path):
                yield index, file
                continue
            blocks = Blocks(file, self._options.channel)
            try:
                pieces = Pieces(blocks if change is None else [change(index, _joined(blocks))])
            except AudioError as error:
                yield index, Failed(file, error)
                continue
            session = Session(
                self._model,
                interim_results=self._options.interim_results,
                decoder=self._options.decoder,
            )
            open_session(session, self._backend)
            posteriors = Rows(self._options.folder)
            running.append(_Open(index, file, blocks, pieces, session, posteriors))

    def _advance(
        self, running: list[_Open], on_answer: Callable[[int, Answer], None] | None
    ) -> list[tuple[int, Transcription | Failed]]:
        """Take every running file one piece further; return those that ended."""
        piece_samples = round(self._options.piece_s * SAMPLE_RATE_HZ)
        ended: list[tuple[int, Transcription | Failed]] = []
        pushes: dict[int, Push] = {}
        for place, each in enumerate(running):
            try:
                pushes[place] = each.next_push(piece_samples)
            except AudioError as error:
                ended.append(self._failed(each, error))
        done = advance(self._frontend, self._backend, list(pushes.values()))
        for (place, push), answer in zip(pushes.items(), done.answers, strict=True):
            each = running[place]
            if isinstance(answer, AudioError):
                ended.append(self._failed(each, answer))
                continue
            if isinstance(answer, VauError):  # not the file's fault: none can go on
                raise answer
            if on_answer is not None:
                on_answer(each.index, answer)
            each.keep(answer, self._options)
            if push.ends is not None:
                ended.append((each.index, self._finish(each)))
                each.close(self._backend)
        return ended

    def _failed(self, each: _Open, error: AudioError) -> tuple[int, Failed]:
        each.last_piece = 0
        each.close(self._backend)
        return each.index, Failed(each.file, error)

    def _finish(self, each: _Open) -> Transcription:
        summary = each.session.summary()
        return Transcription(
            file=str(each.file),
            sha256=each.blocks.sha256,
            samples=summary.samples,
            segments=tuple(each.segments),
            posteriors=each.posteriors.whole(),
            fraction_bits=self._backend.info.logit_fraction_bits,
            frames=summary.frames,
            energies=summary.cost.apart.energies,
            input_digest=summary.input_digest,
            output_digest=summary.output_digest,
            engine=self.engine,
            notices=tuple(each.notices),
        )


def _joined(blocks: Iterable[NDArray[np.int16]]) -> NDArray[np.int16]:
    return np.concatenate(list(blocks))


def files_at_once(files: int, jobs: int) -> int:
    """Return how many of them each of ``jobs`` processes is to take together.

    One process: as many as pay. Several: none more than half of its share, so that who comes
    first leaves enough to the others, and all end together.
    """
    return FILES_AT_ONCE if jobs <= 1 else max(1, min(FILES_AT_ONCE, -(-files // (2 * jobs))))


def engine_of(model: Model, backend: Backend, decoder: DecoderName) -> Engine:
    """Name what computes, for the transcripts."""
    return Engine(
        model=model.name,
        model_digest=model.digest,
        phonemes=model.phonemes,
        silence_ids=frozenset(model.silence_ids),
        backend=backend.info.id,
        arithmetic_id=backend.info.arithmetic_id,
        decoder=decoder,
    )
