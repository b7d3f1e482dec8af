"""What the server has of a shadow without its process: the backlog, and ears on streams."""

import threading
from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from tests.stretches import CLASSES, PRIMARIES, features, stretch
from vau.backend import Result
from vau.session import Heard
from vau.shadow.backlog import Backlog, Loss
from vau.shadow.ear import Ear, Ears
from vau.shadow.messages import Done, Stretch

# --- backlog -------------------------------------------------------------------------------


def test_a_backlog_takes_no_more_steps_than_its_limit_until_some_are_done() -> None:
    backlog = Backlog(PRIMARIES, limit_steps=10)
    assert backlog.offer(stretch(steps=6))
    assert not backlog.offer(stretch(steps=5))
    assert backlog.offer(stretch(steps=4, primary=1))
    assert backlog.frames == 10
    backlog.done([Done(1, 6, 6)])
    assert backlog.offer(stretch(steps=5))


def test_steps_that_answer_no_frame_take_room_too() -> None:
    backlog = Backlog(PRIMARIES, limit_steps=10)
    assert backlog.offer(stretch(steps=10, frames=0))
    assert not backlog.offer(stretch(2, steps=1, frames=0))
    assert (backlog.steps, backlog.frames) == (10, 0)


def test_what_is_gathered_comes_in_order() -> None:
    backlog = Backlog(PRIMARIES)
    for key in (1, 2, 3):
        backlog.offer(stretch(key))
    assert [each.key for each in backlog.gather()] == [1, 2, 3]
    assert backlog.rest() == []


def test_the_end_of_an_utterance_fits_into_a_full_backlog() -> None:
    backlog = Backlog(PRIMARIES, limit_steps=5)
    full = stretch(steps=5)
    backlog.offer(full)
    backlog.forget(1, full)
    last = backlog.gather()[-1]
    assert (last.key, last.frames, last.ends, len(last.features)) == (1, 0, True, 0)


def test_a_closed_backlog_takes_nothing_and_in_the_end_tells_what_was_left_over() -> None:
    backlog = Backlog(PRIMARIES)
    backlog.offer(stretch(1, steps=5))
    backlog.offer(stretch(2, steps=7, primary=1))
    backlog.close()
    assert not backlog.offer(stretch())
    backlog.done([Done(1, 2, 2)])  # a last report
    assert backlog.leftover() == [Loss(3, 1), Loss(7, 1)]
    assert (backlog.steps, backlog.frames) == (0, 0)


def test_what_is_left_over_is_told_once() -> None:
    backlog = Backlog(PRIMARIES)
    backlog.offer(stretch(steps=5))
    backlog.close()
    backlog.leftover()
    assert backlog.leftover() == [Loss(), Loss()]


def test_an_utterance_that_is_done_leaves_nothing_behind() -> None:
    backlog = Backlog(PRIMARIES)
    backlog.offer(stretch(steps=5, ends=True))
    backlog.done([Done(1, 5, 5)])
    assert backlog.leftover() == [Loss(), Loss()]
    assert backlog.lose(1)  # it is not known any more


def test_an_utterance_is_lost_once_whoever_finds_out() -> None:
    backlog = Backlog(PRIMARIES)
    backlog.offer(stretch(steps=5))
    assert backlog.lose(1)
    assert not backlog.lose(1)
    assert backlog.leftover() == [Loss(5, 0), Loss()]


def test_whoever_waits_for_a_stretch_is_released_by_the_close() -> None:
    backlog, found = Backlog(PRIMARIES), list[list[Stretch]]()
    waiting = threading.Thread(target=lambda: found.append(backlog.gather()))
    waiting.start()
    backlog.close()
    waiting.join(30.0)
    assert found == [[]]


# --- ears ----------------------------------------------------------------------------------


class Shadow:
    """Where an ear puts what it hears."""

    def __init__(self, backlog: Backlog | None) -> None:
        self.backlog = backlog
        self.shed_frames = self.shed_utterances = 0

    def shed(self, _primary: int, frames: int, utterances: int) -> None:
        self.shed_frames += frames
        self.shed_utterances += utterances

    def taken(self) -> list[tuple[int, int, bool]]:
        """Return key, frames and end of each stretch that got through."""
        assert self.backlog is not None
        return [(each.key, each.frames, each.ends) for each in self.backlog.rest()]


def heard(frames: int, *, ends: bool = False) -> Heard:
    result = Result(log_prob=np.zeros((frames, CLASSES), np.float32))
    return Heard(features(frames), result, frames, ends)


def silent_steps(steps: int) -> Heard:
    """Return the first steps of an utterance, which answer no frame."""
    return replace(heard(steps), frames=0)


def test_utterances_follow_each_other_under_numbers_of_their_own() -> None:
    shadow = Shadow(Backlog(PRIMARIES))
    ear, other = (Ear(shadow, keys, 0) for keys in [count(1)] * 2)
    ear.heard(heard(3))
    other.heard(heard(4))
    ear.heard(heard(2, ends=True))
    ear.heard(heard(5))
    assert shadow.taken() == [(1, 3, False), (2, 4, False), (1, 2, True), (3, 5, False)]


def test_what_waits_keeps_nothing_of_the_other_streams_of_its_round() -> None:
    shadow = Shadow(Backlog(PRIMARIES))
    of_all = np.zeros((1000, CLASSES), np.float32)
    logits = np.zeros((1000, CLASSES), np.int32)
    one = Result(log_prob=of_all[:10], logits=logits[:10])
    Ear(shadow, count(1), 0).heard(Heard(features(1000)[:10], one, 10, ends=False))
    assert shadow.backlog is not None
    (waiting,) = shadow.backlog.rest()
    for array in (waiting.features, waiting.log_prob, waiting.logits):
        assert array is not None
        assert array.base is None


def test_the_rest_of_an_utterance_that_began_elsewhere_is_not_heard() -> None:
    shadow = Shadow(Backlog(PRIMARIES))
    ear = Ear(shadow, count(1), 0)
    ear.late()
    ear.heard(heard(4))
    ear.heard(heard(2, ends=True))
    ear.heard(heard(5))
    assert shadow.taken() == [(1, 5, False)]
    assert (shadow.shed_frames, shadow.shed_utterances) == (6, 0)


def test_what_does_not_fit_costs_the_rest_of_its_utterance_and_no_more() -> None:
    shadow = Shadow(Backlog(PRIMARIES, limit_steps=5))
    ear = Ear(shadow, count(1), 0)
    ear.heard(heard(4))
    ear.heard(heard(4))
    assert shadow.backlog is not None
    shadow.backlog.done([Done(1, 4, 4)])
    ear.heard(heard(2))  # would fit, but the state of the shadow is not what it would need
    ear.heard(heard(3, ends=True))
    ear.heard(heard(5))
    assert shadow.taken() == [(1, 4, False), (1, 0, True), (2, 5, False)]
    assert (shadow.shed_frames, shadow.shed_utterances) == (9, 1)


def test_a_stream_that_leaves_ends_its_utterance_in_the_shadow() -> None:
    shadow = Shadow(Backlog(PRIMARIES))
    ear = Ear(shadow, count(1), 0)
    ear.heard(heard(3))
    ear.left()
    assert shadow.taken() == [(1, 3, False), (1, 0, True)]


def test_streams_that_leave_early_leave_little_behind_in_a_full_backlog() -> None:
    shadow = Shadow(Backlog(PRIMARIES, limit_steps=10))
    keys = count(1)
    for _ in range(100):
        ear = Ear(shadow, keys, 0)
        ear.heard(silent_steps(2))
        ear.left()
    assert len(shadow.taken()) == 10  # five times two steps, and an end
    assert shadow.shed_utterances == 95


def test_audio_too_short_for_a_step_is_not_offered() -> None:
    shadow = Shadow(Backlog(PRIMARIES))
    ear = Ear(shadow, count(1), 0)
    for frames in (3, 0, 0):
        ear.heard(heard(frames))
    ear.heard(heard(0, ends=True))
    assert shadow.taken() == [(1, 3, False), (1, 0, True)]


def test_an_utterance_that_had_no_slot_is_not_counted_again_when_it_is_refused() -> None:
    shadow = Shadow(Backlog(PRIMARIES, limit_steps=5))
    ear = Ear(shadow, count(1), 0)
    ear.heard(heard(4))
    assert shadow.backlog is not None
    assert shadow.backlog.lose(1)  # as the process reports it
    ear.heard(heard(4))
    assert (shadow.shed_frames, shadow.shed_utterances) == (4, 0)


def test_an_utterance_that_died_with_its_process_is_not_counted_again() -> None:
    shadow = Shadow(Backlog(PRIMARIES))
    ear = Ear(shadow, count(1), 0)
    ear.heard(heard(4))
    assert shadow.backlog is not None
    shadow.backlog.close()
    assert shadow.backlog.leftover()[0] == Loss(4, 1)
    ear.heard(heard(3, ends=True))
    assert (shadow.shed_frames, shadow.shed_utterances) == (3, 0)


class Broken(Shadow):
    """It has a defect for as long as a test wishes."""

    def __init__(self) -> None:
        super().__init__(Backlog(PRIMARIES))
        self.is_broken = False

    def __getattribute__(self, name: str) -> object:
        if name == "backlog" and self.is_broken:
            raise RuntimeError("no backlog")
        return super().__getattribute__(name)


def test_an_ear_that_fails_hears_nothing_more_and_no_other_ear_misses_a_thing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken, sound = Broken(), Shadow(Backlog(PRIMARIES))
    ears = Ears([Ear(broken, count(1), 0), Ear(sound, count(1), 0)])
    ears.heard(heard(3, ends=True))
    broken.is_broken = True
    ears.heard(heard(4, ends=True))
    broken.is_broken = False
    ears.heard(heard(5))
    ears.left()
    assert sound.taken() == [(1, 3, True), (2, 4, True), (3, 5, False), (3, 0, True)]
    assert broken.taken() == [(1, 3, True)]
    assert [each.message for each in caplog.records] == ["a shadow hears this stream no more"]


def test_an_ear_that_fails_in_the_middle_of_an_utterance_ends_it_in_the_shadow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shadow = Shadow(Backlog(PRIMARIES))
    ears = Ears([Ear(shadow, count(1), 0)])
    ears.heard(heard(3))
    with monkeypatch.context() as broken:
        broken.setattr(Backlog, "offer", None)
        ears.heard(heard(4))
    assert shadow.taken() == [(1, 3, False), (1, 0, True)]


def test_an_utterance_without_audio_is_nothing_to_a_shadow() -> None:
    shadow = Shadow(Backlog(PRIMARIES))
    ear = Ear(shadow, count(1), 0)
    ear.heard(heard(0, ends=True))
    ear.left()
    assert shadow.taken() == []
    assert shadow.shed_utterances == 0


def test_while_a_shadow_is_down_everything_is_counted_as_shed() -> None:
    shadow = Shadow(None)
    ear = Ear(shadow, count(1), 0)
    ear.heard(heard(3))
    ear.heard(heard(3, ends=True))
    ear.heard(heard(2))
    assert (shadow.shed_frames, shadow.shed_utterances) == (8, 2)


def test_an_utterance_is_not_carried_over_into_another_life_of_the_shadow() -> None:
    first, second = Backlog(PRIMARIES), Backlog(PRIMARIES)
    shadow = Shadow(first)
    ear = Ear(shadow, count(1), 0)
    ear.heard(heard(3))
    first.close()
    shadow.backlog = second
    ear.heard(heard(4, ends=True))
    ear.heard(heard(5))
    assert shadow.taken() == [(2, 5, False)]
    assert shadow.shed_frames == 4
