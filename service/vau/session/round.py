"""One round: the next audio of several sessions through front end, backend and decoder."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter

from vau.backend import Backend, Result, Work
from vau.endpoint import EndReason
from vau.errors import VauError
from vau.frontend import Frontend, Piece
from vau.session.answer import Answer, Heard, Observer
from vau.session.claim import Claim
from vau.session.late_end import LateEnd
from vau.session.stream import Session


@dataclass(frozen=True, slots=True)
class Push:
    """The next audio of one session, or nothing new."""

    session: Session
    audio: bytes = b""
    ends: EndReason | None = None
    is_new: bool = True
    """False for what the session has asked for already, and another backend did not answer; or
    for the next steps to be taken again before that, see ``Session.way``."""

    claim: Claim = field(default_factory=Claim)
    late_end: LateEnd | None = None
    """Through which the end of the stream may come along until the turn of this has come."""


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


def move_session(session: Session, backend: Backend) -> None:
    """Give ``session`` a slot of another backend, where its trail begins.

    What its old backend failed at is then pushed again, see ``Push.is_new``. Nothing is asked
    of the old one: its slot is for the caller to give back.

    Raises BackendBusy if no slot is free, BadSnapshot if this backend takes no state of that
    one; ValueError for a session whose trail is not whole.
    """
    session.way.begin_again(gives_states=backend.info.state_export)
    session.failure = None
    session.slot = backend.open()
    state = None if session.way.trail is None else session.way.trail.state
    if state is not None:
        backend.restore(session.slot, state)


def advance(frontend: Frontend, backend: Backend, pushes: Sequence[Push]) -> Round:
    """Take the next audio of several sessions through front end, backend and decoder.

    No session may appear twice. A BackendFault is the answer to every push of the round:
    their states are lost.
    """
    started_s = perf_counter()
    answers: dict[int, Answer | VauError] = {}
    pieces = _accepted(pushes, answers)
    features = frontend.advance(list(pieces.values()))
    for at, rows in zip(pieces, features, strict=True):
        pushes[at].session.take(rows)
    featured_s = perf_counter()
    work = _work(backend, pushes, answers)
    results: list[Result] = []
    try:
        results = backend.run(list(work.values()))
    except VauError as error:
        answers |= {at: error.copy() for at in work}
        work = {}
    computed_s = perf_counter()
    heard: list[tuple[Observer, Heard]] = []
    for (at, item), result in zip(work.items(), results, strict=True):
        answer = answers[at] = _answered(pushes[at], result, backend)
        observer = pushes[at].session.observer
        if observer is not None and isinstance(answer, Answer):
            heard.append((observer, _heard(item, result, answer)))
    return Round(
        answers=[answers[at] for at in range(len(pushes))],
        heard=heard,
        feature_s=featured_s - started_s,
        compute_s=computed_s - featured_s,
        post_s=perf_counter() - computed_s,
    )


def _accepted(
    pushes: Sequence[Push], answers: dict[int, Answer | VauError]
) -> dict[int, Piece]:
    """Return the new audio, by the place of its push; what is wrong with it is the answer."""
    pieces: dict[int, Piece] = {}
    for at, push in enumerate(pushes):
        if not push.claim.hold():
            answers[at] = _taken()
        elif push.is_new:
            try:
                pieces[at] = push.session.accept(push.audio, _ends_of(push))
            except VauError as error:
                answers[at] = error
    return pieces


def _ends_of(push: Push) -> EndReason | None:
    """Return why the utterance ends behind a push, now that its turn has come."""
    late = push.late_end.settle() if push.late_end is not None else None
    return push.ends or late


def _work(
    backend: Backend, pushes: Sequence[Push], answers: dict[int, Answer | VauError]
) -> dict[int, Work]:
    """Return what the backend is to do, by the place of its push, and lend it the sessions."""
    work: dict[int, Work] = {}
    for at, push in enumerate(pushes):
        if at not in answers:
            try:
                work[at] = push.session.work()
                _renew_trail(push, backend)
            except VauError as error:
                answers[at] = error
                work.pop(at, None)
    for at in work:
        pushes[at].claim.lend()
    return work


def _renew_trail(push: Push, backend: Backend) -> None:
    """Let a trail that has become long begin anew.

    Here, and not behind an answer, so that a backend that fails to give its state costs none.
    """
    session, way = push.session, push.session.way
    if way.trail is None or not way.trail.is_due or way.repeats or session.slot is None:
        return
    slot = session.slot
    push.claim.lend()
    state = backend.snapshot(slot)
    if not push.claim.hold():
        raise _taken()
    way.trail.begin(state)


def _taken() -> VauError:
    """Return the answer to a push whose session goes on elsewhere: nobody will hear it."""
    return VauError("another lane has taken the session over")


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
    if not push.claim.hold():
        return _taken()
    if session.way.repeats:
        return session.repeat(result)
    answer = session.answer(result)
    if answer.ends not in {None, EndReason.HALF_CLOSE}:
        try:
            close_session(session, backend)
            open_session(session, backend)
        except VauError as error:
            session.slot, session.failure = None, error
    return answer
