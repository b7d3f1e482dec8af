"""The slot of a session: opened, closed, renewed between utterances, moved elsewhere."""

from vau.backend import Backend
from vau.errors import VauError
from vau.session.claim import Claim, taken
from vau.session.stream import Session


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
    session.failure, session.is_spent = None, False
    session.slot = backend.open()
    state = None if session.way.trail is None else session.way.trail.state
    if state is not None:
        backend.restore(session.slot, state)


def renew_slot(session: Session, backend: Backend, claim: Claim) -> None:
    """Exchange the slot of an utterance that has ended for one in the zero state.

    Only while ``claim`` holds the session, which is lent meanwhile: the backend may be stuck.
    Raises what the backend fails with, and so does what comes next; VauError if the session
    was taken away.
    """
    spent, session.slot, session.is_spent = session.slot, None, False
    claim.lend()
    try:
        if spent is not None:
            backend.release(spent)
        fresh = backend.open()
    except VauError as error:
        if claim.hold():
            session.failure = error
        raise
    if not claim.hold():
        backend.release(fresh)
        raise taken()
    session.slot = fresh
