"""A stream between two pieces of its audio, as one string of bytes, and back into a slot."""

from typing import Final

from vau.backend import Backend
from vau.checkpoint.form import Reader, Writer
from vau.errors import BadSnapshot, ResumeMismatch
from vau.session import Claim, Session, open_session, renew_slot, taken

MOST_SLOT_BYTES: Final = 1 << 24


def saved_session(session: Session, backend: Backend, claim: Claim | None = None) -> bytes:
    """Return all that the rest of ``session`` depends on, its slot included.

    claim: by which the session can be taken away while the backend is asked.
    Raises why the session has no slot, if that is known, and ValueError if it never had one;
    VauError if the session was taken away.
    """
    claim = claim or Claim()
    if not claim.hold():
        raise taken()
    if session.failure is not None:
        raise session.failure
    if session.is_spent:
        renew_slot(session, backend, claim)
    slot = session.slot
    if slot is None:
        raise ValueError("the session has no slot: open it first")
    out = Writer()
    session.save(out)
    claim.lend()
    out.octets(backend.snapshot(slot))
    return out.bytes()


def resume_session(session: Session, backend: Backend, state: bytes) -> None:
    """Give a new ``session`` a slot, and both the state that another one was saved in.

    Raises ResumeInvalid or ResumeMismatch for a state that is none, or of another model or
    options, and BackendBusy if no slot is free. The slot is the session's in any case.
    """
    saved = Reader(state)
    session.restore(saved)
    snapshot = saved.octets(MOST_SLOT_BYTES)
    saved.check_end()
    open_session(session, backend)
    if session.slot is None:
        raise ValueError("opening a session gives it a slot")
    try:
        backend.restore(session.slot, snapshot)
    except BadSnapshot as cause:
        raise ResumeMismatch(
            f"resume_token: {cause}", field="config.resume_token", differs="backend"
        ) from cause
    if session.way.trail is not None:
        session.way.trail.begin(snapshot)
