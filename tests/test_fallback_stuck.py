"""A backend that never answers: streams that named another leave it, nobody else suffers."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flaky import ONE, TWIN, Flaky, flaky, pool
from tests.serving import (
    END_UTTERANCE,
    MODEL,
    PATIENCE_S,
    Served,
    Talk,
    eventually,
    hear,
    muntaniala,
    speech,
    streaming,
)
from tests.test_fallback import notices, wanted, way
from vau.backend import State
from vau.endpoint import EndReason
from vau.errors import BackendBusy, VauError
from vau.frontend import Frontend
from vau.lane import Lane
from vau.session import Answer, Claim, Push, Session, Trail, advance, open_session
from vau.v1 import speech_pb2 as pb

AUDIO: Final = speech(24_000, seed=6)
CLOSE: Final = EndReason.HALF_CLOSE


async def kept(lane: Lane) -> Session:
    session = Session(MODEL)
    session.way.trail = Trail(gives_states=True)
    await lane.open(session)
    return session


def test_what_a_stuck_backend_says_at_last_is_heard_by_those_alone_who_stayed() -> None:
    first, second = flaky(ONE), flaky(TWIN)

    async def scenario() -> tuple[bytes, bytes, bytes]:
        here, there = Lane(MODEL, first), Lane(MODEL, second)  # type: ignore[arg-type]
        leaving, staying = await kept(here), await kept(here)
        claim = Claim()
        first.entered.clear()
        first.may_run.clear()
        blocked = asyncio.create_task(here.push(leaving, AUDIO[:8000], claim=claim))
        await asyncio.to_thread(first.entered.wait, PATIENCE_S)
        beside = asyncio.create_task(here.push(staying, AUDIO[:8000]))
        assert claim.take()
        blocked.cancel()
        here.let_go(leaving)
        await there.take_over(leaving)
        while leaving.way.repeats:
            await there.replay(leaving)
        moved = await there.replay(leaving)
        first.may_run.set()
        stayed = await beside
        await here.ask(lambda _: None)  # what was stuck has ended, too
        last = await there.push(leaving, AUDIO[8000:16_000], CLOSE)
        assert (await here.push(staying, b"", CLOSE)).answer.segments
        for lane in (here, there):
            await lane.shutdown()
        assert moved.answer.logits is not None
        assert stayed.answer.logits is not None
        assert last.answer.logits is not None
        digest = leaving.summary().output_digest
        return moved.answer.logits.tobytes(), stayed.answer.logits.tobytes(), digest

    moved, stayed, digest = asyncio.run(scenario())
    assert moved == stayed
    assert digest == uncut_digest(AUDIO[:8000], AUDIO[8000:16_000])


def uncut_digest(*chunks: bytes) -> bytes:
    async def scenario() -> bytes:
        lane = Lane(MODEL, muntaniala())
        session = await kept(lane)
        for chunk in chunks[:-1]:
            await lane.push(session, chunk)
        await lane.push(session, chunks[-1], CLOSE)
        await lane.shutdown()
        return session.summary().output_digest

    return asyncio.run(scenario())


def test_a_session_that_is_being_opened_cannot_be_taken_away_and_one_in_line_can() -> None:
    first = flaky(ONE)
    first.waits_at = "open"

    async def scenario() -> None:
        lane = Lane(MODEL, first)  # type: ignore[arg-type]
        begun, waiting, claims = Session(MODEL), Session(MODEL), [Claim(), Claim()]
        first.entered.clear()
        first.may_give.clear()
        opening = asyncio.create_task(lane.open(begun, claims[0]))
        await asyncio.to_thread(first.entered.wait, PATIENCE_S)
        in_line = asyncio.create_task(lane.open(waiting, claims[1]))
        await asyncio.sleep(0)  # it has put its job into the line
        assert not claims[0].take()
        assert claims[1].take()
        first.may_give.set()
        await opening
        await in_line
        assert begun.slot is not None
        assert waiting.slot is None
        await lane.shutdown()

    asyncio.run(scenario())


def test_nothing_of_a_session_that_was_taken_away_is_touched() -> None:
    backend, frontend = muntaniala(), Frontend(MODEL.frontend)
    taken, other, claim = Session(MODEL), Session(MODEL), Claim()
    for each in (taken, other):
        open_session(each, backend)
    assert claim.take()
    pushes = [Push(taken, AUDIO[:8000], claim=claim), Push(other, AUDIO[:8000])]
    nothing, answer = advance(frontend, backend, pushes).answers
    assert isinstance(nothing, VauError)
    assert isinstance(answer, Answer)
    assert taken.received_sample == 0
    assert not taken.way.is_owed


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("stuck", ["snapshot", "release", "open"])
def test_all_of_a_round_can_leave_a_backend_that_is_stuck_over_one_of_them(
    stuck: str, at: int
) -> None:
    backend, frontend = flaky(ONE), Frontend(MODEL.frontend)
    sessions = [Session(MODEL), Session(MODEL)]
    for each in sessions:
        each.way.trail = Trail(gives_states=True)
        open_session(each, backend)  # type: ignore[arg-type]
    backend.waits_at = stuck
    asker, beside = sessions[at], sessions[1 - at]
    first = AUDIO[:36_000] if stuck == "snapshot" else AUDIO[:8000]
    ends = None if stuck == "snapshot" else EndReason.END_UTTERANCE
    rounds = [
        [Push(asker, first, ends), Push(beside, AUDIO[:8000])],
        [Push(asker, AUDIO[36_000:]), Push(beside, AUDIO[8000:16_000])],
    ]
    done: list[list[Answer | VauError]] = []

    def work() -> None:
        for pushes in rounds:
            ordered = pushes if at == 0 else pushes[::-1]
            done.append(advance(frontend, backend, ordered).answers)  # type: ignore[arg-type]

    thread = threading.Thread(target=work)
    backend.may_give.clear()
    thread.start()
    assert backend.is_stuck.wait(PATIENCE_S)
    present = rounds[len(done)]
    could_leave = [push.claim.take() for push in present]
    backend.may_give.set()
    thread.join(PATIENCE_S)
    assert could_leave == [True, True]
    assert all(isinstance(each, VauError) for each in done[-1])
    assert isinstance(done[0][0], Answer)
    kept = sum(each.slot is not None for each in sessions)
    for _ in range(8 - kept):  # nothing that was exchanged meanwhile is lost
        backend.open()
    with pytest.raises(BackendBusy):
        backend.open()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["hold", "lend", "take"]), max_size=12))
def test_a_session_is_held_or_taken_and_what_was_taken_is_never_held_again(
    calls: list[str],
) -> None:
    claim, is_held, is_taken = Claim(), False, False
    for call in calls:
        if call == "hold":
            assert claim.hold() == (not is_taken)
            is_held = not is_taken
        elif call == "lend":
            claim.lend()
            is_held = False
        else:
            is_taken = is_taken or not is_held
            assert claim.take() == is_taken


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Served, Flaky, Flaky]]:
    """A server that is soon out of patience with a backend."""
    monkeypatch.setattr("vau.wire.health.STUCK_S", 0.3)
    monkeypatch.setattr("vau.wire.health.WATCH_S", 0.05)
    monkeypatch.setattr("vau.wire.carrier.LOOK_S", 0.05)
    first, second = flaky(ONE), flaky(TWIN)
    with pool(first, second) as served:
        yield served, first, second
        first.mend()


@pytest.mark.parametrize("stuck", ["may_run", "may_give"])
def test_a_stream_leaves_a_backend_that_does_not_answer(
    two: tuple[Served, Flaky, Flaky], stuck: str
) -> None:
    served, first, second = two
    chunks = [AUDIO[:36_000], AUDIO[36_000:42_000], AUDIO[42_000:]]
    may_go_on = getattr(first, stuck)
    uncut = hear(served.client, chunks, streaming())
    leaving, staying = Talk(served.client, wanted(TWIN)), Talk(served.client, wanted())
    for talk in (leaving, staying):
        talk.say(chunks[0])
    first.entered.clear()
    may_go_on.clear()
    leaving.send(chunks[1])
    assert first.entered.wait(PATIENCE_S)
    staying.send(chunks[1])
    told = [next(leaving.responses)]
    (notice,) = notices(told)
    assert way(notice) == (ONE, TWIN, "BACKEND_LOST")
    assert "it has not answered for" in notice.text
    may_go_on.set()
    eventually(lambda: served.server.host.health[ONE].state is State.READY)  # and all is said
    second.runs_left = 0  # what the stuck one said at last must not be what is taken again
    leaving.send(chunks[2])
    told += leaving.half_close()
    assert [way(each)[:2] for each in notices(told)] == [(ONE, TWIN), (TWIN, ONE)]
    assert told[-1].finished.output_digest == uncut.finished.output_digest
    staying.send(chunks[2])
    stayed = staying.half_close()
    assert notices(stayed) == []
    assert stayed[-1].finished.output_digest == uncut.finished.output_digest
    eventually(lambda: served.slots_in_use() == 0)


@pytest.mark.parametrize("stuck", ["release", "open"])
def test_a_stream_leaves_a_backend_that_is_stuck_between_its_utterances(
    two: tuple[Served, Flaky, Flaky], stuck: str
) -> None:
    served, first, _ = two
    told: list[bytes | pb.Control] = [AUDIO[:16_000], END_UTTERANCE, AUDIO[16_000:]]
    uncut = hear(served.client, told, streaming())
    leaving, beside = Talk(served.client, wanted(TWIN)), Talk(served.client, wanted(TWIN))
    beside.say(AUDIO[:8000])
    leaving.say(AUDIO[:16_000])
    first.waits_at = stuck
    first.may_give.clear()
    leaving.send(END_UTTERANCE)
    assert next(leaving.responses).results  # of what has ended all is said
    leaving.send(AUDIO[16_000:])
    assert first.is_stuck.wait(PATIENCE_S)
    beside.send(AUDIO[8000:])
    for talk in (leaving, beside):
        (notice,) = notices([next(talk.responses)])
        assert way(notice) == (ONE, TWIN, "BACKEND_LOST")
    assert leaving.half_close()[-1].finished.output_digest == uncut.finished.output_digest
    plain = hear(served.client, [AUDIO], streaming(backend=TWIN)).finished
    assert beside.half_close()[-1].finished.output_digest == plain.output_digest
    first.may_give.set()
    eventually(lambda: served.slots_in_use() == 0)


def test_a_stream_whose_audio_is_still_in_line_behind_the_stuck_one_leaves_with_it(
    two: tuple[Served, Flaky, Flaky],
) -> None:
    served, first, _ = two
    chunks = [AUDIO[:16_000], AUDIO[16_000:32_000], AUDIO[32_000:]]
    uncut = hear(served.client, chunks, streaming())
    blocker, leaving = Talk(served.client), Talk(served.client, wanted(TWIN, interval_s=0.2))
    leaving.say(chunks[0])
    first.entered.clear()
    first.may_run.clear()
    blocker.send(chunks[0])
    assert first.entered.wait(PATIENCE_S)
    leaving.send(chunks[1])
    told = [next(leaving.responses)]
    assert [way(each)[:2] for each in notices(told)] == [(ONE, TWIN)]
    leaving.send(chunks[2])
    told += leaving.half_close()
    assert told[-1].finished.output_digest == uncut.finished.output_digest
    assert told[-1].finished.input_digest == uncut.finished.input_digest
    first.may_run.set()
    assert blocker.half_close()[-1].finished.samples == 8000


def test_a_stream_that_would_begin_on_a_stuck_backend_begins_on_another(
    two: tuple[Served, Flaky, Flaky],
) -> None:
    served, first, _ = two
    blocker = Talk(served.client)
    first.entered.clear()
    first.may_run.clear()
    blocker.send(AUDIO[:8000])
    assert first.entered.wait(PATIENCE_S)
    for _ in range(2):  # before that is known, and when it is
        heard = hear(served.client, [AUDIO], wanted(TWIN))
        assert heard.responses[0].started.backend.id == TWIN
        assert len(notices(heard.responses)) == 1
    first.may_run.set()
    assert blocker.half_close()[-1].finished.samples == 4000
    eventually(lambda: served.slots_in_use() == 0)
