"""The engine behind stream and file: the same numbers however the audio comes."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models import tiny_model
from vau.audio import HOP_SAMPLES, frame_count
from vau.backend import Backend, BackendOptions, Result, Work
from vau.checkpoint.whole import saved_session
from vau.endpoint import EndReason
from vau.errors import AudioCorrupt, BackendBusy, BackendFault
from vau.frontend import Frontend
from vau.session import (
    Answer,
    Heard,
    Push,
    Session,
    advance,
    close_session,
    open_session,
)
from vau_backends.muntaniala.backend import FACTORY

MODEL = tiny_model(output_delay=3)
FRONTEND = Frontend(MODEL.frontend)
END, CLOSE = EndReason.END_UTTERANCE, EndReason.HALF_CLOSE
Told = tuple[bytes, EndReason | None]


def backend() -> Backend:
    return FACTORY.open(MODEL, BackendOptions(slot_count=8))


def audio(samples: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).normal(0, 3000, samples).astype("<i2").tobytes()


def tell(
    told: Sequence[Told], on: Backend | None = None, *, interim_results: bool = False
) -> tuple[list[Answer], Session]:
    """Open a session, push everything, close it; return its answers."""
    engine = on or backend()
    session = Session(MODEL, interim_results=interim_results)
    open_session(session, engine)
    answers = []
    for data, ends in told:
        (answer,) = advance(FRONTEND, engine, [Push(session, data, ends)]).answers
        if not isinstance(answer, Answer):
            raise answer
        answers.append(answer)
    close_session(session, engine)
    return answers, session


def joined(answers: Sequence[Answer]) -> tuple[object, ...]:
    """Everything a caller hears, in a form that compares bit for bit."""
    return (
        np.concatenate([answer.log_prob for answer in answers]).tobytes(),
        np.concatenate([a.logits for a in answers if a.logits is not None]).tobytes(),
        tuple(segment for answer in answers for segment in answer.segments),
    )


@settings(max_examples=40, deadline=None)
@given(samples=st.integers(1, 5000), cuts=st.lists(st.integers(0, 10_000), max_size=6))
def test_answers_and_digests_do_not_depend_on_how_the_bytes_were_cut(
    samples: int, cuts: list[int]
) -> None:
    data = audio(samples)
    edges = sorted(min(cut, len(data)) for cut in cuts)
    pieces = [data[a:b] for a, b in zip([0, *edges], [*edges, len(data)], strict=True)]
    cut_up, streamed = tell([(p, None) for p in pieces[:-1]] + [(pieces[-1], CLOSE)])
    whole, at_once = tell([(data, CLOSE)])
    assert joined(cut_up) == joined(whole)
    ours, theirs = streamed.summary(), at_once.summary()
    assert ours.output_digest == theirs.output_digest
    assert ours.input_digest == theirs.input_digest


@settings(max_examples=20, deadline=None)
@given(lengths=st.lists(st.integers(1, 4000), min_size=2, max_size=5))
def test_answers_do_not_depend_on_who_shares_the_round(lengths: list[int]) -> None:
    engine = backend()
    pushes = []
    for seed, samples in enumerate(lengths):
        session = Session(MODEL)
        open_session(session, engine)
        pushes.append(Push(session, audio(samples, seed), CLOSE))
    together = advance(FRONTEND, engine, pushes).answers
    for push, answer in zip(pushes, together, strict=True):
        alone, _ = tell([(push.audio, CLOSE)])
        assert isinstance(answer, Answer)
        assert joined([answer]) == joined(alone)


def test_every_frame_is_answered_and_the_flush_of_the_output_delay_costs_steps() -> None:
    answers, session = tell([(audio(4000), CLOSE)])
    summary = session.summary()
    assert summary.frames == frame_count(4000) == len(answers[0].log_prob)
    assert summary.steps == summary.frames + MODEL.output_delay
    cycles_per_step = tell([(audio(400), CLOSE)])[1].summary().cost.cycles
    assert cycles_per_step is not None
    assert summary.cost.cycles == cycles_per_step // (1 + MODEL.output_delay) * summary.steps


def test_a_frame_is_answered_as_soon_as_its_look_ahead_is_heard() -> None:
    told = [(audio(HOP_SAMPLES, seed), None) for seed in range(30)]
    answers, _ = tell(told)
    for answer in answers:
        heard = max(0, 1 + (answer.received_sample - 400) // HOP_SAMPLES)
        frames = max(0, heard - MODEL.look_ahead_frames)
        assert answer.answered_sample == frames * HOP_SAMPLES
        assert answer.first_sample == answer.first_frame * HOP_SAMPLES


def test_an_utterance_that_ends_leaves_nothing_behind_for_the_next() -> None:
    first, second = audio(3001, seed=1), audio(2500, seed=2)
    both, session = tell([(first, END), (second, CLOSE)])
    alone, _ = tell([(second, CLOSE)])
    assert joined(both[1:])[:2] == joined(alone)[:2]
    assert both[1].utterance_index == 1
    assert both[1].first_sample == 3001
    ours, theirs = both[1].segments[0].phones, alone[0].segments[0].phones
    assert [p.start_sample - 3001 for p in ours] == [p.start_sample for p in theirs]
    assert session.summary().utterances == 2


def test_every_end_gives_exactly_one_final_also_when_nothing_was_said() -> None:
    answers, _ = tell([(audio(2000), END), (b"", END), (b"", CLOSE)])
    finals = [segment for answer in answers for segment in answer.segments]
    assert [final.end_reason for final in finals] == [END, END, CLOSE]
    assert [len(final.phones) > 0 for final in finals] == [True, False, False]
    assert [final.segment_index for final in finals] == [0, 1, 2]


def test_interim_results_come_only_when_asked_for_and_end_in_the_final() -> None:
    told: list[Told] = [(audio(1600, seed), None) for seed in range(4)]
    told.append((b"", CLOSE))
    silent, _ = tell(told)
    assert [len(answer.segments) for answer in silent] == [0, 0, 0, 0, 1]
    talking, _ = tell(told, interim_results=True)
    interims = [answer.segments[0] for answer in talking[1:-1]]
    assert all(interim.end_reason is None for interim in interims)
    assert talking[-1].segments == silent[-1].segments


def test_no_phone_ends_behind_the_audio() -> None:
    answers, _ = tell([(audio(37), CLOSE)])
    assert answers[0].segments[0].phones[-1].end_sample == 37


def test_the_digests_are_the_chains_that_are_documented() -> None:
    engine, seen = backend(), list[Result]()
    session = Session(MODEL)
    open_session(session, engine)
    piece = session.accept(audio(2000), CLOSE)
    (features,) = FRONTEND.advance([piece])
    session.take(features)
    (result,) = engine.run([session.work()])
    seen.append(result)
    session.answer(result)
    outputs = inputs = bytes(32)
    assert result.logits is not None
    assert result.inputs is not None
    for row in result.logits[MODEL.output_delay :]:
        outputs = hashlib.sha256(outputs + row.astype("<i4").tobytes()).digest()
    for row in result.inputs:
        inputs = hashlib.sha256(inputs + row.tobytes()).digest()
    assert session.summary().output_digest == outputs
    assert session.summary().input_digest == inputs


@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<i4", ">i4"])
def test_a_digest_holds_the_low_byte_first_whatever_the_numbers_are_stored_as(
    dtype: str,
) -> None:
    session = Session(MODEL)
    open_session(session, backend())
    rows = np.array([[1, -2, 300]], dtype)
    log_prob = np.zeros((1, len(MODEL.phonemes)), np.float32)
    session.answer(Result(log_prob=log_prob, inputs=rows))
    little = rows.astype(rows.dtype.newbyteorder("<")).tobytes()
    assert session.summary().input_digest == hashlib.sha256(bytes(32) + little).digest()


class Notes:
    """An observer that writes down what it is told."""

    def __init__(self) -> None:
        self.heard_so_far: list[Heard] = []

    def heard(self, heard: Heard) -> None:
        self.heard_so_far.append(heard)

    def left(self) -> None:
        """Nothing in a session says so."""


def observed(told: Sequence[Told]) -> list[Heard]:
    engine, session = backend(), Session(MODEL)
    session.observer = Notes()
    open_session(session, engine)
    rounds = [advance(FRONTEND, engine, [Push(session, *each)]) for each in told]
    return [heard for done in rounds for _, heard in done.heard]


def test_an_observer_is_to_hear_what_repeats_the_answer_on_another_backend() -> None:
    data = audio(4000)
    answers, _ = tell([(data[:3000], None), (data[3000:], CLOSE)])
    heard = observed([(data[:3000], None), (data[3000:], CLOSE)])
    twin = backend()
    slot = twin.open()
    again = [twin.run([Work(slot, each.features)])[0] for each in heard]
    repeated = [
        result.log_prob[len(result.log_prob) - each.frames :]
        for result, each in zip(again, heard, strict=True)
    ]
    np.testing.assert_array_equal(
        np.concatenate(repeated), np.concatenate([answer.log_prob for answer in answers])
    )


def test_an_observer_is_to_hear_where_utterances_end() -> None:
    heard = observed([(audio(2000), None), (b"", END), (audio(2000), END), (b"", CLOSE)])
    assert [each.ends for each in heard] == [False, True, True, True]
    assert sum(each.frames for each in heard) == 2 * frame_count(2000)


def test_of_a_round_that_failed_there_is_nothing_to_hear() -> None:
    engine, session = backend(), Session(MODEL, encoding="float32")
    session.observer = Notes()
    open_session(session, engine)
    nan = np.array([np.nan], "<f4").tobytes()
    assert advance(FRONTEND, engine, [Push(session, nan)]).heard == []


def test_a_stream_without_a_sample_is_an_error_that_says_so() -> None:
    with pytest.raises(AudioCorrupt, match="without a sample"):
        tell([(b"", CLOSE)])


def test_bad_audio_fails_alone_and_its_neighbour_never_knows() -> None:
    engine = backend()
    bad, good = Session(MODEL, encoding="float32"), Session(MODEL)
    for session in (bad, good):
        open_session(session, engine)
    nan = np.array([np.nan], "<f4").tobytes()
    pushes = [Push(bad, nan), Push(good, audio(2000), CLOSE)]
    failed, answer = advance(FRONTEND, engine, pushes).answers
    assert isinstance(failed, AudioCorrupt)
    assert isinstance(answer, Answer)
    assert joined([answer]) == joined(tell([(audio(2000), CLOSE)])[0])


def test_a_backend_that_gives_up_is_the_answer_to_everybody_in_the_round() -> None:
    engine = backend()

    class Broken:
        """The same backend until its power fails."""

        def __getattr__(self, name: str) -> object:
            return getattr(engine, name)

        def run(self, work: Sequence[Work]) -> list[Result]:
            assert len(work) == 2
            raise BackendFault("supply lost", slots=2)

    sessions = [Session(MODEL), Session(MODEL)]
    for session in sessions:
        open_session(session, engine)
    pushes = [Push(session, audio(2000)) for session in sessions]
    answers = advance(FRONTEND, Broken(), pushes).answers  # type: ignore[arg-type]
    first, second = answers
    assert isinstance(first, BackendFault)
    assert isinstance(second, BackendFault)
    first.facts["acked_sample"] = 1600  # as the wire tells each stream how far it got
    assert second.facts == {"slots": 2}
    assert str(first) == str(second) == "supply lost"


def test_float_audio_gives_the_bits_of_the_integers_that_it_holds() -> None:
    engine = backend()
    floats = (np.frombuffer(audio(2000), "<i2") / 32768).astype("<f4").tobytes()
    session = Session(MODEL, encoding="float32")
    open_session(session, engine)
    (answer,) = advance(FRONTEND, engine, [Push(session, floats, CLOSE)]).answers
    assert isinstance(answer, Answer)
    assert joined([answer]) == joined(tell([(audio(2000), CLOSE)])[0])


def test_who_gets_no_slot_for_the_next_utterance_hears_of_the_last_and_then_fails_alone() -> (
    None
):
    engine = backend()
    greedy, modest = Session(MODEL), Session(MODEL)
    for session in (greedy, modest):
        open_session(session, engine)

    class Full:
        """The same backend, which gives its free slots to others."""

        def __getattr__(self, name: str) -> object:
            return getattr(engine, name)

        def open(self) -> None:
            raise BackendBusy("all slots are taken")

    pushes = [Push(greedy, audio(2000), END), Push(modest, audio(2000), CLOSE)]
    ended, answer = advance(FRONTEND, Full(), pushes).answers  # type: ignore[arg-type]
    assert isinstance(ended, Answer)
    assert isinstance(answer, Answer)
    assert joined([ended]) == joined(tell([(audio(2000), END)])[0])
    with pytest.raises(BackendBusy):
        saved_session(greedy, Full())  # type: ignore[arg-type]
    other = Session(MODEL)
    open_session(other, engine)
    pushes = [Push(greedy, audio(2000)), Push(other, audio(2000), CLOSE)]
    failed, answer = advance(FRONTEND, engine, pushes).answers
    assert isinstance(failed, BackendBusy)
    assert isinstance(answer, Answer)


def test_interim_phones_are_those_of_the_whole_utterance_at_any_length() -> None:
    told: list[Told] = [(audio(1600, seed), None) for seed in range(40)]
    talking, _ = tell(told, interim_results=True)
    silent, _ = tell([(b"".join(data for data, _ in told), None)], interim_results=True)
    assert talking[-1].segments == silent[-1].segments
