"""The client: blocking calls, typed errors, and nothing left behind."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import grpc
import pytest

from tests.overtaken import half_closes_fail
from tests.serving import (
    FREE,
    PATIENCE_S,
    Served,
    Talk,
    eventually,
    hear,
    recognition,
    serving,
    speech,
    streaming,
)
from vau.client import AsyncClient, Client, posteriors_array
from vau.config import ServerConfig
from vau.errors import AudioCorrupt, MessageTooLarge, Unreachable, VauError
from vau.v1 import speech_pb2 as pb
from vau.v1.speech_pb2_grpc import (
    SpeechRecognitionServicer,
    add_SpeechRecognitionServicer_to_server,
)

CLOSED_PORT = "127.0.0.1:1"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as server:
        yield server


CALLS: dict[str, Callable[[Client], object]] = {
    "server_info": Client.server_info,
    "backends": Client.backends,
    "recognize": lambda client: client.recognize(recognition(), b""),
    "stream": lambda client: hear(client, [b""], streaming()),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_server_that_is_not_there_is_unreachable_within_seconds(call: str) -> None:
    began_s = monotonic()
    with (
        Client(CLOSED_PORT, connect_timeout_s=0.5) as client,
        pytest.raises(Unreachable, match=f"{CLOSED_PORT}.*refused") as error,
    ):
        CALLS[call](client)
    assert error.value.facts["address"] == CLOSED_PORT
    assert 0.5 <= monotonic() - began_s < PATIENCE_S


@pytest.mark.parametrize("call", ["server_info", "stream"])
def test_a_server_that_is_still_starting_is_waited_for(call: str) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{reserved.getsockname()[1]}"
    calls = CALLS | {"stream": lambda client: hear(client, [speech()], streaming())}
    with Client(address, connect_timeout_s=PATIENCE_S) as client, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(calls[call], client)
        sleep(0.3)
        assert not asked.done()
        with serving(config=ServerConfig(listen=address, metrics_listen=FREE)):
            asked.result(PATIENCE_S)


def test_a_server_that_was_there_is_not_waited_for() -> None:
    with serving() as server:
        client = Client(server.address, connect_timeout_s=3600.0)
        client.server_info()
    with client, pytest.raises(Unreachable):
        client.server_info()


class MicrophoneLost(Exception):
    """What a source of audio may raise."""


def breaking() -> Iterator[bytes]:
    yield speech(1000)
    raise MicrophoneLost("unplugged")


def test_what_the_source_of_audio_raises_reaches_the_caller(served: Served) -> None:
    with pytest.raises(MicrophoneLost, match="unplugged"):
        hear(served.client, breaking(), streaming())
    eventually(lambda: served.slots_in_use() == 0)


def test_what_the_source_raises_at_once_reaches_the_caller_too(served: Served) -> None:
    def broken(number: int) -> bytes:
        raise MicrophoneLost(f"never there: {number}")

    with pytest.raises(MicrophoneLost, match="never there"):
        hear(served.client, map(broken, range(3)), streaming())


def test_a_refusal_does_not_wait_for_a_source_that_waits(served: Served) -> None:
    enough = threading.Event()

    def paced() -> Iterator[bytes]:
        yield bytes(65_537)
        enough.wait(PATIENCE_S)

    with pytest.raises(MessageTooLarge):
        hear(served.client, paced(), streaming())
    assert not enough.is_set()
    enough.set()


def test_answers_come_while_the_source_still_has_more_to_say(served: Served) -> None:
    heard = threading.Event()

    def paced() -> Iterator[bytes]:
        yield speech(8000)
        assert heard.wait(PATIENCE_S)
        yield speech(8000)

    responses = []
    for response in served.client.stream(streaming(), paced()):
        responses.append(response)
        if response.answered_sample:
            heard.set()
    assert responses[-1].finished.samples == 16_000


def test_leaving_the_loop_early_ends_the_stream(served: Served) -> None:
    stream = served.client.stream(streaming(), [speech(1000)] * 100)
    for response in stream:
        if response.answered_sample:
            break
    stream.close()  # type: ignore[attr-defined]
    eventually(lambda: served.slots_in_use() == 0)


def test_nothing_is_sent_before_the_first_response_is_asked_for(served: Served) -> None:
    taken = []

    def source() -> Iterator[bytes]:
        taken.append(1)
        yield speech(1000)

    stream = served.client.stream(streaming(), source())
    assert taken == []
    list(stream)
    assert taken == [1]


def test_threads_may_share_a_client(served: Served) -> None:
    digests = []

    def listen() -> None:
        digests.append(hear(served.client, [speech()], streaming()).finished.output_digest)

    threads = [threading.Thread(target=listen) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(digests) == 6
    assert len(set(digests)) == 1


def test_each_client_has_a_connection_of_its_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(PATIENCE_S)
        address = f"127.0.0.1:{door.getsockname()[1]}"
        with (
            ThreadPoolExecutor(2) as pool,
            Client(address, connect_timeout_s=3 * PATIENCE_S) as one,
            Client(address, connect_timeout_s=3 * PATIENCE_S) as other,
        ):
            for client in (one, other):
                pool.submit(client.server_info)
            with door.accept()[0], door.accept()[0]:
                pass  # neither was answered, and both came


def test_an_error_keeps_its_field_and_facts(served: Served) -> None:
    with pytest.raises(AudioCorrupt) as error:
        served.client.recognize(recognition(), b"")
    assert (error.value.field, error.value.facts) == ("audio", {"sample": "0"})


def test_a_message_that_the_transport_refuses_is_too_large(served: Served) -> None:
    with pytest.raises(MessageTooLarge):
        served.client.recognize(recognition(), bytes(16 << 20))


class Verbose(SpeechRecognitionServicer):
    """A server whose answers are as long as those for hours of speech."""

    def GetServerInfo(  # noqa: N802
        self, _request: object, _context: object
    ) -> pb.GetServerInfoResponse:
        return pb.GetServerInfoResponse(build="x" * (5 << 20))


def test_an_answer_may_be_of_any_length() -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    add_SpeechRecognitionServicer_to_server(Verbose(), server)
    port = server.add_insecure_port(FREE)
    server.start()
    with Client(f"127.0.0.1:{port}") as client:
        assert len(client.server_info().build) == 5 << 20
    server.stop(None).wait()


def test_a_listener_may_be_silent_for_many_pings(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vau.client.channel.KEEPALIVE_S", 0.05)
    monkeypatch.setattr("vau.wire.server.PINGS_S", 0.01)
    with serving() as server:  # its client, and its own patience, are those of this test
        talk = Talk(server.client)
        sleep(1.0)  # 20 pings; a server that minds them minds the third
        assert talk.say(speech()).answered_sample
        talk.half_close()


def test_a_newer_encoding_of_posteriors_is_refused_by_name() -> None:
    newer = pb.Posteriors(encoding=99, values=b"abcd", frame_count=1, width=1)  # type: ignore[arg-type]
    with pytest.raises(VauError, match=r"posteriors.encoding: 99") as refused:
        posteriors_array(newer)
    assert refused.value.field == "posteriors.encoding"


def test_controls_and_audio_may_be_mixed(served: Served) -> None:
    flush = pb.Control(kind=pb.Control.KIND_FLUSH, control_id=4)
    heard = hear(served.client, [flush, speech(400), flush], streaming())
    assert [r.controls[0].sample for r in heard.responses if r.controls] == [0, 400]


def test_closing_twice_is_harmless(served: Served) -> None:
    client = Client(served.address)
    client.server_info()
    client.close()
    client.close()


def test_a_half_close_that_grpc_could_not_send_any_more_is_no_error(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_closes_fail(monkeypatch)

    async def heard(address: str) -> list[pb.StreamingRecognizeResponse]:
        async with AsyncClient(address) as client:
            return [each async for each in client.stream(streaming(), [speech()])]

    assert asyncio.run(heard(served.address))[-1].HasField("finished")


def test_whoever_sends_at_once_all_there_is_hears_what_it_is_refused_for(
    served: Served,
) -> None:
    """And not that gRPC could not write: the audio waits until the config is answered."""

    async def eager() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield speech(320)

    async def refused(client: AsyncClient) -> str:
        config = streaming(pb.OutputConfig(), backend="nowhere")
        with pytest.raises(VauError) as failure:
            async for _ in client.stream(config, eager()):
                pass
        return type(failure.value).__name__

    async def all_at_once(address: str) -> list[str]:
        async with AsyncClient(address) as client:
            return await asyncio.gather(*(refused(client) for _ in range(40)))

    assert Counter(asyncio.run(all_at_once(served.address))) == {"BackendNotFound": 40}
