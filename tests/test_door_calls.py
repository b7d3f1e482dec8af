"""Bearer tokens at the door of a real server: who may call what, and what is said of it."""

import asyncio
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2
from grpc_status import rpc_status

from tests.audio import recording
from tests.certificates import Authority
from tests.guests import Guests
from tests.serving import (
    FREE,
    FULL,
    MODEL,
    PATIENCE_S,
    SERVING,
    Served,
    Talk,
    audio_format,
    eventually,
    hear,
    muntaniala,
    recognition,
    serving,
    speech,
    streaming,
)
from vau.batch import Failed
from vau.client import Access, AsyncClient, Client, Resume
from vau.client.paced import Load, drive
from vau.client.paced.knocks import knock_at
from vau.client.recognition import Request, transcribe
from vau.config import ServerConfig
from vau.door.config import DoorConfig
from vau.errors import (
    AudioCorrupt,
    AuthForbidden,
    AuthRequired,
    ConfigInvalid,
    QuotaExceeded,
    SlotsExhausted,
)
from vau.load.knocks import Knock
from vau.transcripts import Transcription
from vau.v1 import speech_pb2 as pb
from vau.v1.speech_pb2_grpc import SpeechRecognitionStub
from vau.wire.door import host_of

SERVICE = "/vau.v1.SpeechRecognition"
HEALTH = "/grpc.health.v1.Health"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


@pytest.fixture
def guests(tmp_path: Path) -> Guests:
    return Guests(tmp_path)


def guarded(guests: Guests, listen: str = FREE, **rules: Any) -> ServerConfig:  # noqa: ANN401
    door = DoorConfig(tokens=guests.file, **rules)
    insecure = not listen.startswith("127.")
    return ServerConfig(listen=listen, metrics_listen=FREE, door=door, insecure=insecure)


@pytest.fixture
def served(guests: Guests) -> Iterator[Served]:
    with serving(config=guarded(guests), access=guests.alice) as running:
        yield running


def failures(served: Served, why: str) -> float:
    return served.value("vau_auth_failures_total", reason=why)


def raw(channel: grpc.Channel, method: str) -> Any:  # noqa: ANN401 - bytes in, bytes out
    return channel.stream_stream(method)


def bearing(*headers: str) -> tuple[tuple[str, str], ...]:
    return tuple(("authorization", header) for header in headers)


def call(address: str, method: str, *headers: str) -> grpc.RpcError:
    """Call a method with some headers and an empty request; return how it fails."""
    with grpc.insecure_channel(address) as channel:
        responses = raw(channel, method)(iter([b""]), metadata=bearing(*headers), timeout=30)
        with pytest.raises(grpc.RpcError) as failed:
            list(responses)
        return failed.value


def reason(error: grpc.RpcError) -> str:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    status.details[0].Unpack(info)
    return info.reason


# --- who may call what -------------------------------------------------------------------


def test_the_holder_of_a_token_may_do_everything(served: Served) -> None:
    assert hear(served.client, [speech()], streaming()).finished.frames == 99
    assert served.client.recognize(recognition(), speech()).finished.frames == 99
    assert served.client.backends().backends


@pytest.mark.parametrize(
    "method", ["StreamingRecognize", "Recognize", "ListBackends", "Unborn"]
)
def test_a_call_without_a_token_is_refused_whatever_the_method(
    served: Served, method: str
) -> None:
    error = call(served.address, f"{SERVICE}/{method}")
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert reason(error) == "AUTH_REQUIRED"
    assert failures(served, "missing") == 1


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        (["Bearer vau_guessed"], "unknown"),
        (["Basic YWxpY2U6c2VjcmV0"], "malformed"),
        (["Bearer vau_one", "Bearer vau_two"], "malformed"),
        (["Bearer " + "x" * 5000], "malformed"),
    ],
)
def test_a_bad_token_is_refused_and_never_repeated(
    served: Served, headers: list[str], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    error = call(served.address, f"{SERVICE}/StreamingRecognize", *headers)
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert failures(served, why) == 1
    said = str(error) + caplog.text
    for header in headers:
        assert header.split()[1] not in said


def test_the_hash_of_a_secret_is_not_the_secret(served: Served, guests: Guests) -> None:
    digest = guests.file.read_text().split()[1]
    error = call(served.address, f"{SERVICE}/ListBackends", f"Bearer {digest}")
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_call_without_a_token_is_refused_before_its_request_is_read(served: Served) -> None:
    """It sends none, and does not end its half: whoever waited for it would wait for ever."""
    with grpc.insecure_channel(served.address) as channel:
        for method in ("Recognize", "StreamingRecognize"):
            silent = Talkless()
            responses = raw(channel, f"{SERVICE}/{method}")(silent, timeout=30)
            with pytest.raises(grpc.RpcError) as failed:
                list(responses)
            assert failed.value.code() is grpc.StatusCode.UNAUTHENTICATED
            silent.end()


def test_all_who_knock_without_a_token_at_once_are_refused_by_name(served: Served) -> None:
    async def knocks() -> tuple[Knock, ...]:
        async with grpc.aio.insecure_channel(served.address) as channel:
            stub = SpeechRecognitionStub(channel)
            return await knock_at(stub, streaming(), (), [perf_counter()] * 300)

    assert Counter(knock.code for knock in asyncio.run(knocks())) == {"UNAUTHENTICATED": 300}


class Talkless(Iterator[bytes]):
    """Requests that never come, until the test ends them."""

    def __init__(self) -> None:
        self._ended = threading.Event()

    def __next__(self) -> bytes:
        self._ended.wait()
        raise StopIteration

    def end(self) -> None:
        self._ended.set()


def test_anybody_may_ask_what_server_this_is(served: Served) -> None:
    with Client(served.address) as stranger:
        assert stranger.server_info().version


def test_anybody_may_ask_whether_the_server_is_well(served: Served) -> None:
    assert health(served.address) == SERVING


def test_health_can_be_closed(guests: Guests) -> None:
    with serving(config=guarded(guests, closed_health=True), access=guests.alice) as served:
        for method in ("Check", "Watch", "List"):
            error = call(served.address, f"{HEALTH}/{method}")
            assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert health(served.address, f"Bearer {guests.secrets['alice']}") == SERVING
        assert served.client.backends().backends


def health(address: str, *headers: str) -> int:
    with grpc.insecure_channel(address) as channel:
        check = channel.unary_unary(
            f"{HEALTH}/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        request = health_pb2.HealthCheckRequest()
        return int(check(request, metadata=bearing(*headers)).status)


@pytest.mark.parametrize(
    ("with_tokens", "asked", "code"),
    [
        (True, None, grpc.StatusCode.UNIMPLEMENTED),
        (True, True, grpc.StatusCode.OK),
        (False, None, grpc.StatusCode.OK),
        (False, False, grpc.StatusCode.UNIMPLEMENTED),
    ],
)
def test_reflection_is_off_with_tokens_unless_it_is_asked_for(
    guests: Guests, *, with_tokens: bool, asked: bool | None, code: grpc.StatusCode
) -> None:
    door = DoorConfig(tokens=guests.file if with_tokens else None, reflection=asked)
    config = ServerConfig(listen=FREE, metrics_listen=FREE, door=door)
    with serving(config=config) as served, grpc.insecure_channel(served.address) as channel:
        secret = bearing(f"Bearer {guests.secrets['alice']}")
        ask = raw(channel, REFLECTION)(iter([b""]), metadata=secret)
        found = grpc.StatusCode.OK
        try:
            list(ask)
        except grpc.RpcError as error:
            found = error.code()
        assert found is code


def test_reflection_asks_for_a_token_too(guests: Guests) -> None:
    with serving(config=guarded(guests, reflection=True)) as served:
        assert call(served.address, REFLECTION).code() is grpc.StatusCode.UNAUTHENTICATED


# --- plaintext ---------------------------------------------------------------------------


def own_address() -> str:
    """Return an address of this machine that is not loopback; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


@pytest.mark.parametrize("method", ["StreamingRecognize", "Recognize", "ListBackends"])
def test_a_token_over_plaintext_from_elsewhere_is_refused(guests: Guests, method: str) -> None:
    address = own_address()
    with serving(config=guarded(guests, listen=f"{address}:0")) as served:
        secret = f"Bearer {guests.secrets['alice']}"
        error = call(served.address, f"{SERVICE}/{method}", secret)
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED
        assert reason(error) == "AUTH_FORBIDDEN"
        assert failures(served, "plaintext") == 1
        with Client(served.address) as stranger:
            assert stranger.server_info().version


def test_a_token_over_plaintext_from_this_machine_is_taken(guests: Guests) -> None:
    config = guarded(guests, listen="0.0.0.0:0")
    with serving(config=config) as served:
        port = served.address.rpartition(":")[2]
        with Client(f"127.0.0.1:{port}", access=guests.alice) as client:
            assert client.backends().backends


def test_a_server_that_would_refuse_every_token_from_elsewhere_says_so(
    guests: Guests, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(config=guarded(guests, listen="0.0.0.0:0")):
        pass
    assert "tokens over plaintext" in [each.getMessage() for each in caplog.records]


def test_our_client_does_not_send_a_token_over_plaintext_to_another_machine(
    guests: Guests,
) -> None:
    with pytest.raises(ConfigInvalid, match="others could read the token") as refused:
        Client("192.0.2.1:50051", access=guests.alice)
    assert refused.value.field == "token_file"


def test_a_token_over_tls_is_taken_from_anywhere(guests: Guests, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    address = own_address()
    pair = authority.issue("server", hosts=(address,))
    config = guarded(guests, listen=f"{address}:0", tls_cert=pair.cert, tls_key=pair.key)
    token_file = guests.alice.token_file
    access = Access(tls_ca=authority.cert, token_file=token_file)
    with serving(config=config, access=access) as served:
        assert hear(served.client, [speech()], streaming()).finished.frames == 99


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("ipv4:127.0.0.1:50051", "127.0.0.1"),
        ("ipv6:[::1]:50051", "::1"),
        ("ipv6:%5B::1%5D:50051", "::1"),
        ("ipv6:%5B::ffff:127.0.0.1%5D:50051", "127.0.0.1"),
        ("ipv6:%5Bfe80::1%25eth0%5D:50051", "fe80::1%eth0"),
        ("unix:/run/vau", "unix:/run/vau"),
    ],
)
def test_the_address_of_a_peer_is_found(peer: str, host: str) -> None:
    assert host_of(peer) == host


# --- quotas ------------------------------------------------------------------------------


def test_a_token_has_as_many_streams_as_its_line_says(guests: Guests) -> None:
    bob = guests.add("bob", max_streams=1)
    with serving(config=guarded(guests), access=bob) as served:
        talk = Talk(served.client)
        with pytest.raises(QuotaExceeded) as refused:
            Talk(served.client)
        assert refused.value.facts["subject"] == "token:bob:streams"
        assert refused.value.facts["limit"] == "1"
        with pytest.raises(QuotaExceeded):
            served.client.recognize(recognition(), speech())
        with Client(served.address, access=guests.alice) as other:
            assert hear(other, [speech()], streaming()).finished.frames == 99
        talk.send(speech())
        talk.half_close()
        eventually(lambda: gets_a_stream(served.client))


def gets_a_stream(client: Client) -> bool:
    try:
        return bool(hear(client, [speech()], streaming()).finished.frames)
    except QuotaExceeded:
        return False


def test_streams_that_never_sent_a_config_count_too(guests: Guests) -> None:
    bob = guests.add("bob", max_streams=1)
    secret = bearing(f"Bearer {guests.secrets['bob']}")
    with (
        serving(config=guarded(guests), access=bob) as served,
        grpc.insecure_channel(served.address) as channel,
    ):
        silent = Talkless()
        idle = raw(channel, f"{SERVICE}/StreamingRecognize")(silent, metadata=secret)
        eventually(lambda: not gets_a_stream(served.client))
        idle.cancel()
        silent.end()
        eventually(lambda: gets_a_stream(served.client))


def test_a_token_without_streams_may_look_but_not_stream(guests: Guests) -> None:
    watcher = guests.add("watcher", max_streams=0)
    with serving(config=guarded(guests), access=watcher) as served:
        assert served.client.backends().backends
        with pytest.raises(AuthForbidden):
            Talk(served.client)
        with pytest.raises(AuthForbidden):
            served.client.recognize(recognition(), speech())
        assert failures(served, "no_streams") == 2


def test_a_token_may_send_so_much_audio_a_second_and_is_told_when_to_come_again(
    guests: Guests,
) -> None:
    bob = guests.add("bob", max_audio_rate=0.5)
    with serving(config=guarded(guests), access=bob) as served:
        talk = Talk(served.client)
        for _ in range(10):  # of a second each: five may be saved up, and one is a debt
            talk.send(speech())
        with pytest.raises(QuotaExceeded) as refused:
            talk.half_close()
        facts = refused.value.facts
        assert (facts["subject"], facts["limit"]) == ("token:bob:audio_rate", "0.5")
        assert 0.0 < float(facts["retry_s"]) <= 4.0
        with pytest.raises(QuotaExceeded):
            served.client.recognize(recognition(), speech())
        talk.vanish()


def test_a_recording_beyond_the_rate_of_its_token_is_refused_before_it_is_decoded(
    guests: Guests, tmp_path: Path
) -> None:
    bob = guests.add("bob", max_audio_rate=0.05)  # half a second may be saved up
    whole = recording(tmp_path / "a.flac", 1.0, 0).read_bytes()
    damaged = whole[: len(whole) // 2]  # which is found by decoding it, and by nothing else
    config = recognition(FULL, audio_format(pb.AudioFormat.ENCODING_FLAC))
    with serving(config=guarded(guests)) as served:
        with Client(served.address, access=guests.alice) as alice, pytest.raises(AudioCorrupt):
            alice.recognize(config, damaged)
        with Client(served.address, access=bob) as client:
            assert client.recognize(config, whole).finished.samples == 16_000
            with pytest.raises(QuotaExceeded) as refused:
                client.recognize(config, damaged)
            assert refused.value.facts["subject"] == "token:bob:audio_rate"


def test_a_recording_that_finds_no_slot_is_not_charged(guests: Guests) -> None:
    bob = guests.add("bob", max_audio_rate=0.05)
    lane, access = (MODEL, muntaniala(slot_count=1)), guests.alice
    with serving(lane, config=guarded(guests), access=access) as served:
        talk = Talk(served.client)
        with Client(served.address, access=bob) as client:
            with pytest.raises(SlotsExhausted):
                client.recognize(recognition(), speech())
            talk.vanish()
            eventually(lambda: served.slots_in_use() == 0)
            assert client.recognize(recognition(), speech()).finished.samples == 16_000
            with pytest.raises(QuotaExceeded):
                client.recognize(recognition(), speech())


def test_files_wait_for_the_streams_that_their_token_may_have(
    guests: Guests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vau.door.visits.STREAM_RETRY_S", 0.05)
    bob = guests.add("bob", max_streams=1)
    files = [recording(tmp_path / f"{at}.flac", 0.3, at) for at in range(4)]
    with serving(config=guarded(guests)) as served:
        done = dict(transcribe(served.address, files, Request(), access=bob, streams=4))
    assert [type(done[at]) for at in range(4)] == [Transcription] * 4


def test_files_that_are_more_audio_than_their_token_may_send_at_once_take_longer(
    guests: Guests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vau.door.visits.BURST_S", 0.1)
    bob = guests.add("bob", max_audio_rate=8.0)
    files = [recording(tmp_path / f"{at}.flac", 3.0, at) for at in range(2)]
    told: list[str] = []

    def lost(_index: int, text: str) -> None:
        told.append(text)

    with serving() as plain:
        uncut = dict(transcribe(plain.address, files, Request()))
    with serving(config=guarded(guests)) as served:
        done = dict(
            transcribe(served.address, files, Request(), access=bob, streams=2, on_loss=lost)
        )
    for at, expected in uncut.items():
        paced = done[at]
        assert isinstance(paced, Transcription)
        assert isinstance(expected, Transcription)
        assert paced.output_digest == expected.output_digest
    assert told
    assert all("going on at 8 s of audio a second" in text for text in told)


def test_a_file_that_would_take_for_ever_is_named_and_the_others_go_on(
    guests: Guests, tmp_path: Path
) -> None:
    bob = guests.add("bob", max_audio_rate=0.01)
    files = [tmp_path / "absent.flac", recording(tmp_path / "long.flac", 3.0, 0)]
    hasty = Resume(patience_s=1.0)
    with serving(config=guarded(guests)) as served:
        done = dict(transcribe(served.address, files, Request(), access=bob, resume=hasty))
    assert isinstance(done[0], Failed)
    assert isinstance(done[1], Failed)
    assert (done[1].file, type(done[1].error)) == (files[1], QuotaExceeded)


def test_a_load_comes_through_tls_with_a_token(guests: Guests, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    pair = authority.issue("server")
    bob = guests.add("bob", max_streams=2)
    access = Access(tls_ca=authority.cert, token_file=bob.token_file)
    load = Load(
        streams=3,
        chunk_s=0.02,
        duration_s=0.1,
        seed=0,
        patience_s=PATIENCE_S,
        request=Request(posteriors="log"),
    )
    config = guarded(guests, tls_cert=pair.cert, tls_key=pair.key)
    with serving(config=config) as served:
        driven = drive(served.address, load, np.zeros(1600, np.int16), access)
    assert (len(driven.streams), driven.refused_streams) == (2, 1)


def test_without_tokens_an_address_has_as_many_streams_as_the_server_says() -> None:
    door = DoorConfig(max_streams_per_client=2)
    config = ServerConfig(listen=FREE, metrics_listen=FREE, door=door)
    with serving(config=config) as served:
        talks = [Talk(served.client), Talk(served.client)]
        with Client(served.address) as another, pytest.raises(QuotaExceeded) as refused:
            Talk(another)
        assert refused.value.facts["subject"] == "address:127.0.0.1:streams"
        for talk in talks:
            talk.vanish()


# --- a file that changes -----------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vau.wire.door.LOOK_S", 0.05)


def gets_in(address: str, access: Access) -> bool:
    with Client(address, access=access) as client:
        try:
            return bool(client.backends().backends)
        except AuthRequired:
            return False


def test_a_new_token_gets_in_and_a_withdrawn_one_no_more_even_in_a_live_stream(
    quick: None, guests: Guests, served: Served
) -> None:
    talk = Talk(served.client)
    talk.say(speech())
    bob = guests.add("bob")
    eventually(lambda: gets_in(served.address, bob))
    talk.say(speech())  # whoever stays in the file notices nothing
    alice = guests.alice
    guests.remove("alice")
    eventually(lambda: not gets_in(served.address, alice))
    with pytest.raises(AuthRequired, match="withdrawn"):
        talk.say(speech())
    assert failures(served, "withdrawn") == 1


def test_a_broken_token_file_leaves_the_old_tokens_and_says_so_in_log_and_meter(
    quick: None, guests: Guests, served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    clear = "correct-horse-battery-staple"
    guests.file.write_text(f"alice {clear}\n")
    eventually(lambda: kept(served) == 1)
    assert gets_in(served.address, guests.alice)
    (told,) = [each for each in caplog.records if each.getMessage() == "not reloaded"]
    facts = told.vau_facts  # type: ignore[attr-defined]
    assert facts["file"] == "tokens"
    assert "line 1" in facts["why"]
    assert clear not in caplog.text
    guests.file.unlink()
    eventually(lambda: kept(served) == 2)
    assert gets_in(served.address, guests.alice)


def test_who_asks_has_the_files_read_at_once_changed_or_not(
    guests: Guests, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vau.wire.door.LOOK_S", 3600.0)
    served.loop.call_soon_threadsafe(served.server.reload)
    eventually(lambda: renewed(served) == 1)  # and from here on nobody looks unasked
    bob = guests.add("bob")
    assert not gets_in(served.address, bob)
    served.loop.call_soon_threadsafe(served.server.reload)
    eventually(lambda: renewed(served) == 2)
    assert gets_in(served.address, bob)


def renewed(served: Served) -> float:
    return served.value("vau_door_reloads_total", file="tokens", outcome="renewed")


def kept(served: Served) -> float:
    return served.value("vau_door_reloads_total", file="tokens", outcome="kept")


def test_new_limits_count_for_the_streams_that_come(
    quick: None, guests: Guests, served: Served
) -> None:
    talk = Talk(served.client)
    line = guests.file.read_text().strip()
    guests.file.write_text(f"{line} max_streams=1\n")
    eventually(lambda: not gets_a_stream(served.client))
    talk.vanish()


def test_a_new_rate_of_audio_counts_in_a_live_stream(
    quick: None, guests: Guests, served: Served
) -> None:
    talk = Talk(served.client)
    line = guests.file.read_text().strip()
    guests.file.write_text(f"{line} max_audio_rate=0.001\n")

    def is_refused() -> bool:
        try:
            talk.say(speech())
        except QuotaExceeded:
            return True
        return False

    eventually(is_refused)


async def finds_backends(address: str, access: Access, renew: Callable[[], None]) -> bool:
    async with AsyncClient(address, access=access) as client:
        await client.backends()
        await asyncio.to_thread(renew)
        return bool((await client.backends()).backends)


@pytest.mark.parametrize("kind", ["blocking", "async"])
def test_a_client_takes_a_changed_secret_with_its_next_call(
    quick: None, guests: Guests, served: Served, kind: str
) -> None:
    old = guests.add("bob")
    assert isinstance(old.token_file, Path)
    eventually(lambda: gets_in(served.address, old))

    def renew() -> None:
        new = guests.add("bob")  # the old line is gone
        assert isinstance(old.token_file, Path)
        assert isinstance(new.token_file, Path)
        eventually(lambda: not gets_in(served.address, old))
        new.token_file.replace(old.token_file)

    if kind == "async":
        assert asyncio.run(finds_backends(served.address, old, renew))
        return
    with Client(served.address, access=old) as client:
        assert hear(client, [speech()], streaming()).finished.frames == 99
        renew()
        assert hear(client, [speech()], streaming()).finished.frames == 99
        assert client.backends().backends


@pytest.mark.parametrize("ruin", [Path.unlink, lambda file: file.write_text("half a")])
def test_a_client_whose_secret_is_being_written_shows_the_last_one(
    guests: Guests,
    served: Served,
    caplog: pytest.LogCaptureFixture,
    ruin: Callable[[Path], object],
) -> None:
    access = guests.alice
    assert isinstance(access.token_file, Path)
    with Client(served.address, access=access) as client:
        ruin(access.token_file)
        assert client.backends().backends
    assert "the token stays as it was" in caplog.text
    assert guests.secrets["alice"] not in caplog.text


def test_a_server_whose_token_file_is_wrong_does_not_start(guests: Guests) -> None:
    guests.file.write_text("alice\n")
    with pytest.raises(ConfigInvalid, match="line 1"), serving(config=guarded(guests)):
        pass


# --- what is told of it ------------------------------------------------------------------


def test_the_log_names_the_owner_of_a_call(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    hear(served.client, [speech()], streaming())
    eventually(lambda: any(each.getMessage() == "ended" for each in caplog.records))
    (ended,) = [each for each in caplog.records if each.getMessage() == "ended"]
    assert ended.vau_facts["owner"] == "alice"  # type: ignore[attr-defined]


def test_whoever_knocks_a_thousand_times_fills_no_log(
    served: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    began_s = time.monotonic()
    with grpc.insecure_channel(served.address) as channel:
        ask: Any = channel.unary_unary(f"{SERVICE}/Recognize")
        for future in [ask.future(b"") for _ in range(1000)]:
            assert future.code() is grpc.StatusCode.UNAUTHENTICATED
    took_s = time.monotonic() - began_s
    assert failures(served, "missing") == 1000
    lines = [each for each in caplog.records if each.getMessage() == "refused"]
    assert 1 <= len(lines) <= 10 + took_s + 1
    facts = lines[0].vau_facts  # type: ignore[attr-defined]
    assert (facts["peer"], facts["why"]) == ("127.0.0.1", "missing")
