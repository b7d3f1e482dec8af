"""Promises of ``run`` on what the bits of an answer depend on, and on nothing else."""

from collections.abc import Callable
from threading import Thread

import numpy as np
import pytest

from vau.backend import Backend, Result, Work
from vau.testing.contract.frames import (
    assert_other_answer,
    assert_same_bits,
    joined,
    run,
    some_frames,
)
from vau.testing.contract.promise import granted, promised
from vau.testing.contract.subject import Opener, Subject

ALONE = "Neither batch mates nor the cuts between calls change a bit of what a slot answers."


class Independence(Subject):
    """A slot's answers depend on the frames that it was given."""

    @promised("Work", "Frames of one utterance that follow those it has had.")
    def test_frames_are_heard_in_the_light_of_those_before(self, backend: Backend) -> None:
        frames = some_frames(backend)
        fresh, used = backend.open(), backend.open()
        run(backend, used, frames)
        after_itself = run(backend, used, frames)
        found = run(backend, fresh, frames)
        assert_other_answer(found, after_itself, "one slot had heard frames before")

    @pytest.mark.parametrize("cut", [0, 1, 7, 19, 20])
    @promised("Backend.run", ALONE)
    def test_bits_do_not_depend_on_how_the_frames_were_cut(
        self, backend: Backend, cut: int
    ) -> None:
        frames = some_frames(backend)
        whole, cut_up = backend.open(), backend.open()
        pieces = [run(backend, cut_up, part) for part in (frames[:cut], frames[cut:])]
        assert_same_bits(joined(pieces), run(backend, whole, frames))

    @promised("Backend.run", ALONE)
    def test_a_long_call_and_single_frames_give_the_same_bits(self, backend: Backend) -> None:
        frames = some_frames(backend, 100)
        whole, single = backend.open(), backend.open()
        pieces = [run(backend, single, frame[np.newaxis]) for frame in frames]
        assert_same_bits(joined(pieces), run(backend, whole, frames))

    @pytest.mark.parametrize("mates", [1, 2, 4])
    @promised("Backend.run", ALONE)
    def test_bits_do_not_depend_on_who_shares_the_call(
        self, backend: Backend, mates: int
    ) -> None:
        frames = some_frames(backend)
        alone, ours = backend.open(), backend.open()
        expected = run(backend, alone, frames)
        backend.release(alone)
        others = [
            Work(backend.open(), some_frames(backend, 4 + 11 * n, 50 + n)) for n in range(mates)
        ]
        work = [*others[: mates // 2], Work(ours, frames), *others[mates // 2 :]]
        assert_same_bits(backend.run(work)[mates // 2], expected)

    @promised("Backend.run", ALONE)
    def test_a_mate_that_stops_early_goes_on_later_as_if_alone(self, backend: Backend) -> None:
        frames = some_frames(backend)
        alone, ours, mate = backend.open(), backend.open(), backend.open()
        first = backend.run([Work(mate, some_frames(backend, 40)), Work(ours, frames[:3])])[1]
        second = run(backend, ours, frames[3:])
        assert_same_bits(joined([first, second]), run(backend, alone, frames))

    @promised("Backend.open", "a slot whose state is all zeros")
    def test_a_new_slot_knows_nothing_of_the_one_released(self, backend: Backend) -> None:
        frames = some_frames(backend)
        used = backend.open()
        expected = run(backend, used, frames)
        run(backend, used, frames)
        backend.release(used)
        assert_same_bits(run(backend, backend.open(), frames), expected)

    @promised(
        "BackendInfo.arithmetic_id",
        "Equal ids and equal quantised inputs give equal logits on any machine.",
    )
    def test_two_backends_of_one_model_agree(self, open_backend: Opener) -> None:
        backend = open_backend()
        frames = some_frames(backend)
        expected = run(backend, backend.open(), frames)
        backend.close()
        other = open_backend()
        assert_same_bits(run(other, other.open(), frames), expected)

    @promised("Backend", "Its calls all come from one thread, which need not be that of")
    def test_all_calls_may_come_from_another_thread_than_it_was_opened_on(
        self, open_backend: Opener
    ) -> None:
        here = open_backend()
        frames = some_frames(here)
        expected = run(here, here.open(), frames)
        here.close()
        there = open_backend()
        with granted("what works here, on another thread,"):
            found = _on_another_thread(lambda: _lifetime(there))
        assert_same_bits(found, expected)


def _lifetime(backend: Backend) -> Result:
    """Do all that a lane does with a backend, on the thread of the caller."""
    slot, frames = backend.open(), some_frames(backend)
    state = backend.snapshot(slot)
    backend.health()
    backend.telemetry()
    run(backend, slot, frames)
    backend.restore(slot, state)
    result = run(backend, slot, frames)
    backend.release(slot)
    backend.close()
    return result


def _on_another_thread(call: Callable[[], Result]) -> Result:
    """Return what the call returns there, or raise what it raises."""
    results: list[Result] = []
    raised: list[BaseException] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as cause:  # noqa: BLE001 - it is raised where the caller waits
            raised.append(cause)

    thread = Thread(target=work)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return results[0]
