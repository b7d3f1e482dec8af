"""Delays against their definition, on made-up results and on those of a real session."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pytest

from tests.audio import noise
from tests.lively import LIVELY
from tests.serving import muntaniala
from vau.endpoint import EndReason
from vau.evaluation.emission import CHUNK_S, Watch
from vau.frontend import Frontend
from vau.segments import Phone, Segment
from vau.session import (
    Answer,
    Push,
    Session,
    advance,
    open_session,
)

MODEL: Final = replace(LIVELY, decoder=replace(LIVELY.decoder, insertion_bonus=2.0))
"""Hears several phones a second."""

SILENCE: Final = frozenset({0})
NAMES: Final = ("SIL", "AA", "B")


def phone(symbol: str, start_ms: int, end_ms: int) -> Phone:
    return Phone(
        symbol=symbol,
        class_id=NAMES.index(symbol),
        start_sample=16 * start_ms,
        end_sample=16 * end_ms,
        confidence=1.0,
    )


def segment(*phones: Phone, stable: int = 0, final: bool = False, index: int = 0) -> Segment:
    return Segment(
        utterance_index=0,
        segment_index=index,
        phones=phones,
        stable_count=len(phones) if final else stable,
        start_sample=0,
        end_sample=0,
        end_reason=EndReason.HALF_CLOSE if final else None,
    )


def watched(*told: tuple[int, Segment]) -> Watch:
    watch = Watch()
    for received_ms, each in told:
        watch.see([each], 16 * received_ms)
    return watch


def test_delays_count_from_the_end_of_the_phone_in_the_final() -> None:
    a, b = phone("AA", 0, 80), phone("B", 80, 170)
    delays = watched(
        (100, segment(phone("AA", 0, 60))),
        (200, segment(a, phone("B", 80, 150))),
        (300, segment(a, b, stable=1)),
        (400, segment(a, b, final=True)),
    ).delays(SILENCE)
    assert delays.shown_ms == (20.0, 30.0)
    assert delays.stable_ms == (220.0, 230.0)


def test_a_phone_may_be_shown_before_it_has_ended() -> None:
    delays = watched(
        (100, segment(phone("AA", 0, 60))),
        (300, segment(phone("AA", 0, 280), final=True)),
    ).delays(SILENCE)
    assert delays.shown_ms == (-180.0,)


def test_another_phone_or_another_place_is_not_the_phone() -> None:
    b = phone("B", 100, 200)
    delays = watched(
        (200, segment(phone("AA", 100, 200))),
        (300, segment(phone("B", 0, 100))),
        (350, segment(phone("B", 200, 300))),
        (400, segment(phone("B", 190, 300))),
        (500, segment(b, final=True)),
    ).delays(SILENCE)
    assert delays.shown_ms == (200.0,)


def test_silence_is_left_out() -> None:
    both = (phone("SIL", 0, 100), phone("AA", 100, 150))
    delays = watched((200, segment(*both, final=True))).delays(SILENCE)
    assert delays.shown_ms == delays.stable_ms == (50.0,)


def test_segments_are_told_apart() -> None:
    delays = watched(
        (100, segment(phone("AA", 0, 50), final=True)),
        (200, segment(phone("B", 100, 150), index=1)),
        (300, segment(phone("B", 100, 150), final=True, index=1)),
    ).delays(SILENCE)
    assert delays.shown_ms == (50.0, 50.0)
    assert delays.stable_ms == (50.0, 150.0)


@pytest.mark.parametrize("seed", range(3))
def test_a_real_session_is_measured_as_defined(seed: int) -> None:
    answers = live(noise(40_000, seed=seed).tobytes())
    watch = Watch()
    for answer in answers:
        watch.see(answer.segments, answer.received_sample)
    delays = watch.delays(frozenset(MODEL.silence_ids))
    final = answers[-1].segments[-1]
    spoken = [
        (place, phone)
        for place, phone in enumerate(final.phones)
        if phone.class_id not in MODEL.silence_ids
    ]
    assert len(spoken) > 5
    assert delays.shown_ms == tuple(shown_ms(answers, phone) for _, phone in spoken)
    assert delays.stable_ms == tuple(stable_ms(answers, *each) for each in spoken)
    assert min(delays.stable_ms) < max(delays.stable_ms)


def live(audio: bytes) -> list[Answer]:
    """Return the answers to chunks of 100 ms."""
    backend, session = muntaniala(MODEL), Session(MODEL, interim_results=True)
    frontend = Frontend(MODEL.frontend)
    open_session(session, backend)
    chunk = round(CHUNK_S * 16_000) * 2
    answers = []
    for at in range(0, len(audio), chunk):
        ends = EndReason.HALF_CLOSE if at + chunk >= len(audio) else None
        push = Push(session, audio[at : at + chunk], ends)
        (answer,) = advance(frontend, backend, [push]).answers
        assert isinstance(answer, Answer)
        answers.append(answer)
    return answers


def shown_ms(answers: Sequence[Answer], phone: Phone) -> float:
    received = min(
        answer.received_sample
        for answer in answers
        for segment in answer.segments
        for other in segment.phones
        if other.symbol == phone.symbol
        and max(other.start_sample, phone.start_sample)
        < min(other.end_sample, phone.end_sample)
    )
    return (received - phone.end_sample) / 16


def stable_ms(answers: Sequence[Answer], place: int, phone: Phone) -> float:
    received = min(
        answer.received_sample
        for answer in answers
        for segment in answer.segments
        if segment.stable_count > place
    )
    return (received - phone.end_sample) / 16
