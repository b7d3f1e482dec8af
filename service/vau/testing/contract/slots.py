"""Promises of ``open``, ``release`` and ``close``: who has a place, and for how long."""

from vau.backend import Backend, Slot, Work
from vau.errors import BackendBusy
from vau.testing.contract.frames import assert_same_state, run, some_frames
from vau.testing.contract.promise import granted, promised, refused
from vau.testing.contract.subject import SLOT_COUNT, Subject


class Slots(Subject):
    """Slots come and go."""

    @promised("Backend.open", "Raises BackendBusy while every slot is taken.")
    def test_it_is_busy_while_every_slot_is_open(self, backend: Backend) -> None:
        slots = [backend.open() for _ in range(SLOT_COUNT)]
        with refused(BackendBusy, f"all {SLOT_COUNT} slots"):
            backend.open()
        backend.release(slots[2])
        with granted("open, with a slot free again,"):
            backend.open()

    @promised("Slot", "Numbers are never reused.")
    def test_a_slot_number_is_never_used_again(self, backend: Backend) -> None:
        seen = set()
        for _ in range(3 * SLOT_COUNT):
            slot = backend.open()
            assert slot not in seen
            seen.add(slot)
            backend.release(slot)

    @promised("Backend.run", "Take the frames of each work into its slot")
    def test_slots_come_and_go_without_touching_those_that_stay(self, backend: Backend) -> None:
        frames = some_frames(backend)
        stays = backend.open()
        run(backend, stays, frames)
        state = backend.snapshot(stays)
        for _ in range(SLOT_COUNT):
            passing = [backend.open() for _ in range(SLOT_COUNT - 1)]
            backend.run([Work(slot, frames) for slot in passing])
            for slot in passing:
                backend.release(slot)
        assert_same_state(backend.snapshot(stays), state)

    @promised("Backend.release", "again, or for a slot never opened, it does nothing")
    def test_releasing_twice_is_harmless(self, backend: Backend) -> None:
        slots = [backend.open() for _ in range(SLOT_COUNT)]
        backend.release(slots[0])
        with granted("a second release"):
            backend.release(slots[0])
        backend.open()
        with refused(BackendBusy):
            backend.open()

    @promised("Backend.release", "again, or for a slot never opened, it does nothing")
    def test_releasing_what_was_never_opened_is_harmless(self, backend: Backend) -> None:
        slots = [backend.open() for _ in range(SLOT_COUNT)]
        with granted("release, of a slot never opened,"):
            backend.release(Slot(max(slots) + 1))
        with refused(BackendBusy):
            backend.open()

    @promised("Backend.close", "a second call does nothing")
    @promised("Backend.close", "whatever is asked of it after that raises ValueError")
    def test_closing_twice_is_harmless_and_ends_every_slot(self, backend: Backend) -> None:
        slot, frames = backend.open(), some_frames(backend)
        run(backend, slot, frames)
        backend.close()
        with granted("a second close"):
            backend.close()
        with refused(ValueError, "not open"):
            run(backend, slot, frames)
        with refused(ValueError, "closed"):
            backend.open()
