"""One round: the next audio of several sessions through front end, backend and decoder."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter

from vau.backend import Backend, Result, Work
from vau.endpoint import EndReason
from vau.errors import VauError
from vau.frontend import Frontend, Piece
from vau.session.answer import Answer, Heard, Observer
from vau.session.claim import Claim, taken
from vau.session.late_end import LateEnd
from vau.session.slots import renew_slot
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
        answer = answers[at] = _answered(pushes[at], result)
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
            answers[at] = taken()
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
    """Return what the backend is to do, by the place of its push, and lend it the sessions.

    All are lent before the backend is asked for anything on behalf of one: if it is stuck
    there, the others must not be held.
    """
    work: dict[int, Work] = {}
    asking: list[int] = []
    for at, push in enumerate(pushes):
        if at in answers:
            continue
        session = push.session
        if session.is_spent or (session.way.trail is not None and session.way.is_due):
            asking.append(at)
        else:
            try:
                work[at] = session.work()
            except VauError as error:
                answers[at] = error
        push.claim.lend()
    for at in asking:
        try:
            work[at] = _prepared(pushes[at], backend)
        except VauError as error:
            answers[at] = error
    return dict(sorted(work.items())) if asking else work


def _prepared(push: Push, backend: Backend) -> Work:
    """Renew what is to be renewed, and return the next steps; the session is lent.

    A trail that has become long begins anew, and so does a slot whose utterance has ended:
    here, and not behind an answer, so that a backend that fails at it costs none.
    """
    session, claim = push.session, push.claim
    if not claim.hold():
        raise taken()
    if session.is_spent:
        renew_slot(session, backend, claim)
    slot, trail = session.slot, session.way.trail
    if slot is not None and trail is not None and session.way.is_due:
        claim.lend()
        state = backend.snapshot(slot)
        if not claim.hold():
            raise taken()
        trail.begin(state)
    work = session.work()
    claim.lend()
    return work


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


def _answered(push: Push, result: Result) -> Answer | VauError:
    """Return the answer, unless the session has been taken away."""
    session = push.session
    if not push.claim.hold():
        return taken()
    if session.way.repeats:
        return session.repeat(result)
    answer = session.answer(result)
    session.is_spent = answer.ends not in {None, EndReason.HALF_CLOSE}
    return answer
