"""A session whose backend fails goes on in another one, and its numbers never tell where."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models import tiny_model
from vau.audio import HOP_SAMPLES, frame_count
from vau.backend import Backend, BackendInfo, BackendOptions, Cost, Result, Slot, Work
from vau.checkpoint.whole import resume_session, saved_session
from vau.endpoint import EndReason, Rules
from vau.errors import BackendFault, BadSnapshot
from vau.frontend import Frontend
from vau.model import find_model
from vau.session import (
    Answer,
    Push,
    Repetition,
    Session,
    Summary,
    Trail,
    advance,
    close_session,
    move_session,
    open_session,
)
from vau.session.trail import PIECE_STEPS, STEPS_BETWEEN
from vau_backends.float.backend import FACTORY as FLOAT
from vau_backends.muntaniala.backend import FACTORY

MODEL: Final = tiny_model(output_delay=3)
FRONTEND: Final = Frontend(MODEL.frontend)
ROOT: Final = Path(__file__).resolve().parent.parent
END, CLOSE = EndReason.END_UTTERANCE, EndReason.HALF_CLOSE
AUDIO: Final = np.random.default_rng(5).normal(0, 3000, 56_000).astype("<i2").tobytes()
FRAMES: Final = frame_count(len(AUDIO) // 2)
RULES: Final = Rules(segment_frames=60, resets=True)


class Power:
    """A backend that gives up at the n-th call of a kind; what its slots held is lost then."""

    def __init__(self, instance: str = "1x1", *, fails: str = "", at: int = 0) -> None:
        options = BackendOptions(slot_count=4, instance=instance)
        self.backend: Backend = FACTORY.open(MODEL, options)
        self.fails, self.at = fails, at
        self.frames: list[int] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self.backend, name)

    def use(self, what: str) -> None:
        if what != self.fails:
            return
        self.at -= 1
        if self.at < 0:
            raise BackendFault(f"no power to {what}")

    def open(self) -> Slot:
        self.use("open")
        return self.backend.open()

    def snapshot(self, slot: Slot) -> bytes:
        self.use("snapshot")
        return self.backend.snapshot(slot)

    def run(self, work: Sequence[Work]) -> list[Result]:
        self.use("run")
        self.frames += [len(each.features) for each in work]
        return self.backend.run(work)


@dataclass
class Told:
    """What a session answered, over however many backends."""

    session: Session
    answers: list[Answer] = field(default_factory=list)
    moves: int = 0

    def take(self, answer: object) -> None:
        if isinstance(answer, BackendFault):
            raise answer
        if isinstance(answer, Answer):
            self.answers.append(answer)

    @property
    def bits(self) -> tuple[object, ...]:
        """Everything a caller hears, but for where it was cut."""
        logits = [each.logits for each in self.answers if each.logits is not None]
        return (
            np.concatenate(logits).tobytes(),
            np.concatenate([each.log_prob for each in self.answers]).tobytes(),
            [each for answer in self.answers for each in answer.segments],
            [each for answer in self.answers for each in answer.events],
        )

    @property
    def summary(self) -> Summary:
        return self.session.summary()


def session(rules: Rules | None = None) -> Session:
    each = Session(MODEL, rules=rules)
    each.way.trail = Trail(gives_states=True)
    return each


def tell(
    told: Sequence[tuple[bytes, EndReason | None]],
    *powers: Power,
    rules: Rules | None = None,
) -> Told:
    """Push all of it, on the first backend as long as that lasts, then on the next."""
    done, left = Told(session(rules)), list(powers)
    open_session(done.session, left[0])  # type: ignore[arg-type]
    for audio, ends in told:
        push(done, left, Push(done.session, audio, ends))
        while done.session.is_behind:
            push(done, left, Push(done.session))
    close_session(done.session, left[0])  # type: ignore[arg-type]
    return done


def push(done: Told, left: list[Power], first: Push) -> None:
    (answer,) = advance(FRONTEND, left[0], [first]).answers  # type: ignore[arg-type]
    while done.session.way.is_owed:
        if not isinstance(answer, BackendFault):
            done.take(answer)
        elif len(left) == 1:
            raise answer
        else:
            del left[0]
            done.moves += 1
            try:
                move_session(done.session, left[0])  # type: ignore[arg-type]
            except BackendFault as failure:
                answer = failure
                continue
        again = Push(done.session, is_new=False)
        (answer,) = advance(FRONTEND, left[0], [again]).answers  # type: ignore[arg-type]
    done.take(answer)


def pieces(cuts: Sequence[int], *ends: int) -> list[tuple[bytes, EndReason | None]]:
    """Return the audio cut at these bytes, and utterances ended at some of them."""
    edges = sorted({0, len(AUDIO), *(min(cut, len(AUDIO)) for cut in cuts)})
    told = [(AUDIO[a:b], END if b in ends else None) for a, b in pairwise(edges)]
    return [*told[:-1], (told[-1][0], CLOSE)]


CUTS: Final = st.lists(st.integers(1, len(AUDIO) - 1), min_size=4, max_size=14)


@settings(max_examples=60, deadline=None)
@given(
    cuts=CUTS,
    end=st.integers(0, 13),
    fails=st.sampled_from(["run", "open", "snapshot"]),
    at=st.integers(0, 16),
    rules=st.sampled_from([None, RULES]),
)
def test_wherever_a_backend_fails_the_rest_has_the_bits_of_the_uncut_stream(
    cuts: list[int], end: int, fails: str, at: int, rules: Rules | None
) -> None:
    told = pieces(cuts, sorted(cuts)[min(end, len(cuts) - 1)])
    at += fails == "open"  # the first opens the session, and is no fault of its middle
    uncut = tell(told, Power(), rules=rules)
    moved = tell(told, Power(fails=fails, at=at), Power("2x1"), rules=rules)
    assert moved.bits == uncut.bits
    assert moved.summary.output_digest == uncut.summary.output_digest
    assert moved.summary.input_digest == uncut.summary.input_digest
    assert moved.summary.frames == uncut.summary.frames
    assert sum(not each.repeated.steps for each in moved.answers) == len(uncut.answers)


FAULTS: Final = st.one_of(
    st.tuples(st.just("run"), st.integers(0, 9)), st.tuples(st.just("snapshot"), st.just(0))
)


@settings(max_examples=60, deadline=None)
@given(cuts=CUTS, faults=st.lists(FAULTS, min_size=3, max_size=3))
def test_a_fallback_may_fail_as_well_also_while_it_takes_steps_again(
    cuts: list[int], faults: list[tuple[str, int]]
) -> None:
    told = pieces(cuts)
    failing = [Power(fails=what, at=at) for what, at in faults]
    moved = tell(told, *failing, Power("2x1"))
    assert moved.bits == tell(told, Power()).bits


def test_what_is_taken_again_is_what_lies_behind_the_last_state_in_pieces() -> None:
    chunk = 3200
    told = [(AUDIO[at : at + chunk], None) for at in range(0, len(AUDIO), chunk)]
    power, second = Power(fails="run", at=30), Power()
    moved = tell([*told, (b"", CLOSE)], power, second)
    assert moved.moves == 1
    again = [each.repeated.steps for each in moved.answers if each.repeated.steps]
    assert 0 < sum(again) < STEPS_BETWEEN + PIECE_STEPS
    assert again[:-1] == [PIECE_STEPS] * (len(again) - 1)
    assert second.frames[: len(again)] == again


@settings(max_examples=30, deadline=None)
@given(
    frames=st.lists(st.integers(1, PIECE_STEPS), min_size=20, max_size=40),
    end=st.integers(0, 39),
    rules=st.sampled_from([None, RULES]),
)
def test_what_is_kept_for_a_fallback_is_a_state_and_less_than_the_steps_of_two_asks(
    frames: list[int], end: int, rules: Rules | None
) -> None:
    each, engine = session(rules), Power()
    open_session(each, engine)  # type: ignore[arg-type]
    state_bytes = len(engine.snapshot(each.slot))  # type: ignore[arg-type]
    step_bytes = 4 * MODEL.frontend.feature_dim
    most_bytes = state_bytes + (STEPS_BETWEEN - 1 + PIECE_STEPS) * step_bytes
    for at, count in enumerate(frames):
        audio = (AUDIO * 2)[: 2 * HOP_SAMPLES * count]
        done = push_kept(each, engine, audio, END if at == end else None)
        while each.is_behind:
            done += push_kept(each, engine)
        assert max(done) <= most_bytes


def push_kept(
    each: Session, engine: Power, audio: bytes = b"", ends: EndReason | None = None
) -> list[int]:
    """Return how much is kept behind a push."""
    push = Push(each, audio, ends)
    (answer,) = advance(FRONTEND, engine, [push]).answers  # type: ignore[arg-type]
    assert isinstance(answer, Answer)
    return [0 if each.way.trail is None else each.way.trail.size_bytes]


def test_with_the_default_network_that_is_what_the_documents_say() -> None:
    model = find_model("munt-3x384")
    trail, most = Trail(gives_states=True), 0
    steps = np.zeros((STEPS_BETWEEN - 1 + PIECE_STEPS, model.frontend.feature_dim), np.float32)
    for factory in (FACTORY, FLOAT):
        backend = factory.open(model, BackendOptions(slot_count=1))
        trail.begin(backend.snapshot(backend.open()))
        dues = [trail.is_due]
        for piece in np.split(steps, [STEPS_BETWEEN - 1]):
            trail.add(piece)
            dues.append(trail.is_due)
        assert dues == [False, False, True]  # the last piece is the longest that may come
        most = max(most, trail.size_bytes)
        backend.close()
    assert 60_000 < most < 70_000
    for document in ("docs/fallback.md", "docs/adr/0017-fallback.md"):
        assert "70 kB" in (ROOT / document).read_text()


def test_what_was_taken_again_is_paid_and_told_of() -> None:
    told = pieces(range(3200, len(AUDIO), 3200))
    moved, uncut = tell(told, Power(fails="run", at=12), Power()), tell(told, Power())
    again = sum((each.repeated for each in moved.answers), Repetition())
    assert again.steps > 0
    assert moved.summary.steps == uncut.summary.steps + again.steps
    ours = sum((each.spent for each in moved.answers), Cost())
    assert moved.summary.cost.cycles == ours.cycles
    assert uncut.summary.cost.cycles is not None
    assert again.cost.cycles is not None
    assert moved.summary.cost.cycles == uncut.summary.cost.cycles + again.cost.cycles
    spent = ours.energies[0]
    assert moved.summary.cost.energies[0].joules == pytest.approx(spent.joules)


def test_a_resumed_session_moves_from_the_state_that_it_began_with() -> None:
    half = len(AUDIO) // 2
    first, engine = session(), Power()
    open_session(first, engine)  # type: ignore[arg-type]
    advance(FRONTEND, engine, [Push(first, AUDIO[:half])])  # type: ignore[arg-type]
    done = Told(session())
    resume_session(done.session, engine, saved_session(first, engine))  # type: ignore[arg-type]
    broken = Power(fails="run")
    push(done, [broken, Power("2x1")], Push(done.session, AUDIO[half:], CLOSE))
    uncut = tell([(AUDIO[:half], None), (AUDIO[half:], CLOSE)], Power())
    assert done.summary.output_digest == uncut.summary.output_digest


class Mute(Power):
    """A backend that gives no states away."""

    @property
    def info(self) -> BackendInfo:
        return replace(self.backend.info, state_export=False)

    def snapshot(self, _slot: Slot) -> bytes:
        raise AssertionError("nobody asks for the state of one that has none to give")


def test_a_backend_without_states_is_replaced_as_long_as_its_whole_utterance_is_known() -> None:
    told = pieces(range(3200, len(AUDIO), 3200), 4 * 3200)
    for at in (0, 3, 4, 9):
        each = Told(Session(MODEL))
        each.session.way.trail = trail = Trail(gives_states=False)
        left: list[Power] = [Mute(fails="run", at=at), Mute(instance="2x1")]
        open_session(each.session, left[0])  # type: ignore[arg-type]
        for audio, ends in told[:10]:
            push(each, left, Push(each.session, audio, ends))
        assert each.moves == 1
        assert trail.state is None
        assert each.bits == tell(told[:10], Power()).bits


def test_a_way_that_is_not_known_any_more_is_not_gone_again() -> None:
    each, engine = Session(MODEL), Power()
    each.way.trail = Trail(gives_states=False)
    open_session(each, engine)  # type: ignore[arg-type]
    for at in range(0, 48_000, 4800):
        advance(FRONTEND, engine, [Push(each, AUDIO[at : at + 4800])])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not known"):
        move_session(each, Power())  # type: ignore[arg-type]
    advance(FRONTEND, engine, [Push(each, b"", END)])  # type: ignore[arg-type]
    move_session(each, Power())  # type: ignore[arg-type]


def test_a_state_of_another_arithmetic_is_refused() -> None:
    each, engine = session(), Power(fails="run", at=20)
    open_session(each, engine)  # type: ignore[arg-type]
    for at in range(0, len(AUDIO), 3200):
        advance(FRONTEND, engine, [Push(each, AUDIO[at : at + 3200])])  # type: ignore[arg-type]
    with pytest.raises(BadSnapshot):
        move_session(each, Power("1x2"))  # type: ignore[arg-type]


def test_of_two_in_one_round_the_one_without_a_trail_fails_and_the_other_goes_on() -> None:
    broken, second = Power(fails="run", at=1), Power("2x1")
    kept, lost = Told(session()), Session(MODEL)
    for each in (kept.session, lost):
        open_session(each, broken)  # type: ignore[arg-type]
    both = [Push(each, AUDIO[:8000]) for each in (kept.session, lost)]
    kept.take(advance(FRONTEND, broken, both).answers[0])  # type: ignore[arg-type]
    both = [Push(each, AUDIO[8000:16_000], CLOSE) for each in (kept.session, lost)]
    failed = advance(FRONTEND, broken, both).answers  # type: ignore[arg-type]
    assert all(isinstance(each, BackendFault) for each in failed)
    move_session(kept.session, second)  # type: ignore[arg-type]
    stranger = Session(MODEL)
    open_session(stranger, second)  # type: ignore[arg-type]
    alone = tell([(AUDIO[:8000], CLOSE)], Power())
    again = [Push(kept.session, is_new=False), Push(stranger, AUDIO[:8000], CLOSE)]
    repeated, answer = advance(FRONTEND, second, again).answers  # type: ignore[arg-type]
    assert isinstance(repeated, Answer)
    assert repeated.repeated.steps > len(repeated.log_prob) == 0
    assert isinstance(answer, Answer)
    assert answer.logits is not None
    np.testing.assert_array_equal(answer.logits, alone.answers[0].logits)
    while kept.session.way.is_owed:
        kept.take(advance(FRONTEND, second, [Push(kept.session, is_new=False)]).answers[0])  # type: ignore[arg-type]
    uncut = tell([(AUDIO[:8000], None), (AUDIO[8000:16_000], CLOSE)], Power())
    assert kept.bits == uncut.bits
