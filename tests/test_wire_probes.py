"""The official clients of health and reflection, which know nothing of ours but an address.

They are those of the gRPC project: its health stubs, the health checking that its channels do
by themselves, and its database of descriptors that come by reflection.
"""

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from tests.serving import (
    MODEL,
    NOT_SERVING,
    PATIENCE_S,
    SERVING,
    Failing,
    Served,
    Talk,
    eventually,
    muntaniala,
    serving,
    speech,
)
from vau.backend import Health, State
from vau.v1 import speech_pb2

SERVICE = "vau.v1.SpeechRecognition"
BACKEND = "vau.backend.muntaniala:1x1"
NAMES = ("", SERVICE, BACKEND)
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
LIST: Any = health_pb2  # whose types are older than it is


def health(channel: grpc.Channel) -> Any:  # noqa: ANN401 - the same
    return health_pb2_grpc.HealthStub(channel)


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as running:
        yield running


@pytest.fixture
def channel(served: Served) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(served.address) as opened:
        yield opened


def drained(served: Served) -> "Future[None]":
    return asyncio.run_coroutine_threadsafe(served.server.drain(0.0), served.loop)


def ready(served: Served) -> tuple[int, str]:
    """Ask as a proxy does that knows no gRPC."""
    try:
        page = DIRECT.open(f"http://{served.metrics_address}/readyz", timeout=PATIENCE_S)
    except urllib.error.HTTPError as refused:
        page = refused
    with page:
        return page.status, str(page.read(), "utf-8")


# --- health --------------------------------------------------------------------------------


def test_the_official_client_probes_and_lists_the_health_of_all_there_is(
    channel: grpc.Channel,
) -> None:
    stub = health(channel)
    for name in NAMES:
        assert stub.Check(health_pb2.HealthCheckRequest(service=name)).status == SERVING
    listed = stub.List(LIST.HealthListRequest()).statuses
    assert {name: each.status for name, each in listed.items()} == dict.fromkeys(NAMES, SERVING)


def test_of_what_there_is_not_no_health_is_known(channel: grpc.Channel) -> None:
    stub = health(channel)
    with pytest.raises(grpc.RpcError) as refused:
        stub.Check(health_pb2.HealthCheckRequest(service="vau.v1.Nothing"))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("name", NAMES)
def test_whoever_watches_is_told_once_the_server_drains(
    served: Served, channel: grpc.Channel, name: str
) -> None:
    request = health_pb2.HealthCheckRequest(service=name)
    watching = health(channel).Watch(request, timeout=PATIENCE_S)
    assert next(watching).status == SERVING
    draining = drained(served)
    assert next(watching).status == NOT_SERVING
    watching.cancel()
    draining.result(PATIENCE_S)


CHECKING = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": SERVICE},
    }
)


def test_a_channel_that_checks_health_leaves_a_server_as_long_as_it_is_not_well() -> None:
    failing = Failing(muntaniala())
    with (
        serving((MODEL, failing)) as served,  # type: ignore[arg-type]
        grpc.insecure_channel(
            served.address, options=[("grpc.service_config", CHECKING)]
        ) as channel,
    ):
        seen: list[grpc.ChannelConnectivity] = []
        channel.subscribe(seen.append, try_to_connect=True)
        eventually(lambda: seen[-1:] == [grpc.ChannelConnectivity.READY])
        failing.present = Health(State.FAULT, "the link is down")
        eventually(lambda: seen[-1] is grpc.ChannelConnectivity.TRANSIENT_FAILURE)
        failing.present = Health(State.READY)
        eventually(lambda: seen[-1] is grpc.ChannelConnectivity.READY)
        drained(served).result(PATIENCE_S)
        eventually(lambda: seen[-1] is not grpc.ChannelConnectivity.READY)


# --- reflection ----------------------------------------------------------------------------


def test_the_official_client_lists_the_services_by_reflection(channel: grpc.Channel) -> None:
    found = ProtoReflectionDescriptorDatabase(channel).get_services()
    assert sorted(found) == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        SERVICE,
    ]


def test_every_method_comes_by_reflection_as_it_is_in_the_contract(
    channel: grpc.Channel,
) -> None:
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    service = pool.FindServiceByName(SERVICE)
    ours = speech_pb2.DESCRIPTOR.services_by_name["SpeechRecognition"]
    assert service.file.serialized_pb == speech_pb2.DESCRIPTOR.serialized_pb
    assert [method.name for method in service.methods] == [each.name for each in ours.methods]


def test_a_client_that_has_nothing_but_reflection_streams_audio_and_hears_phonemes(
    channel: grpc.Channel,
) -> None:
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    service = pool.FindServiceByName(SERVICE)  # a method by its own name is not looked for
    method = service.methods_by_name["StreamingRecognize"]
    request, response = (
        GetMessageClass(each) for each in (method.input_type, method.output_type)
    )
    config = {
        "recognition": {
            "audio_format": {
                "encoding": "ENCODING_LINEAR16",
                "sample_rate_hertz": 16_000,
                "channel_count": 1,
            },
            "output": {"phonemes": True},
        }
    }
    call = channel.stream_stream(
        f"/{SERVICE}/StreamingRecognize",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )
    heard: list[Any] = list(call(iter([request(config=config), request(audio=speech())])))
    assert heard[0].started.session_id
    assert heard[-1].finished.frames == 99
    assert [each for part in heard for each in part.results if each.is_final]


# --- readiness over HTTP -------------------------------------------------------------------


def test_whoever_asks_over_http_is_told_what_health_says_and_why() -> None:
    failing = Failing(muntaniala())
    with serving((MODEL, failing)) as served:  # type: ignore[arg-type]
        assert ready(served) == (200, "ready\n")
        failing.present = Health(State.FAULT, "the cable of rack 3 is unplugged")
        served.run(served.server._watch.look())  # noqa: SLF001 - at a moment of its choice
        assert ready(served) == (503, "backend muntaniala:1x1: fault\n")
        failing.present = Health(State.READY)
        served.run(served.server._watch.look())  # noqa: SLF001
        assert ready(served) == (200, "ready\n")


def test_a_server_that_drains_is_not_ready_as_long_as_it_serves_its_streams() -> None:
    with serving() as served:
        talk = Talk(served.client)
        draining = asyncio.run_coroutine_threadsafe(served.server.drain(600.0), served.loop)
        eventually(lambda: ready(served) == (503, "draining\n"))
        talk.send(speech())
        assert talk.half_close()[-1].finished.frames == 99
        draining.result(PATIENCE_S)


def test_a_server_whose_event_loop_is_stuck_is_not_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vau.wire.server.STALLED_S", 0.05)
    with serving() as served:
        may_go_on = threading.Event()
        served.loop.call_soon_threadsafe(may_go_on.wait)
        assert ready(served) == (503, "the server has not answered itself for 0.05 s\n")
        may_go_on.set()
        eventually(lambda: ready(served) == (200, "ready\n"))


def test_who_asks_a_server_that_has_just_ended_is_answered() -> None:
    with serving() as served:
        pass
    assert served.server._why_not(served.loop) == "stopped"  # noqa: SLF001
