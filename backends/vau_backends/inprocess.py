"""What backends that compute in this process have in common: all but the computing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vau.backend import BackendInfo, Cost, Health, Result, Slot, State, Telemetry
from vau_backends.slots import Slots
from vau_backends.snapshot import Seal


class InProcess:
    """A backend without a device: its states are rows of a pool, and nothing can fail.

    Whoever derives from it adds ``run``.
    """

    def __init__(self, info: BackendInfo, pool: Sequence[NDArray[Any]], seal: Seal) -> None:
        """Keep the states in ``pool``, see ``Slots``; snapshots get ``seal``."""
        self._info = info
        self._slots = Slots(info.id, pool, seal)

    @property
    def info(self) -> BackendInfo:
        """Its identity and abilities."""
        return self._info

    def open(self) -> Slot:
        """Reserve a slot in the zero state."""
        return self._slots.open()

    def snapshot(self, slot: Slot) -> bytes:
        """Copy the state out."""
        return self._slots.snapshot(slot)

    def restore(self, slot: Slot, state: bytes) -> None:
        """Replace the state."""
        self._slots.restore(slot, state)

    def release(self, slot: Slot) -> None:
        """Give the slot back."""
        self._slots.release(slot)

    def health(self) -> Health:
        """Say ready: what could be loaded cannot fail."""
        return Health(State.READY)

    def telemetry(self) -> Telemetry:
        """Read nothing: there is no instrument."""
        return Telemetry()

    def close(self) -> None:
        """Give all slots back."""
        self._slots.close()


def results_of(
    lengths: Sequence[int],
    log_prob: NDArray[np.float32],
    logits: NDArray[np.int32],
    inputs: NDArray[np.integer],
    costs: Sequence[Cost],
) -> list[Result]:
    """Cut what a call came to, all works one after the other, into a result for each.

    lengths: frames of each work.
    """
    results, first = [], 0
    for length, cost in zip(lengths, costs, strict=True):
        frames = slice(first, first + length)
        results.append(
            Result(
                log_prob=log_prob[frames],
                logits=logits[frames],
                inputs=inputs[frames],
                cost=cost,
            )
        )
        first += length
    return results
