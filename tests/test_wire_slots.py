"""Who gets a slot, of which backend and model, and how it comes back."""

import asyncio
import logging
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from time import perf_counter

import grpc
import pytest

from tests.models import tiny_model
from tests.serving import (
    FREE,
    MODEL,
    Held,
    Talk,
    eventually,
    floating,
    hear,
    muntaniala,
    recognition,
    serving,
    speech,
    streaming,
)
from vau.client.paced.knocks import knock_at
from vau.config import ServerConfig
from vau.door.visits import STREAM_RETRY_S
from vau.errors import (
    SlotsExhausted,
)
from vau.load.knocks import Knock
from vau.v1 import speech_pb2 as pb
from vau.v1.speech_pb2_grpc import SpeechRecognitionStub


def test_a_full_server_refuses_the_next_stream_and_takes_it_when_one_ends() -> None:
    with serving(
        config=ServerConfig(listen=FREE, metrics_listen=FREE, max_streams=2)
    ) as served:
        first, second = Talk(served.client), Talk(served.client)
        with pytest.raises(SlotsExhausted) as refused:
            Talk(served.client)
        assert refused.value.facts["limit"] == "2"
        with pytest.raises(SlotsExhausted):
            served.client.recognize(recognition(), speech())
        second.say(speech(1000))
        second.half_close()
        eventually(lambda: served.slots_in_use() == 1)
        third = Talk(served.client)
        for talk in (first, third):
            talk.vanish()


def test_all_who_knock_at_a_full_server_at_once_are_refused_by_name() -> None:
    with serving(
        config=ServerConfig(listen=FREE, metrics_listen=FREE, max_streams=1)
    ) as served:
        talk = Talk(served.client)
        knocks = asyncio.run(_knocks(served.address, count=300))
        assert Counter(knock.code for knock in knocks) == {"RESOURCE_EXHAUSTED": 300}
        assert {knock.retry_s for knock in knocks} == {STREAM_RETRY_S}
        talk.vanish()


async def _knocks(address: str, count: int) -> tuple[Knock, ...]:
    async with grpc.aio.insecure_channel(address) as channel:
        stub = SpeechRecognitionStub(channel)
        return await knock_at(stub, streaming(), (), [perf_counter()] * count)


def test_there_are_never_more_streams_than_the_backends_have_slots() -> None:
    small = (MODEL, muntaniala(slot_count=1))
    with serving(small, (MODEL, floating(slot_count=2))) as served:
        assert served.client.server_info().limits.max_streams == 3
        talk = Talk(served.client)
        with pytest.raises(SlotsExhausted, match="backend muntaniala") as refused:
            Talk(served.client)
        assert refused.value.facts["backend"] == "muntaniala:1x1"
        Talk(served.client, streaming(pb.OutputConfig(), backend="float")).vanish()
        talk.vanish()


def test_a_client_that_cancels_frees_its_slot() -> None:
    with serving((MODEL, muntaniala(slot_count=1))) as served:
        talk = Talk(served.client)
        talk.say(speech())
        talk.vanish()
        eventually(lambda: served.slots_in_use() == 0)
        again = Talk(served.client)
        again.say(speech())
        assert again.half_close()[-1].finished.samples == 16_000


def test_a_client_that_cancels_while_its_audio_is_computed_frees_its_slot() -> None:
    held = Held(muntaniala(slot_count=1))
    with serving((MODEL, held)) as served:  # type: ignore[arg-type]
        talk = Talk(served.client)
        held.entered.clear()
        held.may_run.clear()
        talk.send(speech())
        eventually(held.entered.is_set)
        talk.vanish()
        eventually(lambda: served.slots_in_use() == 0)
        held.may_run.set()
        assert hear(served.client, [speech()], streaming()).finished.frames == 99


def test_clients_that_cancel_at_any_moment_leave_no_defect_and_no_slot_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR), serving() as served:
        for heard in range(40):
            stream = served.client.stream(streaming(), [speech(400)] * 20)
            for _ in range(heard % 10):
                next(stream)
            stream.close()  # type: ignore[attr-defined]
        eventually(lambda: served.slots_in_use() == 0)
    assert [record.getMessage() for record in caplog.records] == []


VANISHING = """
import sys
from tests.serving import Talk, speech
from vau.client import Client
talk = Talk(Client(sys.argv[1]))
talk.say(speech())
print("talking", flush=True)
sys.stdin.read()
"""


def test_a_client_that_is_killed_frees_its_slot() -> None:
    with serving((MODEL, muntaniala(slot_count=1))) as served:
        command = [sys.executable, "-c", VANISHING, served.address]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as client:
            assert client.stdout is not None
            assert client.stdout.readline() == "talking\n"
            assert served.slots_in_use() == 1
            client.kill()
        eventually(lambda: served.slots_in_use() == 0)
        assert hear(served.client, [speech()], streaming()).finished.frames == 99


def test_a_client_that_vanishes_without_a_word_frees_its_slot() -> None:
    config = ServerConfig(
        listen=FREE, metrics_listen=FREE, keepalive_s=0.2, keepalive_timeout_s=0.2
    )
    with serving(config=config) as served:
        command = [sys.executable, "-c", VANISHING, served.address]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as client:
            try:
                assert client.stdout is not None
                assert client.stdout.readline() == "talking\n"
                client.send_signal(signal.SIGSTOP)  # its connection stays, and says nothing
                eventually(lambda: served.slots_in_use() == 0)
            finally:
                client.kill()


def test_the_first_lane_is_the_default_and_names_choose_another() -> None:
    other = replace(tiny_model(hidden=4), name="other")
    lanes = ((MODEL, floating()), (MODEL, muntaniala()), (other, muntaniala(other)))
    with serving(*lanes) as served:
        listed = served.client.backends()
        assert listed.default_backend == "float"
        assert {each.id: list(each.models) for each in listed.backends} == {
            "float": ["tiny"],
            "muntaniala:1x1": ["tiny", "other"],
        }
        assert [each.slots_total for each in listed.backends] == [8, 16]
        for backend, model, expected in (
            ("", "", ("float", "tiny")),
            ("", "tiny", ("float", "tiny")),
            ("muntaniala:1x1", "", ("muntaniala:1x1", "tiny")),
            ("", "other", ("muntaniala:1x1", "other")),
            ("", f"other@{other.digest}", ("muntaniala:1x1", "other")),
        ):
            config = streaming(pb.OutputConfig(), backend=backend, model=model)
            started = hear(served.client, [speech()], config).responses[0].started
            assert (started.backend.id, started.model.name) == expected
            assert started.resolved.model == expected[1]


def test_a_server_describes_itself() -> None:
    with serving() as served:
        info = served.client.server_info()
        assert info.version
        assert not info.draining
        assert info.started.seconds > 0
        (model,) = info.models
        assert (model.name, model.digest) == (MODEL.name, MODEL.digest)
        assert tuple(model.classes) == MODEL.phonemes
        assert (model.frame_shift_samples, model.frame_length_samples) == (160, 400)
        assert model.look_ahead_frames == 4 + MODEL.output_delay
        assert (model.blank_id, list(model.silence_ids)) == (-1, [0])
        assert info.limits.max_audio_message_bytes == 65_536
        assert info.limits.max_unary_audio.seconds == 60
        assert {each.encoding for each in info.accepted_formats} == {1, 2, 3, 4}
        (backend,) = served.client.backends().backends
        assert (backend.kind, backend.state) == ("muntaniala", pb.BackendInfo.STATE_READY)
        assert (backend.slots_total, backend.slots_in_use) == (8, 0)
        assert backend.arithmetic_id.startswith("munt-spec-0/")
        assert list(backend.models) == ["tiny"]
