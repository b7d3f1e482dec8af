"""Promises of ``run`` on what it refuses: with every state as before."""

from typing import Any

import numpy as np
import pytest

from vau.backend import Backend, Slot, Work
from vau.testing.contract.frames import assert_same_state, run, some_frames
from vau.testing.contract.promise import promised, refused
from vau.testing.contract.subject import Subject

REFUSED = "Raises ValueError, with every state as before"


class Refusals(Subject):
    """What cannot be meant is refused, and harms nobody in the same call."""

    @promised("Backend.run", REFUSED)
    @promised("Backend.run", "a slot that is not open or occurs twice")
    def test_a_slot_may_appear_once_only(self, backend: Backend) -> None:
        slot, frames = backend.open(), some_frames(backend)
        _assert_refused(backend, [Work(slot, frames), Work(slot, frames)], slot)

    @promised("Backend.run", REFUSED)
    @promised("Backend.run", "a slot that is not open or occurs twice")
    def test_a_released_slot_is_refused(self, backend: Backend) -> None:
        slot, released, frames = backend.open(), backend.open(), some_frames(backend)
        backend.release(released)
        _assert_refused(backend, [Work(slot, frames), Work(released, frames)], slot)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    @promised("Backend.run", REFUSED)
    @promised("Backend.run", "for one that is not finite, before or after it is normalised")
    def test_a_feature_that_is_not_finite_is_refused(
        self, backend: Backend, bad: float
    ) -> None:
        slot, other, frames = backend.open(), backend.open(), some_frames(backend)
        spoilt = frames.copy()
        spoilt[-1, 4] = bad
        says = rf"features\[{len(frames) - 1}, 4\] is"  # by its place in its own work
        _assert_refused(backend, [Work(slot, frames), Work(other, spoilt)], slot, says)

    @promised("Backend.run", REFUSED)
    @promised("Backend.run", "for one that is not finite, before or after it is normalised")
    def test_a_feature_that_overflows_when_normalised_is_refused(
        self, backend: Backend
    ) -> None:
        slot, frames = backend.open(), some_frames(backend)
        frames[3] = np.finfo(np.float32).max
        _assert_refused(backend, [Work(slot, frames)], slot)

    @promised("Backend.run", REFUSED)
    @promised("Backend.run", "for features of another shape or type")
    def test_features_of_another_width_or_type_are_refused(self, backend: Backend) -> None:
        slot, frames = backend.open(), some_frames(backend)
        wrong: list[Any] = [
            frames[:, :-1],
            frames[0],
            frames.astype(np.float64),
            frames.astype(np.float16),
        ]
        for features in wrong:
            _assert_refused(backend, [Work(slot, features)], slot)
            work = [Work(slot, frames), Work(backend.open(), features)]
            _assert_refused(backend, work, slot, "not float32")


def _assert_refused(backend: Backend, work: list[Work], witness: Slot, says: str = "") -> None:
    run(backend, witness, some_frames(backend))  # where this fails, nothing is refused
    state = backend.snapshot(witness)
    with refused(ValueError, says):
        backend.run(work)
    assert_same_state(backend.snapshot(witness), state)
