"""One round: the next audio of several sessions through front end, backend and decoder."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter

from vau.backend import Backend, Result, Work
from vau.endpoint import EndReason
from vau.errors import VauError
from vau.frontend import Frontend, Piece
from vau.session.answer import Answer, Heard, Observer
from vau.session.stream import Session


@dataclass(frozen=True, slots=True)
class Push:
    """The next audio of one session."""

    session: Session
    audio: bytes = b""
    ends: EndReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What came of the pushes that went through the engine together."""

    answers: list[Answer | VauError]
    """In the order of the pushes; a push that failed fails alone."""

    heard: list[tuple[Observer, Heard]] = field(default_factory=list)
    """What the observers of these sessions are still to be told."""

    feature_s: float
    compute_s: float
    post_s: float
    """Wall seconds of this host in front end, backend, and decoder."""


def open_session(session: Session, backend: Backend) -> None:
    """Give ``session`` a slot in the zero state. Raises BackendBusy if none is free."""
    session.slot = backend.open()


def close_session(session: Session, backend: Backend) -> None:
    """Take the slot back; a session without one is left as it is."""
    if session.slot is not None:
        backend.release(session.slot)
        session.slot = None


def advance(frontend: Frontend, backend: Backend, pushes: Sequence[Push]) -> Round:
    """Take the next audio of several sessions through front end, backend and decoder.

    No session may appear twice. A BackendFault is the answer to every push of the round:
    their states are lost.
    """
    started_s = perf_counter()
    answers: list[Answer | VauError | None] = [None] * len(pushes)
    pieces: dict[int, Piece] = {}
    for at, push in enumerate(pushes):
        try:
            pieces[at] = push.session.accept(push.audio, push.ends)
        except VauError as error:
            answers[at] = error
    features = frontend.advance(list(pieces.values()))
    work = [pushes[at].session.work(rows) for at, rows in zip(pieces, features, strict=True)]
    featured_s = perf_counter()
    try:
        results = backend.run(work)
    except VauError as error:
        for at in pieces:
            answers[at] = error
        results, work = [], []
        pieces = {}
    computed_s = perf_counter()
    heard: list[tuple[Observer, Heard]] = []
    for at, item, result in zip(pieces, work, results, strict=True):
        answer = answers[at] = _answered(pushes[at], result, backend)
        observer = pushes[at].session.observer
        if observer is not None and isinstance(answer, Answer):
            heard.append((observer, _heard(item, result, answer)))
    return Round(
        answers=[answer for answer in answers if answer is not None],
        heard=heard,
        feature_s=featured_s - started_s,
        compute_s=computed_s - featured_s,
        post_s=perf_counter() - computed_s,
    )


def _heard(work: Work, result: Result, answer: Answer) -> Heard:
    """Return what an observer is to know: nothing of what was computed in vain."""
    if answer.vain_steps:
        kept = slice(len(work.features) - answer.vain_steps)
        work = Work(work.slot, work.features[kept])
        result = replace(
            result,
            log_prob=result.log_prob[kept],
            logits=None if result.logits is None else result.logits[kept],
            inputs=None if result.inputs is None else result.inputs[kept],
        )
    return Heard(work.features, result, len(answer.log_prob), answer.ends is not None)


def _answered(push: Push, result: Result, backend: Backend) -> Answer | VauError:
    """Close what has ended; the next utterance begins in another slot, in the zero state."""
    session = push.session
    answer = session.answer(result)
    if answer.ends not in {None, EndReason.HALF_CLOSE}:
        try:
            close_session(session, backend)
            open_session(session, backend)
        except VauError as error:
            return error
    return answer
