"""How backends fare, what probes are told, and what a stream hears when one gives up."""

import json
import logging
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2

from tests.serving import (
    MODEL,
    NOT_SERVING,
    SERVING,
    Failing,
    Held,
    Talk,
    eventually,
    floating,
    health_of,
    hear,
    muntaniala,
    serving,
    speech,
    streaming,
)
from vau.backend import Health, State
from vau.errors import (
    BackendFault,
    ServerDefect,
)
from vau.v1 import speech_pb2 as pb

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    "service", ["", "vau.v1.SpeechRecognition", "vau.backend.muntaniala:1x1"]
)
def test_a_server_whose_backends_passed_their_check_is_serving(service: str) -> None:
    with serving() as served:
        assert health_of(served.address, service) == SERVING


def test_a_backend_at_fault_is_not_serving_and_not_listed() -> None:
    failing = Failing(muntaniala())
    with serving((MODEL, failing), (MODEL, floating())) as served:  # type: ignore[arg-type]
        failing.present = Health(State.FAULT, "the link is down")
        name = "vau.backend.muntaniala:1x1"
        eventually(lambda: health_of(served.address, name) == NOT_SERVING)
        eventually(lambda: health_of(served.address, "") == NOT_SERVING)
        assert health_of(served.address, "vau.backend.float") == SERVING
        assert [each.id for each in served.client.backends().backends] == ["float"]
        listed = served.client.backends(include_unavailable=True).backends
        assert listed[0].state == pb.BackendInfo.STATE_FAULT
        assert listed[0].state_text == "the link is down"
        assert served.value("vau_backend_state", backend="muntaniala:1x1", state="fault") == 1
        assert served.value("vau_backend_state", backend="muntaniala:1x1", state="ready") == 0


def test_one_that_was_there_and_says_that_it_begins_again_takes_the_server_with_it() -> None:
    failing = Failing(floating())
    with serving((MODEL, muntaniala()), (MODEL, failing)) as served:  # type: ignore[arg-type]
        assert health_of(served.address, "") == SERVING
        failing.present = Health(State.INITIALIZING, "it is started again")
        served.run(served.server._watch.look())  # noqa: SLF001 - at a moment of its choice
        assert health_of(served.address, "") == NOT_SERVING
        failing.present = Health(State.READY)
        served.run(served.server._watch.look())  # noqa: SLF001
        assert health_of(served.address, "") == SERVING


def test_of_a_backend_with_two_models_the_worse_state_counts() -> None:
    good, bad = Failing(muntaniala()), Failing(muntaniala())
    lanes = ((MODEL, bad), (replace(MODEL, name="other"), good))
    with serving(*lanes) as served:  # type: ignore[arg-type]
        bad.present = Health(State.FAULT, "of one")
        name = "vau.backend.muntaniala:1x1"
        eventually(lambda: health_of(served.address, name) == NOT_SERVING)


def test_what_a_backend_has_mended_is_counted_once_and_of_all_its_models() -> None:
    one, other = Failing(muntaniala()), Failing(muntaniala())
    one.mended = {"retries": 2, "probes": 0}
    lanes = ((MODEL, one), (replace(MODEL, name="other"), other))
    with serving(*lanes) as served:  # type: ignore[arg-type]
        value = partial(
            served.value, "vau_backend_mended_total", backend="muntaniala:1x1", kind="retries"
        )
        eventually(lambda: value() == 2)
        one.mended = {"retries": 5, "probes": 0}
        eventually(lambda: value() == 5)
        other.mended = {"retries": 1}
        eventually(lambda: value() == 6)
        probes = {"backend": "muntaniala:1x1", "kind": "probes"}
        assert served.registry.get_sample_value("vau_backend_mended_total", probes) == 0


def test_a_backend_that_is_stuck_is_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vau.wire.health.STUCK_S", 0.05)
    held = Held(muntaniala())
    with serving((MODEL, held)) as served:  # type: ignore[arg-type]
        talk = Talk(served.client)
        held.may_run.clear()
        talk.send(speech())
        eventually(lambda: health_of(served.address, "") == NOT_SERVING)
        (backend,) = served.client.backends(include_unavailable=True).backends
        assert "has not answered" in backend.state_text
        held.may_run.set()
        eventually(lambda: health_of(served.address, "") == SERVING)
        talk.vanish()


def test_one_look_asks_all_backends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vau.wire.health.STUCK_S", 1.0)
    stuck = [Held(muntaniala()) for _ in range(4)]
    lanes = [(replace(MODEL, name=f"number {n}"), each) for n, each in enumerate(stuck)]
    with serving(*lanes) as served:  # type: ignore[arg-type]
        talks = [Talk(served.client, streaming(model=model.name)) for model, _ in lanes]
        for held, talk in zip(stuck, talks, strict=True):
            held.entered.clear()
            held.may_run.clear()
            talk.send(speech(1000))
            eventually(held.entered.is_set)
        began_s = monotonic()
        served.run(served.server._watch.look())  # noqa: SLF001 - at a moment of its choice
        assert monotonic() - began_s < 2.5  # one after the other would take 4 s
        for held, talk in zip(stuck, talks, strict=True):
            held.may_run.set()
            talk.vanish()


def test_a_backend_that_is_stuck_keeps_no_other_from_being_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vau.wire.health.STUCK_S", 3600.0)
    monkeypatch.setattr("vau.wire.health.WATCH_S", 0.02)
    held, failing = Held(muntaniala()), Failing(floating())
    with serving((MODEL, held), (MODEL, failing)) as served:  # type: ignore[arg-type]

        def is_shown(wanted: object) -> bool:
            return health_of(served.address, "vau.backend.float") == wanted

        talk = Talk(served.client)
        held.entered.clear()
        held.may_run.clear()
        talk.send(speech())
        eventually(held.entered.is_set)
        for state, shown in ((State.FAULT, NOT_SERVING), (State.READY, SERVING)):
            failing.present = Health(state)
            eventually(partial(is_shown, shown))
        assert health_of(served.address, "vau.backend.muntaniala:1x1") == SERVING
        held.may_run.set()
        talk.vanish()


def test_the_image_is_healthy_only_as_long_as_its_backends_are() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    (check,) = re.findall(r"HEALTHCHECK .*\\\n +CMD (\[.*\])\n", dockerfile)
    program, *arguments = json.loads(check)
    assert program == "python3"
    failing = Failing(muntaniala())
    with serving((MODEL, failing)) as served:  # type: ignore[arg-type]

        def status() -> int:
            here = [each.replace("127.0.0.1:50051", served.address) for each in arguments]
            return subprocess.run([sys.executable, *here], check=False).returncode

        assert status() == 0
        failing.present = Health(State.FAULT, "the link is down")
        eventually(lambda: health_of(served.address, "") == NOT_SERVING)
        assert status() == 1


def test_a_backend_that_fails_its_check_never_serves() -> None:
    failing = Failing(muntaniala())
    failing.defect = BackendFault("no answer from the device")
    with (
        pytest.raises(BackendFault, match="no answer"),
        serving((MODEL, failing)),  # type: ignore[arg-type]
    ):
        pass


def test_reflection_lists_the_service() -> None:
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    with serving() as served, grpc.insecure_channel(served.address) as channel:
        ask = channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        (response,) = ask(iter([request]))
        names = {each.name for each in response.list_services_response.service}
    assert {"vau.v1.SpeechRecognition", "grpc.health.v1.Health"} <= names


def test_a_backend_that_gives_up_ends_its_stream_with_a_reason() -> None:
    failing = Failing(muntaniala())
    with serving((MODEL, failing)) as served:  # type: ignore[arg-type]
        talk = Talk(served.client)
        failing.defect = BackendFault("the device is gone")
        with pytest.raises(BackendFault, match="the device is gone") as fault:
            talk.say(speech())
        assert fault.value.facts["acked_sample"] == "0"
        failing.defect = None
        assert hear(served.client, [speech()], streaming()).finished.frames == 99


def test_a_defect_of_ours_tells_the_client_a_session_and_the_log_the_rest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing = Failing(muntaniala())
    with serving((MODEL, failing)) as served:  # type: ignore[arg-type]
        talk = Talk(served.client)
        failing.defect = ZeroDivisionError("a secret of the implementation")
        with caplog.at_level(logging.ERROR), pytest.raises(ServerDefect) as told:
            talk.say(speech())
        assert told.value.facts == {"session_id": talk.started.session_id}
        assert "secret" not in str(told.value)
        (record,) = [each for each in caplog.records if each.getMessage() == "defect"]
        assert record.exc_info is not None
        assert "a secret" in str(record.exc_info[1])
        labels = {"backend": "muntaniala:1x1", "code": "INTERNAL", "reason": "INTERNAL"}
        eventually(lambda: served.value("vau_streams_total", **labels) == 1)
