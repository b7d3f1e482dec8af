"""The slots of a backend that runs in this process: how many, and what each remembers."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from vau.backend import Slot
from vau.errors import BackendBusy

State = TypeVar("State")


class Slots(Generic[State]):
    """Which slots are open, and the state of each. States are values: replaced, not changed."""

    def __init__(self, owner: str, count: int, zero: State) -> None:
        """Allow ``count`` open slots at a time; ``owner`` is the backend's id, for messages."""
        if count < 1:
            raise ValueError(f"slot_count={count} is less than 1")
        self._owner = owner
        self._count = count
        self._zero = zero
        self._states: dict[Slot, State] = {}
        self._next = 0
        self._closed = False

    def open(self) -> Slot:
        """Reserve a slot in the zero state. Raises BackendBusy if all are taken."""
        if self._closed:
            raise ValueError(f"{self._owner} is closed")
        if len(self._states) == self._count:
            raise BackendBusy(
                f"{self._owner}: all {self._count} slots are taken; "
                "try again when another stream has ended",
                field="backend",
                slot_count=self._count,
            )
        slot = Slot(self._next)
        self._next += 1
        self._states[slot] = self._zero
        return slot

    def states(self, slots: Sequence[Slot]) -> list[State]:
        """Return the state of each. Raises ValueError if one is not open or appears twice."""
        if len(set(slots)) < len(slots):
            raise ValueError(f"{self._owner}: a slot appears twice in {list(slots)}")
        return [self[slot] for slot in slots]

    def __getitem__(self, slot: Slot) -> State:
        if slot not in self._states:
            raise ValueError(f"{self._owner}: slot {slot} is not open")
        return self._states[slot]

    def __setitem__(self, slot: Slot, state: State) -> None:
        if slot not in self._states:
            raise ValueError(f"{self._owner}: slot {slot} is not open")
        self._states[slot] = state

    def release(self, slot: Slot) -> None:
        """Give the slot back; its number is never used again. Twice is harmless."""
        self._states.pop(slot, None)

    def close(self) -> None:
        """Give all slots back, and open no more. Twice is harmless."""
        self._states.clear()
        self._closed = True
