"""One recording through several backends, which all hear the same features."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from vau.backend import Backend, Cost
from vau.comparison import Posteriors
from vau.decode import DecoderName
from vau.endpoint import EndReason
from vau.frontend import Frontend
from vau.frontend.config import Rows
from vau.model import Model
from vau.segments import Phone
from vau.session import (
    Answer,
    Session,
    Summary,
    close_session,
    open_session,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A recording as one backend heard it."""

    backend: str
    """The id."""

    phones: tuple[Phone, ...]
    """Silence left out."""

    summary: Summary
    host_s: float
    """Wall seconds of this host in the backend, front end and decoder excluded: measured."""

    calls_device_s: float | None = None
    """Seconds for which all calls together keep the accelerator; None if it does not say."""

    @property
    def symbols(self) -> list[str]:
        """Name the phones."""
        return [phone.symbol for phone in self.phones]


def call_device_s(cost: Cost, frames: int) -> float | None:
    """Return how long a call of one work keeps the accelerator, in seconds; None if unknown.

    ``device_s`` adds up the frames. Those that share a call are in the accelerator together,
    each for all of it; where sharing changes nothing, they go through one after the other.
    """
    if cost.device_s is None or cost.unshared is None or not frames:
        return cost.device_s
    return cost.device_s / frames


@dataclass(slots=True)
class _Stream:
    """A recording on its way through one backend."""

    backend: Backend
    session: Session
    on_answer: Callable[[Answer], None]
    answers: list[Answer] = field(default_factory=list)
    host_s: float = 0.0
    calls_device_s: float | None = None

    def take(self, rows: Rows) -> None:
        self.session.take(rows)
        work = self.session.work()
        began_s = perf_counter()
        (result,) = self.backend.run([work])
        self.host_s += perf_counter() - began_s
        call_s = call_device_s(result.cost, len(work.features))
        if call_s is not None:
            self.calls_device_s = (self.calls_device_s or 0.0) + call_s
        self.answers.append(self.session.answer(result))
        self.on_answer(self.answers[-1])

    def heard(self, silence_ids: frozenset[int]) -> tuple[Heard, Posteriors]:
        phones = [
            phone
            for segment in self.answers[-1].segments
            for phone in segment.phones
            if phone.class_id not in silence_ids
        ]
        logits = [each.logits for each in self.answers if each.logits is not None]
        heard = Heard(
            backend=self.backend.info.id,
            phones=tuple(phones),
            summary=self.session.summary(),
            host_s=self.host_s,
            calls_device_s=self.calls_device_s,
        )
        log_prob = np.concatenate([each.log_prob for each in self.answers])
        return heard, Posteriors(log_prob, np.concatenate(logits) if logits else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A model on several backends, with one front end for all of them."""

    model: Model
    backends: Sequence[Backend]
    """Open, with a slot free; whoever opened them closes them."""

    frontend: Frontend
    decoder: DecoderName = "viterbi"
    chunk_samples: int
    """Audio of one call to a backend, as of a live stream: it decides how many frames may
    share weights, and with that their cost, and no bit."""

    def hear(
        self,
        samples: NDArray[np.int16],
        on_samples: Callable[[int], None],
        on_answer: Callable[[Answer], None] = lambda _answer: None,
    ) -> list[tuple[Heard, Posteriors]]:
        """Take a recording, one sample at least, through all; answer in their order.

        on_samples: hears after every chunk how many samples it had.
        on_answer:  hears the answer of each backend to each chunk.
        Raises      what a backend raises: then the others are given back too.
        """
        streams = [
            _Stream(backend, Session(self.model, decoder=self.decoder), on_answer)
            for backend in self.backends
        ]
        try:
            for stream in streams:
                open_session(stream.session, stream.backend)
            for at in range(0, len(samples), self.chunk_samples):
                chunk = samples[at : at + self.chunk_samples]
                self._advance(streams, chunk, is_last=at + len(chunk) == len(samples))
                on_samples(len(chunk))
        finally:
            for stream in streams:
                close_session(stream.session, stream.backend)
        silence_ids = frozenset(self.model.silence_ids)
        return [stream.heard(silence_ids) for stream in streams]

    def _advance(
        self, streams: Sequence[_Stream], chunk: NDArray[np.int16], *, is_last: bool
    ) -> None:
        ends = EndReason.HALF_CLOSE if is_last else None
        audio = chunk.astype("<i2").tobytes()
        pieces = [stream.session.accept(audio, ends) for stream in streams]
        (rows,) = self.frontend.advance(pieces[:1])  # the others are the same
        for stream in streams:
            stream.take(rows)
