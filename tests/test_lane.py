"""One thread, many callers: batches form by themselves and nobody loses a slot."""

import asyncio
import threading
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from tests.models import tiny_model
from vau.backend import Backend, BackendOptions, Result, Work
from vau.endpoint import EndReason
from vau.errors import AudioCorrupt, BackendBusy, BackendFault, ConfigInvalid
from vau.lane import Batching, Lane, Timed
from vau.session import Heard, LateEnd, Round, Session, Trail
from vau.session.trail import PIECE_STEPS
from vau_backends.muntaniala.backend import FACTORY

MODEL = tiny_model()


def audio(samples: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).normal(0, 3000, samples).astype("<i2").tobytes()


class Gated:
    """The real backend behind a gate: ``run`` waits until the test lets it."""

    def __init__(self, slot_count: int = 4) -> None:
        self.backend: Backend = FACTORY.open(MODEL, BackendOptions(slot_count=slot_count))
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.batches: list[int] = []
        self.threads: set[int] = set()

    def __getattr__(self, name: str) -> object:
        return getattr(self.backend, name)

    def run(self, work: Sequence[Work]) -> list[Result]:
        self.batches.append(len(work))
        self.threads.add(threading.get_ident())
        self.entered.set()
        self.gate.wait()
        return self.backend.run(work)


async def opened(lane: Lane) -> Session:
    session = Session(MODEL)
    await lane.open(session)
    return session


def test_what_arrives_while_the_backend_is_busy_is_one_batch() -> None:
    gated, rounds = Gated(), list[Round]()

    async def scenario() -> list[Timed]:
        lane = Lane(MODEL, gated, rounds.append)  # type: ignore[arg-type]
        sessions = [await opened(lane) for _ in range(4)]
        first = asyncio.create_task(lane.push(sessions[0], audio(2000)))
        await asyncio.to_thread(gated.entered.wait)
        others = [asyncio.create_task(lane.push(s, audio(2000))) for s in sessions[1:]]
        await asyncio.sleep(0)  # each has put its job into the queue
        gated.gate.set()
        answers = [await first, *[await other for other in others]]
        await lane.shutdown()
        return answers

    answers = asyncio.run(scenario())
    assert gated.batches == [1, 3]
    assert [timed.times.batch_size for timed in answers] == [1, 3, 3, 3]
    assert [len(done.answers) for done in rounds] == [1, 3]


def test_of_more_than_fit_into_a_round_those_go_first_that_are_due_first() -> None:
    gated, order = Gated(slot_count=5), list[str]()

    async def scenario() -> None:
        lane = Lane(MODEL, gated, batching=Batching(max_size=2))  # type: ignore[arg-type]
        sessions = [await opened(lane) for _ in range(5)]

        async def push(at: int, due_s: float | None = None) -> None:
            await lane.push(sessions[at], audio(2000), due_s=due_s)
            order.append(str(at))

        pushes = [asyncio.create_task(push(0))]
        await asyncio.to_thread(gated.entered.wait)
        due_s = {1: 9e9, 2: 7e9, 3: 8e9, 4: 1.0}
        pushes += [asyncio.create_task(push(at, due)) for at, due in due_s.items()]
        await asyncio.sleep(0)
        gated.gate.set()
        await asyncio.gather(*pushes)
        await lane.shutdown()

    asyncio.run(scenario())
    assert gated.batches == [1, 2, 2]
    assert "".join(order[:1] + sorted(order[1:3]) + sorted(order[3:])) == "02413"


def test_an_end_catches_up_with_audio_in_line_and_not_with_audio_whose_turn_has_come() -> None:
    gated, waiting, begun = Gated(), LateEnd(), LateEnd()

    async def scenario() -> list[Timed]:
        lane = Lane(MODEL, gated)  # type: ignore[arg-type]
        first, second = [await opened(lane) for _ in range(2)]
        at_work = asyncio.create_task(lane.push(first, audio(2000), late_end=begun))
        await asyncio.to_thread(gated.entered.wait)
        in_line = asyncio.create_task(lane.push(second, audio(2000), late_end=waiting))
        await asyncio.sleep(0)  # it has put its job into the queue
        joined = [begun.join(), waiting.join()]
        gated.gate.set()
        answers = [await at_work, await in_line]
        assert joined == [False, True]
        answers.append(await lane.push(first, ends=EndReason.HALF_CLOSE))
        await lane.shutdown()
        return answers

    apart, together, behind = [timed.answer for timed in asyncio.run(scenario())]
    assert apart.ends is None
    assert together.ends is EndReason.HALF_CLOSE
    whole = np.concatenate([apart.log_prob, behind.log_prob])
    np.testing.assert_array_equal(together.log_prob, whole)
    assert together.segments == behind.segments
    assert not waiting.join()


def test_the_first_waits_for_company_until_all_that_are_open_are_there() -> None:
    gated = Gated()
    gated.gate.set()

    async def scenario() -> None:
        batching = Batching(max_wait_s=1.0)
        lane = Lane(MODEL, gated, batching=batching)  # type: ignore[arg-type]
        alone = await opened(lane)
        await lane.push(alone, audio(2000))
        sessions = [alone, await opened(lane), await opened(lane)]
        await asyncio.gather(*[lane.push(session, audio(2000)) for session in sessions])
        lane.close(sessions.pop())
        await asyncio.gather(*[lane.push(session, audio(2000)) for session in sessions])
        await lane.shutdown()

    asyncio.run(scenario())
    assert gated.batches == [1, 3, 2]


def test_who_has_company_to_come_waits_for_it_and_goes_alone_at_last() -> None:
    async def scenario() -> Timed:
        backend = FACTORY.open(MODEL, BackendOptions(slot_count=2))
        lane = Lane(MODEL, backend, batching=Batching(max_wait_s=0.02))
        session, _other = await opened(lane), await opened(lane)
        timed = await lane.push(session, audio(2000))
        await lane.shutdown()
        return timed

    timed = asyncio.run(scenario())
    assert timed.times.batch_size == 1
    assert timed.times.queue_s >= 0.02  # it did wait: a bound from below needs no fast machine


def test_whoever_comes_after_the_end_is_refused_and_does_not_wait_for_ever() -> None:
    async def scenario() -> None:
        lane = Lane(MODEL, FACTORY.open(MODEL, BackendOptions(slot_count=1)))
        session = await opened(lane)
        await lane.shutdown()
        for late in (lane.push(session, audio(2000)), lane.open(session)):
            with pytest.raises(RuntimeError, match="has been shut down"):
                await late
        lane.close(session)  # asks for no answer

    asyncio.run(scenario())


def test_a_defect_that_no_future_takes_reaches_its_callers_all_the_same() -> None:
    def broken(_done: Round) -> None:
        next(iter(()))

    async def scenario() -> None:
        backend = FACTORY.open(MODEL, BackendOptions(slot_count=2))
        lane = Lane(MODEL, backend, broken)
        sessions = [await opened(lane), await opened(lane)]
        pushes = [lane.push(session, audio(2000)) for session in sessions]
        for failed in await asyncio.gather(*pushes, return_exceptions=True):
            assert isinstance(failed, RuntimeError)
            assert "StopIteration" in str(failed)
        await lane.shutdown()

    asyncio.run(scenario())


def test_a_backend_that_answers_too_little_is_a_defect_and_leaves_nobody_waiting() -> None:
    gated = Gated()
    gated.gate.set()
    gated.run = lambda work: []  # type: ignore[method-assign]  # noqa: ARG005

    async def scenario() -> None:
        lane = Lane(MODEL, gated)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="zip"):
            await lane.push(await opened(lane), audio(2000))
        await lane.shutdown()

    asyncio.run(scenario())


def test_a_stream_that_lost_its_slot_is_waited_for_no_longer_once_it_has_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vau.lane.batching.MOST_WAIT_S", 3600.0)
    gated = Gated()
    gated.gate.set()

    async def scenario() -> None:
        lane = Lane(MODEL, gated, batching=Batching(max_wait_s=3600.0))  # type: ignore[arg-type]
        lost, staying = await opened(lane), await opened(lane)
        lost.slot = None  # as after an utterance whose successor got none
        lane.close(lost)
        await asyncio.wait_for(lane.push(staying, audio(2000)), 60.0)  # for nobody else
        await lane.shutdown()

    asyncio.run(scenario())


def test_what_is_replayed_waits_for_no_company(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vau.lane.batching.MOST_WAIT_S", 3600.0)
    here, there = Gated(), Gated()
    for each in (here, there):
        each.gate.set()

    async def scenario() -> None:
        first = Lane(MODEL, here)  # type: ignore[arg-type]
        second = Lane(MODEL, there, batching=Batching(max_wait_s=3600.0))  # type: ignore[arg-type]
        moving, silent = Session(MODEL), await opened(second)
        moving.way.trail = Trail(gives_states=True)
        await first.open(moving)
        await first.push(moving, audio(8000))
        first.let_go(moving)
        await second.take_over(moving)
        assert moving.way.steps_to_repeat > 2 * PIECE_STEPS
        while moving.way.repeats:
            await asyncio.wait_for(second.replay(moving), 60.0)
        second.close(silent)
        for lane in (first, second):
            await lane.shutdown()

    asyncio.run(scenario())


def test_nobody_is_left_to_be_answered_when_the_loop_has_ended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gated = Gated()

    async def leave() -> Lane:
        lane = Lane(MODEL, gated)  # type: ignore[arg-type]
        session = await opened(lane)
        hanging = asyncio.ensure_future(lane.push(session, audio(2000)))
        await asyncio.to_thread(gated.entered.wait)
        hanging.cancel()
        return lane

    lane = asyncio.run(leave())
    gated.gate.set()
    asyncio.run(lane.shutdown())
    assert [record.message for record in caplog.records] == ["nobody is left to be answered"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_wait_s", -0.001),
        ("max_wait_s", 2.0),
        ("max_wait_s", float("nan")),
        ("max_size", -1),
    ],
)
def test_batching_that_cannot_be_meant_is_refused(field: str, value: float) -> None:
    with pytest.raises(ConfigInvalid, match="max_"):
        Batching(**{field: value})  # type: ignore[arg-type]


def test_the_backend_is_driven_by_one_thread_which_is_not_the_event_loops() -> None:
    gated = Gated()
    gated.gate.set()

    async def scenario() -> None:
        lane = Lane(MODEL, gated)  # type: ignore[arg-type]
        sessions = [await opened(lane) for _ in range(3)]
        await asyncio.gather(*[lane.push(session, audio(2000)) for session in sessions])
        await lane.shutdown()

    asyncio.run(scenario())
    assert len(gated.threads) == 1
    assert threading.get_ident() not in gated.threads


def test_a_caller_who_hangs_up_in_the_middle_gives_the_slot_back() -> None:
    gated = Gated(slot_count=1)

    async def scenario() -> None:
        lane = Lane(MODEL, gated)  # type: ignore[arg-type]
        leaving = await opened(lane)
        push = asyncio.create_task(lane.push(leaving, audio(2000)))
        await asyncio.to_thread(gated.entered.wait)
        push.cancel()
        lane.close(leaving)
        gated.gate.set()
        staying = await opened(lane)  # the only slot
        timed = await lane.push(staying, audio(2000), EndReason.HALF_CLOSE)
        assert timed.answer.segments
        await lane.shutdown()

    asyncio.run(scenario())


def test_no_free_slot_is_refused_at_once() -> None:
    async def scenario() -> None:
        lane = Lane(MODEL, FACTORY.open(MODEL, BackendOptions(slot_count=1)))
        await opened(lane)
        with pytest.raises(BackendBusy):
            await opened(lane)
        await lane.shutdown()

    asyncio.run(scenario())


def test_a_failure_belongs_to_the_caller_who_caused_it() -> None:
    async def scenario() -> None:
        lane = Lane(MODEL, FACTORY.open(MODEL, BackendOptions(slot_count=2)))
        bad, good = Session(MODEL, encoding="float32"), await opened(lane)
        await lane.open(bad)
        nan = np.array([np.nan], "<f4").tobytes()
        failed, timed = await asyncio.gather(
            lane.push(bad, nan), lane.push(good, audio(2000)), return_exceptions=True
        )
        assert isinstance(failed, AudioCorrupt)
        assert isinstance(timed, Timed)
        await lane.shutdown()

    asyncio.run(scenario())


def test_a_defect_reaches_the_caller_instead_of_leaving_it_to_wait() -> None:
    async def scenario() -> None:
        lane = Lane(MODEL, FACTORY.open(MODEL, BackendOptions(slot_count=2)))
        without_slot = Session(MODEL)
        with pytest.raises(ValueError, match="has no slot"):
            await lane.push(without_slot, audio(2000))
        again = await opened(lane)  # the thread has survived
        assert (await lane.push(again, audio(2000))).answer.received_sample == 2000
        await lane.shutdown()

    asyncio.run(scenario())


class Observer:
    """Does as it is told when it hears something."""

    def __init__(self, then: Callable[[], object]) -> None:
        self.then = then
        self.has_left = threading.Event()

    def heard(self, _heard: Heard) -> None:
        self.then()

    def left(self) -> None:
        self.has_left.set()


def test_an_answer_does_not_wait_for_an_observer() -> None:
    may_go_on, was_let_go = threading.Event(), list[bool]()

    async def scenario() -> None:
        lane = Lane(MODEL, FACTORY.open(MODEL, BackendOptions(slot_count=2)))
        session = Session(MODEL)
        session.observer = Observer(lambda: was_let_go.append(may_go_on.wait(30.0)))
        await lane.open(session)
        timed = await lane.push(session, audio(2000))  # while the observer is stuck
        assert timed.answer.received_sample == 2000
        may_go_on.set()
        await lane.shutdown()

    asyncio.run(scenario())
    assert was_let_go == [True]  # and did not give up waiting


def test_an_observer_that_fails_is_told_to_the_log_and_costs_no_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        raise RuntimeError("no ears")

    async def scenario() -> None:
        lane = Lane(MODEL, FACTORY.open(MODEL, BackendOptions(slot_count=2)))
        session = Session(MODEL)
        session.observer = Observer(fail)
        await lane.open(session)
        await lane.push(session, audio(2000))
        again = await lane.push(session, audio(2000), EndReason.HALF_CLOSE)
        assert again.answer.received_sample == 4000
        await lane.shutdown()

    asyncio.run(scenario())
    assert {record.message for record in caplog.records} == {"an observer failed"}


def test_an_observer_that_fails_when_it_is_let_go_keeps_no_slot(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        raise RuntimeError("no ears")

    async def scenario() -> None:
        lane = Lane(MODEL, FACTORY.open(MODEL, BackendOptions(slot_count=1)))
        session = await opened(lane)
        observer = Observer(fail)
        observer.left = fail  # type: ignore[method-assign]
        session.observer = observer
        lane.close(session)
        await opened(lane)  # the only slot
        await lane.shutdown()

    asyncio.run(scenario())
    assert [record.message for record in caplog.records] == ["an observer failed"]


def test_an_observer_is_let_go_behind_what_its_stream_left_running() -> None:
    gated, told = Gated(), list[str]()

    async def scenario() -> None:
        lane = Lane(MODEL, gated)  # type: ignore[arg-type]
        session = await opened(lane)
        observer = Observer(lambda: told.append("heard"))
        observer.left = lambda: told.append("left")  # type: ignore[method-assign]
        session.observer = observer
        push = asyncio.create_task(lane.push(session, audio(2000)))
        await asyncio.to_thread(gated.entered.wait)
        push.cancel()
        lane.close(session)
        gated.gate.set()
        await lane.shutdown()

    asyncio.run(scenario())
    assert told == ["heard", "left"]


def test_a_slot_that_cannot_be_given_back_is_told_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gated = Gated()
    gated.gate.set()

    def broken(_slot: object) -> None:
        raise BackendFault("supply lost")

    gated.release = broken  # type: ignore[attr-defined]

    async def scenario() -> None:
        lane = Lane(MODEL, gated)  # type: ignore[arg-type]
        lane.close(await opened(lane))
        await lane.shutdown()

    asyncio.run(scenario())
    (record,) = caplog.records
    assert record.message == "a slot could not be given back"
    assert record.exc_info is not None


def test_a_backend_that_fails_to_close_leaves_no_thread_behind() -> None:
    gated = Gated()

    def broken() -> None:
        raise BackendFault("supply lost")

    gated.close = broken  # type: ignore[attr-defined]

    async def scenario() -> None:
        lane = Lane(MODEL, gated)  # type: ignore[arg-type]
        with pytest.raises(BackendFault):
            await lane.shutdown()

    before = threading.active_count()
    asyncio.run(scenario())
    assert threading.active_count() <= before
