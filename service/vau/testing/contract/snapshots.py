"""Promises of ``snapshot`` and ``restore``: a state leaves, and comes back as it was."""

from vau.backend import Backend
from vau.errors import BadSnapshot
from vau.model import Model
from vau.testing.contract.frames import assert_same_bits, assert_same_state, run, some_frames
from vau.testing.contract.promise import granted, promised, refused
from vau.testing.contract.subject import Opener, Subject

REFUSED = (
    "Raises BadSnapshot, and changes nothing, unless the same network in the same arithmetic "
    "wrote it"
)
NOT_OPEN = "Raises ValueError for a slot that is not open."


class Snapshots(Subject):
    """The state of an utterance outside its backend."""

    @promised("Backend.restore", "Put a state into the slot.")
    def test_a_restored_slot_goes_on_where_the_snapshot_was_taken(
        self, backend: Backend
    ) -> None:
        frames = some_frames(backend)
        first, second = backend.open(), backend.open()
        run(backend, first, frames[:12])
        state = backend.snapshot(first)
        expected = run(backend, first, frames[12:])
        with granted("restore"):
            backend.restore(second, state)
        assert_same_bits(run(backend, second, frames[12:]), expected)

    @promised("Backend.restore", "Put a state into the slot.")
    def test_a_slot_can_go_back_to_its_own_snapshot(self, backend: Backend) -> None:
        slot, frames = backend.open(), some_frames(backend)
        run(backend, slot, frames)
        state = backend.snapshot(slot)
        expected = run(backend, slot, frames)
        with granted("restore"):
            backend.restore(slot, state)
        assert_same_state(backend.snapshot(slot), state)
        assert_same_bits(run(backend, slot, frames), expected)

    @promised(
        "Backend.snapshot", "Return the slot's state in a form that only ``restore`` reads"
    )
    def test_a_snapshot_moves_to_another_backend_of_the_same_model(
        self, open_backend: Opener
    ) -> None:
        backend = open_backend()
        ours, frames = backend.open(), some_frames(backend)
        run(backend, ours, frames)
        state = backend.snapshot(ours)
        expected = run(backend, ours, frames)
        backend.close()
        other = open_backend()
        theirs = other.open()
        with granted("restore, in another backend,"):
            other.restore(theirs, state)
        assert_same_bits(run(other, theirs, frames), expected)

    @promised("Backend.restore", REFUSED)
    def test_a_snapshot_of_another_network_is_refused(
        self, open_backend: Opener, stranger: Model
    ) -> None:
        other = open_backend(stranger)
        state = other.snapshot(other.open())
        other.close()
        backend = open_backend()
        with refused(BadSnapshot, "start anew"):
            backend.restore(backend.open(), state)

    @promised("Backend.restore", REFUSED)
    def test_a_damaged_snapshot_is_refused_and_changes_nothing(self, backend: Backend) -> None:
        slot = backend.open()
        run(backend, slot, some_frames(backend))
        state = backend.snapshot(slot)
        for bad in _damaged(state):
            with refused(BadSnapshot):
                backend.restore(slot, bad)
        assert_same_state(backend.snapshot(slot), state)

    @promised("Backend.snapshot", NOT_OPEN)
    @promised("Backend.restore", NOT_OPEN)
    def test_a_released_slot_has_no_state_to_take_or_to_set(self, backend: Backend) -> None:
        slot = backend.open()
        state = backend.snapshot(slot)
        backend.release(slot)
        with refused(ValueError, "not open"):
            backend.snapshot(slot)
        with refused(ValueError, "not open"):
            backend.restore(slot, state)


def _damaged(state: bytes) -> list[bytes]:
    """Return it cut short, with a byte too many, and with one bit flipped here and there."""
    flipped = [
        state[:at] + bytes([state[at] ^ 1]) + state[at + 1 :] for at in range(0, len(state), 7)
    ]
    return [b"", state[:10], state[:-1], state + b"\0", *flipped]
