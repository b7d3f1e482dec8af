"""The slots of a backend that runs in this process: one pool of states, a row for each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vau.backend import Slot
from vau.errors import BackendBusy
from vau_backends.snapshot import Seal


class Slots:
    """Which slots are open, and in which row of the pool the state of each one lies.

    Rows are used again; the numbers of slots are not, so that a stale one is noticed.
    """

    def __init__(self, owner: str, pool: Sequence[NDArray[Any]], seal: Seal) -> None:
        """Allow as many open slots at a time as the pool has rows.

        owner: the backend's id, for messages.
        pool:  what a state consists of, in the order of a snapshot; the first axis is the row.
        """
        self._owner = owner
        self._pool = tuple(pool)
        self._seal = seal
        self._count = len(pool[0])
        if self._count < 1:
            raise ValueError(f"slot_count={self._count} is less than 1")
        self._rows: dict[Slot, int] = {}
        self._free = list(range(self._count))
        self._next = 0
        self._closed = False

    def open(self) -> Slot:
        """Reserve a slot in the zero state. Raises BackendBusy if all are taken."""
        if self._closed:
            raise ValueError(f"{self._owner} is closed")
        if not self._free:
            raise BackendBusy(
                f"{self._owner}: all {self._count} slots are taken; "
                "try again when another stream has ended",
                field="backend",
                slot_count=self._count,
            )
        slot, row = Slot(self._next), self._free.pop()
        self._next += 1
        self._rows[slot] = row
        for part in self._pool:
            part[row] = 0
        return slot

    def rows(self, slots: Sequence[Slot]) -> list[int]:
        """Return the row of each. Raises ValueError if one is not open or appears twice."""
        if len(set(slots)) < len(slots):
            raise ValueError(f"{self._owner}: a slot appears twice in {list(slots)}")
        return [self._row(slot) for slot in slots]

    def snapshot(self, slot: Slot) -> bytes:
        """Copy the state out, little-endian, under the seal."""
        row = self._row(slot)
        return self._seal.close(b"".join(_little_endian(part[row]) for part in self._pool))

    def restore(self, slot: Slot, state: bytes) -> None:
        """Replace the state. Raises BadSnapshot, and changes nothing, if it is not ours."""
        row = self._row(slot)
        content = self._seal.open(state, sum(part[row].nbytes for part in self._pool))
        for part in self._pool:
            size, dtype = part[row].nbytes, part.dtype.newbyteorder("<")
            part[row] = np.frombuffer(content[:size], dtype).reshape(part[row].shape)
            content = content[size:]

    def release(self, slot: Slot) -> None:
        """Give the slot back; its number is never used again. Twice is harmless."""
        if slot in self._rows:
            self._free.append(self._rows.pop(slot))

    def close(self) -> None:
        """Give all slots back, and open no more. Twice is harmless."""
        self._rows.clear()
        self._closed = True

    def _row(self, slot: Slot) -> int:
        if slot not in self._rows:
            raise ValueError(f"{self._owner}: slot {slot} is not open")
        return self._rows[slot]


def _little_endian(values: NDArray[Any]) -> bytes:
    return values.astype(values.dtype.newbyteorder("<")).tobytes()
