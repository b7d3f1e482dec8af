"""What ends a stream though its client did not, and what it is told before."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import grpc
import pytest

from tests.serving import (
    FREE,
    MODEL,
    PATIENCE_S,
    Failing,
    Held,
    Talk,
    eventually,
    muntaniala,
    serving,
    speech,
    streaming,
)
from tests.streams import (
    KEEP_ALIVE,
    Line,
    Response,
    Streaming,
    begun,
    opened,
    served,
    settled,
    streamed,
)
from vau.config import ServerConfig
from vau.errors import (
    BackendFault,
    ClientNotReading,
    Draining,
    IdleTimeout,
    StreamTooLong,
    Unreachable,
    VauError,
)
from vau.v1 import speech_pb2 as pb
from vau.v1.speech_pb2_grpc import SpeechRecognitionStub
from vau.wire.gate import LAST_WORD_S
from vau.wire.status import error_from

SECOND = speech(16_000)
Script = Callable[[Streaming], Awaitable[None]]


def limits(**seconds: float) -> ServerConfig:
    return ServerConfig(listen=FREE, metrics_listen=FREE, **seconds)  # type: ignore[arg-type]


def play(script: Script, config: ServerConfig | None = None) -> None:
    async def played() -> None:
        async with streamed(server=config) as now:
            await script(now)

    asyncio.run(played())


async def passes(now: Streaming, seconds: float) -> list[Response]:
    """Let time pass, and return what the server says to that."""
    await settled()
    now.clock.advance(seconds)
    await settled()
    return now.line.heard()


def codes(responses: list[Response]) -> list[str]:
    return [notice.code for response in responses for notice in response.notices]


# --- silence -----------------------------------------------------------------------------


def test_a_silent_client_is_warned_at_three_quarters_and_ended_at_the_time_out() -> None:
    async def script(now: Streaming) -> None:
        assert await passes(now, 44.9) == []
        (warning,) = await passes(now, 0.2)
        (notice,) = warning.notices
        assert notice.code == "NEAR_IDLE_TIMEOUT"
        assert 14.8 < float(notice.metadata["left_s"]) <= 15.0
        assert not now.task.done()
        assert await passes(now, 14.8) == []
        assert not now.task.done()
        assert await passes(now, 0.2) == []
        error = await now.failure()
        assert type(error) is IdleTimeout
        assert (error.facts["limit_s"], error.facts["acked_sample"]) == (60.0, 0)

    play(script)


@pytest.mark.parametrize(
    "request_", [KEEP_ALIVE, SECOND, b""], ids=["keep-alive", "audio", "nothing"]
)
def test_any_message_begins_the_silence_anew(request_: bytes | pb.Control) -> None:
    async def script(now: Streaming) -> None:
        for _ in range(3):
            assert codes(await passes(now, 50.0)) == ["NEAR_IDLE_TIMEOUT"]
            assert codes([await now.say(request_)]) == []
        assert codes(await passes(now, 44.0)) == []
        assert not now.task.done()

    play(script)


def test_a_client_that_waits_for_a_slow_backend_is_not_silent() -> None:
    async def script() -> None:
        backend = Held(muntaniala())
        async with streamed((MODEL, backend)) as now:  # type: ignore[arg-type]
            backend.entered.clear()
            backend.may_run.clear()
            now.line.send(SECOND)
            assert await asyncio.to_thread(backend.entered.wait, PATIENCE_S)
            assert await passes(now, 600.0) == []
            assert not now.task.done()
            backend.may_run.set()
            assert (await now.line.hear()).answered_sample

    asyncio.run(script())


def test_a_client_whose_next_message_waits_for_room_is_not_silent() -> None:
    async def script() -> None:
        backend = Held(muntaniala())
        async with streamed((MODEL, backend)) as now:  # type: ignore[arg-type]
            backend.entered.clear()
            backend.may_run.clear()
            now.line.send(*[SECOND] * 4)
            assert await asyncio.to_thread(backend.entered.wait, PATIENCE_S)
            assert await passes(now, 600.0) == []
            backend.may_run.set()
            for _ in range(4):
                await now.line.hear()
            assert codes(await passes(now, 46.0)) == ["NEAR_IDLE_TIMEOUT"]

    asyncio.run(script())


def test_silence_after_the_half_close_is_in_order() -> None:
    async def script() -> None:
        backend = Held(muntaniala())
        async with streamed((MODEL, backend)) as now:  # type: ignore[arg-type]
            await now.say(SECOND)
            backend.entered.clear()
            backend.may_run.clear()
            now.line.half_close()
            assert await asyncio.to_thread(backend.entered.wait, PATIENCE_S)
            assert await passes(now, 600.0) == []
            backend.may_run.set()
            assert (await now.ended())[-1].finished.samples == 16_000

    asyncio.run(script())


# --- age ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("cap_s", "warned_s"), [(3600.0, 3570.0), (40.0, 20.0), (60.0, 30.0)])
def test_a_stream_is_warned_before_it_has_lasted_too_long(
    cap_s: float, warned_s: float
) -> None:
    async def script(now: Streaming) -> None:
        assert await passes(now, warned_s - 1.0) == []
        (warning,) = await passes(now, 1.5)
        assert codes([warning]) == ["NEAR_MAX_DURATION"]
        assert float(warning.notices[0].metadata["left_s"]) == cap_s - warned_s
        assert codes([await now.say(SECOND)]) == []
        assert await passes(now, cap_s - warned_s - 1.0) == []
        assert await passes(now, 1.0) == []
        error = await now.failure()
        assert type(error) is StreamTooLong
        assert (error.facts["limit_s"], error.facts["acked_sample"]) == (cap_s, 0)

    play(script, limits(max_stream_duration_s=cap_s, idle_timeout_s=1e6))


def test_without_a_cap_a_stream_lasts_as_long_as_somebody_speaks() -> None:
    async def script(now: Streaming) -> None:
        for _ in range(200):
            assert await passes(now, 40.0) == []
            assert codes([await now.say(b"ab")]) == []

    play(script)


# --- a client that does not read ---------------------------------------------------------


def test_a_client_that_does_not_read_is_given_up_and_its_slot_is_free() -> None:
    async def script(now: Streaming) -> None:
        await now.say(SECOND)
        now.line.takes.clear()
        now.line.send(SECOND)
        for _ in ("started", "the first answer", "this one"):
            await asyncio.wait_for(now.line.writes.acquire(), PATIENCE_S)
        await passes(now, 29.0)
        assert not now.task.done()
        await passes(now, 1.5)
        error = await now.failure()
        assert type(error) is ClientNotReading
        assert (error.facts["limit_s"], error.facts["acked_sample"]) == (30.0, 0)
        assert now.server.host.gate.slots_in_use("muntaniala:1x1") == 0

    play(script)


def test_a_client_that_reads_slowly_is_not_given_up() -> None:
    async def script(now: Streaming) -> None:
        await now.line.writes.acquire()  # of `started`
        for _ in range(5):
            now.line.takes.clear()
            now.line.send(SECOND)
            await asyncio.wait_for(now.line.writes.acquire(), PATIENCE_S)
            await passes(now, 25.0)
            now.line.takes.set()
            await now.line.hear()

    play(script)


# --- the server leaves -------------------------------------------------------------------


def test_every_silent_stream_hears_at_once_that_the_server_goes_away() -> None:
    async def script() -> None:
        async with (
            served() as (server, clock),
            opened(server, clock) as one,
            opened(server, clock) as other,
        ):
            server.host.gate.drain(30.0)
            for now in (one, other):
                (notice,) = (await now.line.hear()).notices
                assert notice.code == "GOING_AWAY"
                assert notice.metadata["deadline_s"] == "30.000"
            assert codes([await one.say(SECOND)]) == []  # once is enough

    asyncio.run(script())


def test_a_stream_that_ends_within_the_grace_ends_well() -> None:
    async def script(now: Streaming) -> None:
        await now.say(SECOND)
        now.server.host.gate.drain(30.0)
        await passes(now, 29.0)
        now.line.half_close()
        assert (await now.ended())[-1].finished.samples == 16_000

    play(script)


def test_a_stream_that_outstays_the_grace_is_ended_at_its_deadline() -> None:
    async def script(now: Streaming) -> None:
        now.server.host.gate.drain(30.0)
        assert codes(await passes(now, 29.9)) == ["GOING_AWAY"]
        assert not now.task.done()
        await passes(now, 0.1)
        error = await now.failure()
        assert type(error) is Draining
        assert error.facts["acked_sample"] == 0

    play(script)


def test_who_hurries_moves_the_deadline_and_who_dawdles_does_not() -> None:
    async def script(now: Streaming) -> None:
        now.server.host.gate.drain(30.0)
        now.server.host.gate.drain(60.0)
        await passes(now, 10.0)
        now.server.host.gate.drain(0.0)
        await passes(now, 0.0)
        assert type(await now.failure()) is Draining

    play(script)


def test_a_stream_stuck_in_its_backend_is_ended_a_moment_after_the_deadline() -> None:
    async def script() -> None:
        backend = Held(muntaniala())
        async with streamed((MODEL, backend)) as now:  # type: ignore[arg-type]
            backend.entered.clear()
            backend.may_run.clear()
            now.line.send(SECOND)
            assert await asyncio.to_thread(backend.entered.wait, PATIENCE_S)
            now.server.host.gate.drain(30.0)
            await passes(now, 30.0)
            assert not now.task.done()
            await passes(now, LAST_WORD_S)
            assert type(await now.failure()) is Draining
            backend.may_run.set()

    asyncio.run(script())


def test_a_stream_that_is_being_opened_when_the_server_is_told_to_leave_hears_of_it() -> None:
    async def script() -> None:
        backend = Held(muntaniala())
        async with (
            served((MODEL, backend)) as (server, clock),  # type: ignore[arg-type]
            opened(server, clock) as before,
        ):
            backend.entered.clear()
            backend.may_run.clear()
            before.line.send(SECOND)  # keeps the lane from opening another
            assert await asyncio.to_thread(backend.entered.wait, PATIENCE_S)
            line = Line()
            task = begun(server, line)
            await settled()
            server.host.gate.drain(30.0)
            clock.advance(10.0)
            backend.may_run.set()
            assert (await line.hear()).HasField("started")
            (notice,) = (await line.hear()).notices
            assert notice.metadata["deadline_s"] == "20.000"
            task.cancel()

    asyncio.run(script())


def test_a_fault_of_the_backend_tells_how_far_the_stream_counts() -> None:
    async def script() -> None:
        backend = Failing(muntaniala())
        async with streamed((MODEL, backend)) as now:  # type: ignore[arg-type]
            backend.defect = BackendFault("the cable is gone")
            now.line.send(SECOND)
            error = await now.failure()
            assert type(error) is BackendFault
            assert error.facts["acked_sample"] == 0

    asyncio.run(script())


# --- over a real transport ---------------------------------------------------------------


def test_a_client_that_never_reads_frees_its_slot_though_it_stays_connected() -> None:
    """Its responses fill the window of HTTP/2, and then one of them is not taken."""
    config = limits(write_timeout_s=0.3)
    request = pb.StreamingRecognizeRequest

    def flood() -> Iterator[pb.StreamingRecognizeRequest]:
        yield request(config=streaming())
        for _ in range(2000):
            yield request(audio=SECOND)

    with serving(config=config) as server:
        options = [("grpc.http2.bdp_probe", 0), ("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(server.address, options=options) as channel:
            call = SpeechRecognitionStub(channel).StreamingRecognize(flood())
            next(iter(call))
            names = {
                "backend": "muntaniala:1x1",
                "code": "DEADLINE_EXCEEDED",
                "reason": "CLIENT_NOT_READING",
            }
            eventually(lambda: server.value("vau_streams_total", **names) == 1)
            assert server.slots_in_use() == 0
            with pytest.raises(grpc.RpcError) as ended:
                list(call)
            error: VauError = error_from(ended.value)
            assert type(error) is ClientNotReading
            assert error.facts["acked_sample"] == "0"


def test_a_connection_that_is_old_enough_is_closed_and_the_next_call_makes_another() -> None:
    config = limits(max_connection_age_s=0.2, max_connection_age_grace_s=60.0)
    with serving(config=config) as server, grpc.insecure_channel(server.address) as channel:
        seen: list[grpc.ChannelConnectivity] = []
        channel.subscribe(seen.append, try_to_connect=True)
        eventually(lambda: grpc.ChannelConnectivity.READY in seen)
        eventually(lambda: seen[-1] is not grpc.ChannelConnectivity.READY)
        assert server.client.server_info().version


def test_a_stream_outlives_its_connection_by_the_grace() -> None:
    config = limits(max_connection_age_s=0.2, max_connection_age_grace_s=60.0)
    with serving(config=config) as server:
        seen: list[grpc.ChannelConnectivity] = []
        server.client._channel.subscribe(seen.append)  # noqa: SLF001 - to see it go
        talk = Talk(server.client)
        eventually(lambda: seen[-1:] == [grpc.ChannelConnectivity.IDLE])
        assert talk.say(SECOND).answered_sample
        assert talk.half_close()[-1].finished.samples == 16_000


def test_a_stream_that_outstays_the_grace_of_its_connection_is_cut() -> None:
    config = limits(max_connection_age_s=0.2, max_connection_age_grace_s=0.2)
    with serving(config=config) as server:
        talk = Talk(server.client)
        with pytest.raises(Unreachable):
            list(talk.responses)
        eventually(lambda: server.slots_in_use() == 0)


def test_limits_tell_what_ends_a_stream() -> None:
    config = limits(idle_timeout_s=7.5, max_stream_duration_s=3600.0)
    with serving(config=config) as server:
        told = server.client.server_info().limits
        assert told.idle_timeout.ToMilliseconds() == 7500
        assert told.max_stream_duration.ToSeconds() == 3600
    with serving() as server:
        assert server.client.server_info().limits.max_stream_duration.ToSeconds() == 0
