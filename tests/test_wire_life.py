"""The life of a server: it starts, drains and stops, as a process too."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

import pytest
from prometheus_client import CollectorRegistry

from tests.serving import (
    FREE,
    MODEL,
    NOT_SERVING,
    PATIENCE_S,
    Held,
    Talk,
    eventually,
    floating,
    health_of,
    hear,
    muntaniala,
    recognition,
    serving,
    speech,
    streaming,
)
from vau.backend import BackendInfo, BackendOptions
from vau.client import Client
from vau.config import ServerConfig
from vau.errors import (
    BackendBusy,
    BackendFault,
    ConfigInvalid,
    Draining,
    ModelNotFound,
    Unreachable,
)
from vau.lane import Lane
from vau.metrics import Metrics
from vau.model import Model
from vau.sizing import Reckoning
from vau.v1 import speech_pb2 as pb
from vau.wire.beforehand import capacity_of
from vau.wire.server import Server, serve
from vau_backends.muntaniala.backend import FACTORY as MUNTANIALA

# --- draining ----------------------------------------------------------------------------


def test_a_draining_server_lets_live_streams_end_and_takes_no_new_ones() -> None:
    with serving() as served:
        talk = Talk(served.client)
        draining = asyncio.run_coroutine_threadsafe(served.server.drain(60.0), served.loop)
        eventually(lambda: health_of(served.address, "") == NOT_SERVING)
        eventually(lambda: served.client.server_info().draining)
        with pytest.raises(Draining):
            Talk(served.client)
        with pytest.raises(Draining):
            served.client.recognize(recognition(), speech())
        (backend,) = served.client.backends().backends
        assert backend.state == pb.BackendInfo.STATE_DRAINING
        (notice,) = next(talk.responses).notices  # without a word from the client
        assert notice.code == "GOING_AWAY"
        assert 0.0 < float(notice.metadata["deadline_s"]) <= 60.0
        assert not talk.say(speech()).notices
        assert talk.half_close()[-1].HasField("finished")
        draining.result(PATIENCE_S)


def test_a_stream_that_outstays_the_grace_is_ended_as_draining() -> None:
    with serving() as served:
        talk = Talk(served.client)
        talk.say(speech())
        served.run(served.server.drain(0.05))
        with pytest.raises(Draining) as ended:
            list(talk.responses)
        assert ended.value.facts["acked_sample"] == "0"


def test_a_second_signal_cuts_the_grace_short() -> None:
    with serving() as served:
        talk = Talk(served.client)
        draining = asyncio.run_coroutine_threadsafe(served.server.drain(3600.0), served.loop)
        eventually(lambda: served.client.server_info().draining)
        served.loop.call_soon_threadsafe(served.server.hurry)
        draining.result(PATIENCE_S)
        with pytest.raises(Draining):
            list(talk.responses)


@dataclass
class Process:
    """A server in another process."""

    process: "subprocess.Popen[str]"
    grpc: str
    metrics: str

    def ended(self) -> tuple[int, list[str]]:
        """Return the exit code, and the events of the rest of the log, from the drain on."""
        _, rest = self.process.communicate(timeout=PATIENCE_S)
        events = [json.loads(line)["event"] for line in rest.splitlines()]
        return self.process.returncode, events[events.index("draining") :]


@contextmanager
def process(
    grace_s: float = 30.0, resume_key_file: Path | str = "", listen: str = FREE
) -> Iterator[Process]:
    arguments = [str(grace_s), str(resume_key_file), listen]
    command = [sys.executable, "-m", "tests.server_process", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stderr is not None
            line = json.loads(running.stderr.readline())
            assert line["event"] == "listening"
            yield Process(running, line["grpc"], line["metrics"])
        finally:
            running.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_the_server_which_then_exits_with_0(number: signal.Signals) -> None:
    with process() as server, Client(server.grpc) as client:
        talk = Talk(client)
        talk.say(speech())
        server.process.send_signal(number)
        eventually(lambda: client.server_info().draining)
        assert talk.half_close()[-1].finished.samples == 16_000
        code, events = server.ended()
        assert code == 0
        assert events == ["draining", "ended", "stopped"]


def test_a_hangup_ends_nothing_and_leaves_a_line() -> None:
    with process() as server, Client(server.grpc) as client:
        talk = Talk(client)
        talk.say(speech())
        server.process.send_signal(signal.SIGHUP)
        assert server.process.stderr is not None
        line = json.loads(server.process.stderr.readline())
        assert (line["event"], line["files"]) == ("reloading", "none")
        talk.say(speech())
        assert talk.half_close()[-1].finished.samples == 32_000
        server.process.send_signal(signal.SIGTERM)
        assert server.ended() == (0, ["draining", "stopped"])


def test_two_signals_end_a_server_with_live_streams_at_once_and_with_0() -> None:
    with process(grace_s=3600.0) as server, Client(server.grpc) as client:
        talk = Talk(client)
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: client.server_info().draining)
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(Draining):
            list(talk.responses)
        assert server.ended()[0] == 0


def test_a_server_that_is_killed_is_unreachable_and_its_address_is_named() -> None:
    with process() as server, Client(server.grpc) as client:
        talk = Talk(client)
        server.process.kill()
        with pytest.raises(Unreachable, match=server.grpc):
            talk.say(speech())


def test_a_server_that_vanishes_without_a_word_is_unreachable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vau.client.channel.KEEPALIVE_S", 0.2)
    monkeypatch.setattr("vau.client.channel.KEEPALIVE_TIMEOUT_S", 0.2)
    with process() as server, Client(server.grpc) as client:
        talk = Talk(client)
        began_s = monotonic()
        server.process.send_signal(signal.SIGSTOP)  # its connections stay, and say nothing
        with pytest.raises(Unreachable, match=server.grpc):
            talk.say(speech())
        assert monotonic() - began_s < PATIENCE_S


# --- starting ----------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["listen", "metrics_listen"])
def test_an_address_that_is_taken_is_refused_by_name(
    field: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with serving() as served:
        taken = {"listen": served.address, "metrics_listen": served.metrics_address}[field]
        free = {"listen": "127.0.0.1:0", "metrics_listen": "127.0.0.1:0"}
        config = ServerConfig(**free | {field: taken})  # type: ignore[arg-type]

        async def second() -> None:
            metrics = Metrics(CollectorRegistry())
            server = Server(config, [Lane(MODEL, muntaniala())], metrics)
            try:
                await server.start()
            finally:
                await server.close()

        caplog.set_level("INFO")
        caplog.clear()
        with pytest.raises(ConfigInvalid) as refused:
            served.run(second())
        assert refused.value.field == field
        said = f"{field}={taken!r}: Address already in use; choose another address"
        assert str(refused.value) == said
        assert "stopped" not in caplog.messages  # it never listened
        assert capfd.readouterr().err == ""  # nor has gRPC anything to add


class Unkind(Held):
    """A backend that fails when it is closed."""

    def close(self) -> None:
        raise OSError("the cable is gone")


class Closing(Held):
    """A backend that remembers whether it was closed."""

    was_closed = False

    def close(self) -> None:
        self.was_closed = True
        self.backend.close()


def test_a_backend_that_cannot_be_closed_does_not_keep_the_others_open() -> None:
    closing = Closing(floating())
    with serving((MODEL, Unkind(muntaniala())), (MODEL, closing)) as served:  # type: ignore[arg-type]
        page = served.metrics_address
    assert closing.was_closed
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://{page}/metrics", timeout=PATIENCE_S)


def test_lanes_that_cannot_be_served_are_shut_down() -> None:
    closing = [Closing(muntaniala()), Closing(muntaniala())]

    async def served() -> None:
        lanes = [Lane(MODEL, backend) for backend in closing]  # type: ignore[arg-type]
        await serve(ServerConfig(), lanes, Metrics(CollectorRegistry()))

    with pytest.raises(ValueError, match="one model of a name"):
        asyncio.run(served())
    assert all(backend.was_closed for backend in closing)


def test_a_backend_that_hangs_in_its_check_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vau.wire.beforehand.CHECK_S", 0.1)
    monkeypatch.setattr("vau.wire.server.CLOSE_S", 0.1)
    held = Held(muntaniala())
    held.may_run.clear()
    with (
        pytest.raises(BackendFault, match=r"muntaniala:1x1: .* not ended within 0.1 s"),
        serving((MODEL, held)),  # type: ignore[arg-type]
    ):
        pass
    held.may_run.set()


def test_a_server_can_be_stopped_while_a_backend_hangs_in_its_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vau.wire.server.CLOSE_S", 0.1)
    held = Held(muntaniala())
    held.may_run.clear()

    async def told_to_stop() -> None:
        lane = Lane(MODEL, held)  # type: ignore[arg-type]
        config = ServerConfig(listen=FREE, metrics_listen=FREE)
        serving = asyncio.create_task(serve(config, [lane], Metrics(CollectorRegistry())))
        assert await asyncio.to_thread(held.entered.wait, PATIENCE_S)
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(serving, PATIENCE_S)

    asyncio.run(told_to_stop())
    held.may_run.set()


def test_one_pair_of_backend_and_model_cannot_be_served_twice() -> None:
    twice = ((MODEL, muntaniala()), (MODEL, muntaniala()))
    with pytest.raises(ValueError, match="one model of a name"), serving(*twice):
        pass


def test_a_model_that_another_backend_holds_is_not_found_on_this_one() -> None:
    config = streaming(model="big", backend="muntaniala:1x1")
    with (
        serving() as served,
        pytest.raises(ModelNotFound, match="on backend muntaniala:1x1"),
    ):
        hear(served.client, [], config)


def test_a_metrics_page_that_other_machines_may_read_is_remarked_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving(config=ServerConfig(listen=FREE, metrics_listen="0.0.0.0:0")):
        pass
    with serving():
        pass
    assert caplog.messages.count("metrics for anybody") == 1


class OneByOne:
    """A real backend on which streams take turns."""

    def __init__(self) -> None:
        self.backend = muntaniala()

    def __getattr__(self, name: str) -> object:
        return getattr(self.backend, name)

    @property
    def info(self) -> BackendInfo:
        return replace(self.backend.info, max_batch=1)


@pytest.mark.parametrize(("max_streams", "remarks"), [(7, 1), (6, 0)])
def test_more_streams_than_a_board_carries_are_remarked_on(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    max_streams: int,
    remarks: int,
) -> None:
    def reckoned(*_: object, **__: object) -> Reckoning:
        return Reckoning(chunk_s=0.024)  # three streams

    monkeypatch.setattr("vau.wire.beforehand.reckon", reckoned)
    config = ServerConfig(listen=FREE, metrics_listen=FREE, max_streams=max_streams)
    shared = MUNTANIALA.open(MODEL, BackendOptions(instance="2x1"))  # one alone tells nothing
    with serving((MODEL, OneByOne()), (MODEL, shared), config=config):  # type: ignore[arg-type]
        pass
    said = [each for each in caplog.records if each.getMessage() == "backend remark"]
    texts = [vars(each)["vau_facts"]["text"] for each in said]
    found = [text for text in texts if "about 3 live streams" in text]
    assert len(found) == remarks
    assert all("lets 7 in" in text for text in found)


def test_of_several_models_on_a_board_the_slowest_is_remarked_on(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(MODEL, name="other")
    taken_s = {MODEL.name: 0.024, other.name: 0.001}

    def reckoned(model: Model, *_: object, **__: object) -> Reckoning:
        return Reckoning(chunk_s=taken_s[model.name])

    monkeypatch.setattr("vau.wire.beforehand.reckon", reckoned)
    with serving((MODEL, OneByOne()), (other, OneByOne())):  # type: ignore[arg-type]
        pass
    said = [each for each in caplog.records if each.getMessage() == "backend remark"]
    texts = [vars(each)["vau_facts"]["text"] for each in said]
    assert [text for text in texts if "about 3 live streams" in text]


def test_a_board_that_fails_when_it_is_timed_is_served_without_a_remark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object, **__: object) -> Reckoning:
        raise BackendBusy("not now")

    monkeypatch.setattr("vau.wire.beforehand.reckon", fails)
    with serving((MODEL, OneByOne())) as served:  # type: ignore[arg-type]
        assert hear(served.client, [speech()], streaming()).finished.frames


def test_a_board_is_not_timed_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    may_end = threading.Event()

    def hangs(*_: object, **__: object) -> Reckoning:
        may_end.wait(PATIENCE_S)
        return Reckoning(chunk_s=0.024)

    async def timed() -> int | None:
        lane = Lane(MODEL, OneByOne())  # type: ignore[arg-type]
        try:
            return await capacity_of(lane)
        finally:
            may_end.set()
            await lane.shutdown()

    monkeypatch.setattr("vau.wire.beforehand.reckon", hangs)
    monkeypatch.setattr("vau.wire.beforehand.CHECK_S", 0.01)
    assert asyncio.run(timed()) is None


def test_a_board_is_timed_at_the_start_and_no_slot_stays_taken() -> None:
    backend = OneByOne()
    with serving((MODEL, backend)):  # type: ignore[arg-type]
        slots = [backend.backend.open() for _ in range(backend.info.slot_count)]
    assert len(slots) == 8
