"""Segments that end by rule: the same however the audio is cut, moved or shared."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.lively import SEED, WEIGHT_STD
from tests.models import tiny_model
from tests.serving import muntaniala, speech
from vau.audio import HOP_SAMPLES
from vau.backend import Backend, Work
from vau.checkpoint.whole import resume_session, saved_session
from vau.decode import decoder_of
from vau.endpoint import EndReason, Rules
from vau.errors import ResumeInvalid
from vau.frontend import Frontend
from vau.segments import Segment, Segmenter, SpeechEvent
from vau.session import Answer, Heard, Push, Session, advance, close_session, open_session

MODEL: Final = tiny_model(weight_std=WEIGHT_STD, seed=SEED, output_delay=3)
FRONTEND: Final = Frontend(MODEL.frontend)
ENGINES: Final = (muntaniala(MODEL), muntaniala(MODEL))
CLOSE, END = EndReason.HALF_CLOSE, EndReason.END_UTTERANCE

RULES = st.builds(
    Rules,
    start_frames=st.sampled_from([0, 10, 30]),
    silence_frames=st.sampled_from([0, 10, 30]),
    segment_frames=st.sampled_from([0, 10, 45]),
    resets=st.booleans(),
)
SOUNDS = st.lists(
    st.tuples(st.booleans(), st.integers(1, 16_000), st.integers(0, 9)), min_size=1, max_size=4
)


def audio_of(sounds: Sequence[tuple[bool, int, int]]) -> bytes:
    """Return noise, and stretches of digital silence."""
    return b"".join(
        speech(samples, seed) if loud else bytes(2 * samples) for loud, samples, seed in sounds
    )


@dataclass
class Notes:
    """An observer that writes down what it is told."""

    utterances: list[list[Heard]] = field(default_factory=lambda: [[]])

    def heard(self, heard: Heard) -> None:
        self.utterances[-1].append(heard)
        if heard.ends:
            self.utterances.append([])

    def left(self) -> None:
        """Nothing here says so."""


@dataclass
class Told:
    """What a stream said, put together."""

    finals: list[Segment]
    events: list[SpeechEvent]
    log_prob: NDArray[np.float32]
    digests: tuple[bytes, bytes]
    answers: list[Answer]


def tell(
    pushes: Sequence[tuple[bytes, EndReason | None]],
    rules: Rules | None,
    moves: Sequence[int] = (),
    notes: Notes | None = None,
    *,
    lets_wait: bool = False,
) -> Told:
    """Push everything; before the pushes in ``moves`` the stream goes on elsewhere.

    lets_wait: what is behind an end is heard with the next audio only, as in a stream that
               was resumed there.
    """
    here, there = ENGINES
    session = Session(MODEL, rules=rules)
    session.observer = notes
    open_session(session, here)
    answers: list[Answer] = []
    try:
        for at, (data, ends) in enumerate(pushes):
            if at in moves:
                session, here, there = moved(session, rules, here, there), there, here
            answers.append(push(session, here, data, ends))
            while session.is_behind and not (lets_wait and ends is None):
                if at in moves:  # behind an end, with audio that is still to be heard
                    session, here, there = moved(session, rules, here, there), there, here
                answers.append(push(session, here))
    finally:
        close_session(session, here)
    summary = session.summary()
    return Told(
        [each for answer in answers for each in answer.segments],
        [each for answer in answers for each in answer.events],
        np.concatenate([answer.log_prob for answer in answers]),
        (summary.output_digest, summary.input_digest),
        answers,
    )


def moved(session: Session, rules: Rules | None, here: Backend, there: Backend) -> Session:
    again = Session(MODEL, rules=rules)
    state = saved_session(session, here)
    resume_session(again, there, state)
    assert saved_session(again, there) == state
    close_session(session, here)
    return again


def push(
    session: Session, on: Backend, data: bytes = b"", ends: EndReason | None = None
) -> Answer:
    done = advance(FRONTEND, on, [Push(session, data, ends)])
    (answer,) = done.answers
    if not isinstance(answer, Answer):
        raise answer
    for observer, heard in done.heard:
        observer.heard(heard)
    return answer


def pieces(data: bytes, cuts: Sequence[int]) -> list[tuple[bytes, EndReason | None]]:
    edges = [0, *sorted(min(2 * cut, len(data)) for cut in cuts), len(data)]
    parts = [data[first:last] for first, last in pairwise(edges)]
    return [*((part, None) for part in parts[:-1]), (parts[-1], CLOSE)]


@settings(max_examples=60, deadline=None)
@given(
    sounds=SOUNDS,
    rules=RULES,
    cuts=st.lists(st.integers(0, 50_000), max_size=8),
    moves=st.sets(st.integers(0, 8)),
    lets_wait=st.booleans(),
)
def test_segments_and_events_do_not_depend_on_how_the_bytes_were_cut_or_where_they_went(
    sounds: list[tuple[bool, int, int]],
    rules: Rules,
    cuts: list[int],
    moves: set[int],
    lets_wait: bool,
) -> None:
    data = audio_of(sounds)
    ours = tell(pieces(data, cuts), rules, sorted(moves), lets_wait=lets_wait)
    theirs = tell([(data, CLOSE)], rules)
    assert ours.finals == theirs.finals
    assert ours.events == theirs.events
    assert ours.log_prob.tobytes() == theirs.log_prob.tobytes()
    assert ours.digests == theirs.digests


@settings(max_examples=30, deadline=None)
@given(sounds=SOUNDS, rules=RULES)
def test_finals_follow_upon_each_other_without_a_gap(
    sounds: list[tuple[bool, int, int]], rules: Rules
) -> None:
    data = audio_of(sounds)
    told = tell([(data, CLOSE)], rules)
    assert [each.segment_index for each in told.finals] == list(range(len(told.finals)))
    edges = [(each.start_sample, each.end_sample) for each in told.finals]
    assert [start for start, _ in edges] == [0, *(end for _, end in edges[:-1])]
    assert edges[-1][1] == len(data) // 2
    assert [each.end_reason for each in told.finals].count(CLOSE) == 1
    assert told.finals[-1].end_reason is CLOSE
    begins = [event.begins for event in told.events]
    assert begins == [at % 2 == 0 for at in range(len(begins))]
    assert len(begins) % 2 == 0
    samples = [event.sample for event in told.events]
    assert samples == sorted(samples)


@settings(max_examples=30, deadline=None)
@given(sounds=SOUNDS, rules=RULES)
def test_without_a_reset_the_rules_change_no_bit_of_the_posteriors(
    sounds: list[tuple[bool, int, int]], rules: Rules
) -> None:
    data = audio_of(sounds)
    rules = Rules(
        start_frames=rules.start_frames,
        silence_frames=rules.silence_frames,
        segment_frames=rules.segment_frames,
    )
    ruled, free = tell([(data, CLOSE)], rules), tell([(data, CLOSE)], None)
    assert ruled.log_prob.tobytes() == free.log_prob.tobytes()
    assert ruled.digests == free.digests
    assert {each.utterance_index for each in ruled.finals} == {0}


def test_with_a_reset_a_segment_is_heard_as_if_nothing_had_been_before_it() -> None:
    data = speech(40_000)
    told = tell([(data, CLOSE)], Rules(segment_frames=45, resets=True))
    first, second, *_ = told.finals
    assert (first.utterance_index, second.utterance_index) == (0, 1)
    assert second.start_sample == 45 * HOP_SAMPLES
    alone = tell([(data[2 * second.start_sample :], CLOSE)], None)
    np.testing.assert_array_equal(told.log_prob[45:90], alone.log_prob[:45])
    whole = tell([(data, CLOSE)], None)
    assert (told.log_prob[45:90] != whole.log_prob[45:90]).any()


@settings(max_examples=20, deadline=None)
@given(sounds=SOUNDS, rules=RULES, cuts=st.lists(st.integers(0, 50_000), max_size=4))
def test_an_observer_hears_of_a_reset_what_repeats_the_answers(
    sounds: list[tuple[bool, int, int]], rules: Rules, cuts: list[int]
) -> None:
    notes = Notes()
    told = tell(pieces(audio_of(sounds), cuts), rules, notes=notes)
    again: list[NDArray[np.float32]] = []
    for utterance in filter(None, notes.utterances):
        slot = ENGINES[0].open()
        for heard in utterance:
            (result,) = ENGINES[0].run([Work(slot, heard.features)])
            again.append(result.log_prob[len(result.log_prob) - heard.frames :])
        ENGINES[0].release(slot)
    np.testing.assert_array_equal(np.concatenate(again), told.log_prob)


def test_an_end_of_an_utterance_begins_the_rules_anew() -> None:
    data = speech(8_000)
    told = tell([(data, END), (data, CLOSE)], Rules(segment_frames=30))
    reasons = [each.end_reason for each in told.finals]
    assert reasons == [EndReason.MAX_SEGMENT, END, EndReason.MAX_SEGMENT, CLOSE]
    assert [each.start_sample for each in told.finals] == [0, 4_800, 8_000, 12_800]
    assert [(event.begins, event.sample) for event in told.events] == [
        (True, 0),
        (False, 49 * HOP_SAMPLES),
        (True, 8_000),
        (False, 8_000 + 49 * HOP_SAMPLES),
    ]


def rows(*classes: int) -> NDArray[np.float32]:
    """Return posteriors of frames that have no doubt."""
    chosen = np.full((len(classes), len(MODEL.phonemes)), -9.0, np.float32)
    chosen[np.arange(len(classes)), classes] = -0.01
    return chosen


def test_the_phones_of_a_segment_are_those_of_its_frames_alone() -> None:
    frames = rows(*[1] * 12, *[2] * 8, *[0] * 15, *[3] * 20)
    segmenter = Segmenter(MODEL, rules=Rules(silence_frames=10))
    told = segmenter.push(frames, None, len(frames) * HOP_SAMPLES, CLOSE)
    first, second = told.segments
    assert (first.end_reason, first.end_sample) == (EndReason.SILENCE, 30 * HOP_SAMPLES)
    for segment, part in ((first, frames[:30]), (second, frames[30:])):
        decoder = decoder_of(MODEL, "viterbi")
        decoder.push(part)
        assert [
            (each.class_id, each.start_sample - segment.start_sample) for each in segment.phones
        ] == [(run.class_id, run.start_frame * HOP_SAMPLES) for run in decoder.finish().runs]
    assert [(e.begins, e.sample // HOP_SAMPLES) for e in told.events] == [
        (True, 0),
        (False, 20),
        (True, 35),
        (False, 55),
    ]


def test_an_interim_is_of_the_segment_that_is_under_way() -> None:
    segmenter = Segmenter(MODEL, interim_results=True, rules=Rules(silence_frames=10))
    told = segmenter.push(rows(*[1] * 12, *[0] * 10, *[2] * 5), None, 10_000)
    assert [(each.segment_index, each.end_reason) for each in told.segments] == [
        (0, EndReason.SILENCE),
        (1, None),
    ]


def test_a_state_whose_frames_go_beyond_its_audio_is_refused() -> None:
    session = Session(MODEL, rules=Rules(segment_frames=10, resets=True))
    open_session(session, ENGINES[0])
    push(session, ENGINES[0], speech(3_000))
    session._pcm.samples = 100  # noqa: SLF001 - as nobody would write it
    state = saved_session(session, ENGINES[0])
    close_session(session, ENGINES[0])
    again = Session(MODEL, rules=Rules(segment_frames=10, resets=True))
    with pytest.raises(ResumeInvalid):
        resume_session(again, ENGINES[0], state)
