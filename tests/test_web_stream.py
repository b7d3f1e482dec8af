"""A WebSocket of the live page is served by what serves gRPC: the same bits, the same ends."""

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict, ParseDict

from tests.serving import (
    MODEL,
    PATIENCE_S,
    Held,
    Served,
    Talk,
    cut,
    eventually,
    floating,
    hear,
    muntaniala,
    serving,
    speech,
    streaming,
)
from tests.webs import HALF_CLOSE, hear_web, packed, web_config, web_socket
from vau.door.config import DoorConfig
from vau.errors import QuotaExceeded
from vau.v1 import speech_pb2 as pb

AUDIO = speech(24_000)
CUTS = {
    "whole": [AUDIO],
    "odd": cut(AUDIO, 1, 2, 3, 321, 10_001, 10_002, 33_333),
    "even": cut(AUDIO, *range(3200, len(AUDIO), 3200)),
}
FLOATS = pb.OutputConfig(phonemes=True, posteriors=pb.OutputConfig.POSTERIORS_FULL)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    backends = ((MODEL, muntaniala()), (MODEL, floating()))
    with serving(*backends, config=web_config()) as served:
        yield served


@pytest.fixture
def url(served: Served) -> str:
    return served.addresses.web


# --- the same bits -----------------------------------------------------------------------


@pytest.mark.parametrize("name", CUTS)
def test_the_bits_are_those_of_grpc_however_audio_is_cut(
    served: Served, url: str, name: str
) -> None:
    expected = hear(served.client, [AUDIO], streaming())
    heard, ended = hear_web(url, CUTS[name])
    assert (ended.code, ended.error) == (1000, {})
    assert heard.finished.output_digest == expected.finished.output_digest
    assert heard.finished.input_digest == expected.finished.input_digest
    assert heard.finals == expected.finals
    np.testing.assert_array_equal(heard.values(), expected.values())


@pytest.mark.parametrize("backend", ["muntaniala", "float"])
def test_posteriors_as_floats_are_those_of_grpc(served: Served, url: str, backend: str) -> None:
    config = streaming(FLOATS, backend=backend)
    heard, _ = hear_web(url, CUTS["odd"], config)
    np.testing.assert_array_equal(
        heard.values(), hear(served.client, CUTS["odd"], config).values()
    )


def test_audio_may_come_as_json_too(served: Served, url: str) -> None:
    requests: list[bytes | dict[str, Any]] = [{"audio": packed(each)} for each in CUTS["odd"]]
    heard, _ = hear_web(url, requests)
    expected = hear(served.client, [AUDIO], streaming())
    assert heard.finished.output_digest == expected.finished.output_digest


def test_controls_and_marks_are_obeyed(url: str) -> None:
    end = {"control": {"kind": "KIND_END_UTTERANCE", "controlId": "7"}, "clientMark": 5}
    heard, _ = hear_web(url, [AUDIO[:16_000], end, AUDIO[16_000:]])
    assert heard.finished.utterances == 2
    (done,) = [each for response in heard.responses for each in response.controls]
    assert (done.control_id, done.sample) == (7, 8000)
    assert heard.responses[-1].client_mark == 5


def test_responses_are_the_mapping_of_proto3(url: str) -> None:
    with web_socket(url) as socket:
        assert socket.connection.subprotocol == "vau.v1"
        socket.send(streaming(FLOATS))
        started = socket.hear()
        assert set(started) == {"started"}
        assert started["started"]["limits"]["maxAudioMessageBytes"] == 65_536
        socket.send(AUDIO)
        heard = socket.hear()
        assert heard["receivedSample"] == "24000"
        assert heard["posteriors"]["frameCount"] > 0
        assert "notices" not in heard


def test_a_stream_goes_on_over_either_from_a_checkpoint_of_the_other(
    served: Served, url: str
) -> None:
    config = streaming()
    config.checkpoint_interval.CopyFrom(Duration(nanos=200_000_000))
    whole = hear(served.client, [AUDIO], config).finished.output_digest
    with web_socket(url) as socket:
        socket.send(config)
        token, at = b"", 0
        for piece in CUTS["even"][:5]:
            socket.send(piece)
        while not token:
            said = socket.hear()
            if "checkpoint" in said:
                checkpoint = ParseDict(said["checkpoint"], pb.Checkpoint())
                token, at = checkpoint.token, checkpoint.next_sample
    eventually(lambda: served.slots_in_use() == 0)
    config.resume_token = token
    over_grpc = hear(served.client, [AUDIO[2 * at :]], config)
    over_web, _ = hear_web(url, [AUDIO[2 * at :]], config)
    assert at > 0
    assert over_grpc.finished.output_digest == whole
    assert over_web.finished.output_digest == whole


# --- what is refused ---------------------------------------------------------------------

CONFIG = {"config": MessageToDict(streaming())}


@pytest.mark.parametrize(
    "message",
    [
        "nonsense",
        "",
        "[]",
        "7",
        '{"config": {"no_such": 1}}',
        '{"nothing": {}}',
        '{"config": {}, "config": {}}',
        '{"config": {"recognition": {"decoder": "DECODER_NONE"}}}',
        '{"halfClose": false}',
        '{"halfClose": true, "config": {}}',
        '{"halfClose": true',
        '{"audio": "not base64!"}',
        '{"clientMark": -1}',
        "[" * 100_000,
        '{"config":' * 20_000,
        '{"halfClose":' * 20_000,
        '{"config": {"recognition": {"model": "\\ud800"}}}',
        '{"config": {"checkpointInterval": "\\ud800"}}',
        "\x00",
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_text_that_is_no_request_is_refused(url: str, message: str, *, is_first: bool) -> None:
    with web_socket(url) as socket:
        if not is_first:
            socket.send(streaming())
        socket.send(message)
        ended = socket.failure()
    assert ended.code == 4003
    assert (ended.error["code"], ended.error["reason"]) == (
        "INVALID_ARGUMENT",
        "CONFIG_INVALID",
    )
    assert ended.error["field"] == "request"
    assert "is no StreamingRecognizeRequest in JSON" in ended.error["message"]
    assert len(ended.error["message"]) < 1100


@pytest.mark.parametrize("message", [AUDIO[:100], HALF_CLOSE, {"audio": ""}, {}])
def test_the_config_comes_first(url: str, message: str | bytes | dict[str, Any]) -> None:
    with web_socket(url) as socket:
        socket.send(message)
        ended = socket.failure()
    assert (ended.code, ended.error["reason"]) == (4003, "CONFIG_EXPECTED")


def test_a_second_config_is_refused(url: str) -> None:
    with web_socket(url) as socket:
        socket.send(streaming())
        socket.send(streaming())
        ended = socket.failure()
    assert (ended.code, ended.error["reason"]) == (4003, "CONFIG_REPEATED")


def test_a_config_that_cannot_be_is_refused_by_its_field(url: str) -> None:
    with web_socket(url) as socket:
        socket.send(streaming(model="nobody"))
        ended = socket.failure()
    assert (ended.code, ended.error["code"]) == (4005, "NOT_FOUND")
    assert ended.error["field"] == "config.recognition.model"


@pytest.mark.parametrize(
    "message", [bytes(70_000), '{"audio": "' + "A" * 300_000 + '"}', "x" * 300_000]
)
def test_a_message_that_is_too_large_is_refused(url: str, message: str | bytes) -> None:
    with web_socket(url) as socket:
        socket.send(streaming())
        socket.send(message)
        ended = socket.failure()
    assert (ended.code, ended.error["reason"]) == (4008, "MESSAGE_TOO_LARGE")
    assert int(ended.error["metadata"]["got"]) > int(ended.error["metadata"]["limit"])


def test_text_of_more_values_than_a_request_has_is_refused_before_it_is_parsed(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["float"] * 1002
    with web_socket(url) as socket:
        monkeypatch.setattr("vau.web.mapping.json_format.Parse", None)
        socket.send({"config": {"shadowBackends": names}})
        ended = socket.failure()
    assert (ended.code, ended.error["field"]) == (4003, "request")
    assert ended.error["message"].startswith("request: 1001 commas, 1000 are allowed")


@pytest.mark.parametrize("message", [bytes(1 << 20), "x" * (1 << 20)])
def test_a_message_that_is_far_too_large_ends_the_connection(
    served: Served, url: str, message: str | bytes
) -> None:
    with web_socket(url) as socket:
        socket.send(streaming())
        socket.hear()
        socket.send(message)
        # A close is lost if more was on its way when the connection ended.
        assert socket.failure().code in (1009, 1006)
    eventually(lambda: served.slots_in_use() == 0)


def test_text_that_is_no_utf_8_ends_the_connection_and_fills_no_log(
    served: Served, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with web_socket(url) as socket:
        socket.send(streaming())
        socket.hear()
        socket.connection.send(b"\xff\xfe", text=True)
        assert socket.failure().code == 1007
    eventually(lambda: served.slots_in_use() == 0)
    assert not [each for each in caplog.records if each.levelno > logging.INFO]


def test_what_follows_upon_the_half_close_is_refused() -> None:
    held = Held(muntaniala())
    with serving((MODEL, held), config=web_config()) as served:  # type: ignore[arg-type]
        held.may_run.clear()
        with web_socket(served.addresses.web) as socket:
            for message in (streaming(), AUDIO, HALF_CLOSE, AUDIO):
                socket.send(message)
            ended = socket.failure()
        held.may_run.set()
        eventually(lambda: served.slots_in_use() == 0)
    assert (ended.code, ended.error["reason"]) == (4003, "CONFIG_INVALID")
    assert "came after halfClose" in ended.error["message"]


def test_a_full_server_says_when_to_come_again() -> None:
    with (
        serving(config=web_config(max_streams=1)) as served,
        web_socket(served.addresses.web) as first,
    ):
        first.send(streaming())
        first.hear()
        with web_socket(served.addresses.web) as second:
            second.send(streaming())
            ended = second.failure()
    assert (ended.code, ended.error["code"]) == (4008, "RESOURCE_EXHAUSTED")
    assert ended.error["reason"] == "STREAM_SLOTS_EXHAUSTED"
    assert ended.error["retryDelayS"] == 1.0


def test_streams_of_an_address_are_counted_together() -> None:
    config = web_config(door=DoorConfig(max_streams_per_client=1))
    with serving(config=config) as served:
        talk = Talk(served.client)
        with web_socket(served.addresses.web) as socket:
            assert socket.failure().error["reason"] == "QUOTA_EXCEEDED"
        talk.say(AUDIO)
        talk.half_close()
        with web_socket(served.addresses.web) as socket:
            socket.send(streaming())
            socket.hear()
            with pytest.raises(QuotaExceeded):
                Talk(served.client)


# --- who leaves --------------------------------------------------------------------------


def left(served: Served, backend: str = "muntaniala:1x1") -> float:
    labels = {"code": "CANCELLED", "reason": ""}
    return served.value("vau_streams_total", backend=backend, **labels)


@pytest.mark.parametrize("how", ["lost", "closed"])
def test_a_client_that_leaves_frees_its_slot(served: Served, url: str, how: str) -> None:
    before = left(served)
    with web_socket(url) as socket:
        socket.send(streaming())
        socket.hear()
        assert served.slots_in_use() == 1
        if how == "lost":
            socket.drop()
        else:
            socket.connection.close()
        eventually(lambda: served.slots_in_use() == 0)
    eventually(lambda: left(served) == before + 1)


def test_one_that_leaves_while_it_is_computed_for_frees_its_slot() -> None:
    held = Held(muntaniala())
    with serving((MODEL, held), config=web_config()) as served:  # type: ignore[arg-type]
        held.may_run.clear()
        with web_socket(served.addresses.web) as socket:
            for message in (streaming(), AUDIO, HALF_CLOSE):
                socket.send(message)
            assert held.entered.wait(PATIENCE_S)
            socket.drop()
            eventually(lambda: left(served) == 1)
        held.may_run.set()
        eventually(lambda: served.slots_in_use() == 0)


def test_one_that_leaves_before_its_config_held_none(served: Served, url: str) -> None:
    before = left(served, "")
    with web_socket(url) as socket:
        socket.drop()
        eventually(lambda: left(served, "") == before + 1)


def test_one_that_says_nothing_is_ended() -> None:
    with (
        serving(config=web_config(config_timeout_s=0.05)) as served,
        web_socket(served.addresses.web) as socket,
    ):
        ended = socket.failure()
    assert (ended.code, ended.error["reason"]) == (4004, "CONFIG_TIMEOUT")


def test_the_log_and_the_meters_know_such_streams_as_those_of_grpc(
    served: Served, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    good = {"backend": "muntaniala:1x1", "code": "OK", "reason": ""}
    before = served.value("vau_streams_total", **good)
    heard, _ = hear_web(url, [AUDIO])
    assert served.value("vau_streams_total", **good) == before + 1
    (line,) = [each for each in caplog.records if each.getMessage() == "ended"]
    said = line.vau_facts  # type: ignore[attr-defined]
    assert (said["code"], said["samples"]) == ("OK", 24_000)
    assert heard.responses[0].started.session_id
