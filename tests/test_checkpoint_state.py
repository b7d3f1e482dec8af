"""A session that is saved and resumed answers as if it had never been cut, bit for bit."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import Enum
from typing import Final, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models import tiny_model
from tests.serving import floating, muntaniala
from tests.test_session import CLOSE, END, audio, joined
from vau.backend import Backend, Cost, Energy
from vau.checkpoint.form import MOST_COUNT, Reader, Writer
from vau.checkpoint.records import restore_record, save_record
from vau.checkpoint.whole import resume_session, saved_session
from vau.decode import DecoderName
from vau.endpoint import EndReason, Rules
from vau.errors import ResumeInvalid, ResumeMismatch, VauError
from vau.frontend import Frontend
from vau.model import find_model
from vau.session import (
    Answer,
    Push,
    Session,
    advance,
    close_session,
    open_session,
)

MODEL: Final = tiny_model(output_delay=3)
FRONTEND: Final = Frontend(MODEL.frontend)
ENGINE: Final = muntaniala(MODEL)
ELSEWHERE: Final = muntaniala(MODEL)
DECODERS: Final = st.sampled_from(get_args(DecoderName))

RULES: Final = (None, Rules(segment_frames=40), Rules(segment_frames=40, resets=True))
NOT_SAVED: Final = {
    "Session.slot": "where the state is computed, which differs from server to server",
    "Session.observer": "a listener of this server",
    "Session.failure": "whoever has no slot is not saved",
    "Session.way": "what is asked of a backend, and lies behind a saved state",
    "Session._scrutiny": "the audio is looked at anew: docs/adr/0015-audio-honesty.md",
    "Session._remarks": "those of the last piece of audio, and told with its answer",
    "PcmReader._rest": "whoever goes on sends the whole sample again",
    "_Open.stable_phones": "made from the runs that the decoder knows to be stable",
    "Tables.grown_age": "means something only where a hypothesis lives",
    "Tables.endings": "of what is alive only",
    "Tables.ends": "of what runs went on from only that which they chose",
    "Tables.parent_age": "of what is alive only",
    "Tables.parent_before": "of what is alive only",
    "Tables.posterior_sums": "of what is alive only",
    "Standing.root_posterior_sums": "of what is alive only",
}
"""By class and name, and why: what a restored session need not have as the other had it."""


def session(**options: object) -> Session:
    return Session(MODEL, **options)  # type: ignore[arg-type]


def push(
    each: Session, on: Backend, data: bytes = b"", ends: EndReason | None = None
) -> Answer:
    (answer,) = advance(FRONTEND, on, [Push(each, data, ends)]).answers
    if not isinstance(answer, Answer):
        raise answer
    return answer


def moved(each: Session, from_: Backend, to: Backend, **options: object) -> Session:
    """Save a session, end it there, and resume it elsewhere."""
    state = saved_session(each, from_)
    close_session(each, from_)
    again = session(**options)
    resume_session(again, to, state)
    assert saved_session(again, to) == state
    return again


Told = tuple[bytes, EndReason | None]


def tell(
    told: Sequence[Told], moves: set[int], **options: object
) -> tuple[list[Answer], Session]:
    """Push everything; before the pushes in ``moves`` the session moves to another backend."""
    here, there = ENGINE, ELSEWHERE
    each = session(**options)
    open_session(each, here)
    answers = []
    for at, (data, ends) in enumerate(told):
        if at in moves:
            each = moved(each, here, there, **options)
            here, there = there, here
        answers.append(push(each, here, data, ends))
    close_session(each, here)
    return answers, each


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 3000), min_size=1, max_size=12),
    ends=st.sets(st.integers(0, 11), max_size=2),
    moves=st.sets(st.integers(0, 12)),
    decoder=DECODERS,
    interim_results=st.booleans(),
    seed=st.integers(0, 50),
)
def test_a_resumed_session_answers_as_the_uncut_one_to_the_bit(
    sizes: list[int],
    ends: set[int],
    moves: set[int],
    decoder: DecoderName,
    interim_results: bool,
    seed: int,
) -> None:
    told: list[Told] = [
        (audio(size, seed + at), END if at in ends else None) for at, size in enumerate(sizes)
    ]
    told.append((audio(1, seed), CLOSE))
    options = {"decoder": decoder, "interim_results": interim_results}
    uncut, whole = tell(told, set(), **options)
    resumed, last = tell(told, moves, **options)
    assert joined(resumed) == joined(uncut)
    assert [each.cost for each in resumed] == [each.cost for each in uncut]
    assert last.summary() == whole.summary()


@settings(max_examples=30, deadline=None)
@given(cut=st.integers(0, 9000), samples=st.integers(4000, 4500))
def test_a_cut_inside_a_sample_goes_on_with_its_first_byte(cut: int, samples: int) -> None:
    data = audio(samples)
    cut = min(cut, len(data) - 2)
    each = session()
    open_session(each, ENGINE)
    heard = [push(each, ENGINE, data[:cut])]
    again = moved(each, ENGINE, ELSEWHERE)
    next_sample = heard[0].received_sample
    assert next_sample == cut // 2
    heard.append(push(again, ELSEWHERE, data[2 * next_sample :], CLOSE))
    close_session(again, ELSEWHERE)
    uncut, whole = tell([(data, CLOSE)], set())
    assert joined(heard) == joined(uncut)
    assert again.summary().output_digest == whole.summary().output_digest


def test_a_state_in_floating_point_moves_too() -> None:
    here, there = floating(MODEL), floating(MODEL)
    data = audio(5000)
    each = session()
    open_session(each, here)
    first = push(each, here, data[:4400])
    again = moved(each, here, there)
    rest = push(again, there, data[4400:], CLOSE)
    uncut = session()
    open_session(uncut, here)
    whole = push(uncut, here, data, CLOSE)
    np.testing.assert_array_equal(
        np.concatenate([first.log_prob, rest.log_prob]), whole.log_prob
    )
    assert again.summary().output_digest == b""


@pytest.mark.parametrize("decoder", get_args(DecoderName))
def test_the_state_of_the_largest_network_that_ships_is_small(decoder: DecoderName) -> None:
    """And does not grow with the audio, but for the runs of an utterance that does not end."""
    model = find_model("munt-3x384")
    engine = muntaniala(model, slot_count=1)
    each = Session(model, decoder=decoder)
    open_session(each, engine)
    for seed in range(20):
        advance(Frontend(model.frontend), engine, [Push(each, audio(1600, seed))])
        assert len(saved_session(each, engine)) < 11_000


# --- nothing is forgotten ----------------------------------------------------------------


def is_ours(value: object) -> bool:
    kind = type(value)
    return kind.__module__.startswith("vau.") and not issubclass(kind, Enum | tuple)


def parts(value: object) -> Iterator[tuple[object, object]]:
    """Yield what an object holds: attributes, however its class keeps them, or items."""
    if isinstance(value, dict):
        yield from value.items()
    elif is_ours(value):
        slots = [
            name for kind in type(value).__mro__ for name in vars(kind).get("__slots__", ())
        ]
        for name in (*slots, *getattr(value, "__dict__", ())):
            yield name, getattr(value, name)
    elif isinstance(value, list | tuple):
        yield from enumerate(value)


def differences(ours: object, theirs: object, where: str = "") -> Iterator[str]:
    """Yield what two objects have unlike, attribute by attribute, but for what is not saved."""
    if type(ours) is not type(theirs):
        yield where
    elif isinstance(ours, np.ndarray):
        yield from () if np.array_equal(ours, theirs) else (where,)  # type: ignore[arg-type]
    elif not (inner := dict(parts(ours))):
        yield from () if ours == theirs else (where,)
    elif inner.keys() != (others := dict(parts(theirs))).keys():
        yield where
    elif ours is not theirs:
        for name, value in inner.items():
            path = f"{type(ours).__name__}.{name}" if is_ours(ours) else where
            if path not in NOT_SAVED:
                yield from differences(value, others[name], path)


@pytest.mark.parametrize("decoder", get_args(DecoderName))
@pytest.mark.parametrize("encoding", ["linear16", "float32"])
@pytest.mark.parametrize("rules", RULES)
def test_a_restored_session_has_every_attribute_as_it_was(
    decoder: DecoderName, encoding: str, rules: Rules | None
) -> None:
    """A field that somebody adds is saved, or named above with its reason, or found here."""
    options = {
        "decoder": decoder,
        "interim_results": True,
        "encoding": encoding,
        "rules": rules,
    }
    each = session(**options)
    open_session(each, ENGINE)
    loud = audio(60_000)
    if encoding == "float32":
        loud = (np.frombuffer(loud, "<i2") / 32768).astype("<f4").tobytes()
    push(each, ENGINE, loud[:20_000], END)
    push(each, ENGINE, loud[20_000:60_001])
    again = session(**options)
    resume_session(again, ELSEWHERE, saved_session(each, ENGINE))
    assert list(differences(each, again)) == []
    close_session(each, ENGINE)
    close_session(again, ELSEWHERE)


def test_the_comparison_above_sees_a_field_that_is_forgotten() -> None:
    each, again = session(), session()
    again._utterance.steps += 1  # noqa: SLF001 - as if it had not been saved
    assert list(differences(each, again)) == ["Progress.steps"]


# --- what no session wrote ---------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(
    places=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 40),
    decoder=DECODERS,
)
def test_a_state_that_no_session_wrote_is_refused_or_does_no_harm(
    places: list[tuple[int, int]], cut: int, decoder: DecoderName
) -> None:
    state = bytearray(STATES[decoder])
    for place, value in places:
        state[place % len(state)] = value
    again = session(decoder=decoder)
    with suppress(VauError):
        resume_session(again, ENGINE, bytes(state[: len(state) - cut]))
        push(again, ENGINE, audio(3000))
        push(again, ENGINE, audio(3000), CLOSE)
    close_session(again, ENGINE)


def state_of(decoder: DecoderName) -> bytes:
    each = session(decoder=decoder)
    open_session(each, ENGINE)
    push(each, ENGINE, audio(5000), END)
    push(each, ENGINE, audio(8000))
    state = saved_session(each, ENGINE)
    close_session(each, ENGINE)
    return state


STATES: Final = {decoder: state_of(decoder) for decoder in get_args(DecoderName)}


def test_the_state_of_another_network_is_refused() -> None:
    other = tiny_model(output_delay=3, seed=9)
    engine = muntaniala(other)
    again = Session(other)
    with pytest.raises(ResumeMismatch):
        resume_session(again, engine, STATES["viterbi"])


# --- the form itself ---------------------------------------------------------------------


@given(st.integers(0, MOST_COUNT))
def test_a_count_is_read_as_it_was_written(value: int) -> None:
    out = Writer()
    out.count(value)
    saved = Reader(out.bytes())
    assert (saved.count(), saved.left) == (value, 0)


@given(st.binary(max_size=24))
def test_any_bytes_are_a_count_or_refused(data: bytes) -> None:
    with suppress(ResumeInvalid):
        assert 0 <= Reader(data).count() <= MOST_COUNT


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_a_number_that_is_none_or_huge_is_refused(value: float) -> None:
    out = Writer()
    out.array(np.array([value]), "<f8")
    with pytest.raises(ResumeInvalid):
        Reader(out.bytes()).real()


def test_a_cost_is_read_as_it_was_written() -> None:
    energy = Energy(
        joules=1.5e-6,
        origin="measured",
        boundary="board",
        method="ina219/shunt0",
        parts=(("core", 1e-6),),
        extrapolated=True,
    )
    cost = Cost(
        cycles=12,
        device_s=0.25,
        device_origin="measured",
        energies=(energy,),
        saturations=(1, 0, 3),
        unshared=Cost(memory_bytes=5),
    )
    out = Writer()
    save_record(cost, out)
    saved = Reader(out.bytes())
    assert (restore_record(Cost, saved), saved.left) == (cost, 0)


def test_costs_within_costs_without_end_are_refused() -> None:
    cost = Cost()
    for _ in range(100):
        cost = Cost(unshared=cost)
    out = Writer()
    save_record(cost, out)
    with pytest.raises(ResumeInvalid):
        restore_record(Cost, Reader(out.bytes()))
