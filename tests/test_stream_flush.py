"""FLUSH ends the wait for the company of other streams, for what came before it alone."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.serving import MODEL, cut, speech
from tests.streams import FLUSH, Response, Streaming, opened, served, settled
from tests.test_lane import Gated
from vau.lane import Batching

FOR_EVER_S = 3600.0
ONE, TWO, THREE = cut(speech(4800), 3200, 6400)

Script = Callable[[Streaming, Streaming], Awaitable[None]]


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Gated:
    """A backend that takes down how many streams each round has."""
    monkeypatch.setattr("vau.lane.batching.MOST_WAIT_S", FOR_EVER_S)
    monkeypatch.setattr("vau.wire.health.WATCH_S", FOR_EVER_S)  # its questions end a wait, too
    gated = Gated()
    gated.gate.set()
    return gated


def play(script: Script, backend: Gated) -> None:
    """Run ``script`` on two streams whose lane waits until both are there."""

    async def played() -> None:
        batching = Batching(max_wait_s=FOR_EVER_S)
        lane = (MODEL, backend)
        async with (
            served(lane, batching=batching) as (server, clock),  # type: ignore[arg-type]
            opened(server, clock) as one,
            opened(server, clock) as other,
        ):
            backend.batches.clear()  # those of its check
            await script(one, other)

    asyncio.run(played())


def is_done(response: Response) -> bool:
    return [control.kind for control in response.controls] == [FLUSH.kind]


@pytest.mark.parametrize("is_apart", [True, False], ids=["waiting already", "still to come"])
def test_a_flush_has_what_came_before_it_computed_without_company(
    rounds: Gated, is_apart: bool
) -> None:
    async def script(one: Streaming, _other: Streaming) -> None:
        one.line.send(ONE)
        if is_apart:
            await settled()
        one.line.send(FLUSH)
        assert (await one.line.hear()).received_sample == 1600
        assert is_done(await one.line.hear())

    play(script, rounds)
    assert rounds.batches == [1]


def test_what_comes_after_a_flush_waits_for_company_again(rounds: Gated) -> None:
    async def script(one: Streaming, other: Streaming) -> None:
        one.line.send(ONE, FLUSH)
        assert (await one.line.hear()).received_sample == 1600
        assert is_done(await one.line.hear())
        one.line.send(TWO)
        await settled()
        other.line.send(ONE)
        for each, samples in ((one, 3200), (other, 1600)):
            assert (await each.line.hear()).received_sample == samples

    play(script, rounds)
    assert rounds.batches == [1, 2]


def test_every_flush_is_for_what_came_before_it(rounds: Gated) -> None:
    async def script(one: Streaming, other: Streaming) -> None:
        one.line.send(ONE, FLUSH, TWO, FLUSH, FLUSH, THREE)
        for is_control in (False, True, False, True, True):
            assert is_done(await one.line.hear()) is is_control
        await settled()
        other.line.send(ONE)
        await one.line.hear()
        await other.line.hear()

    play(script, rounds)
    assert rounds.batches == [1, 1, 2]
