"""What a caller may say: bytes, arrays, controls, and what is refused in words."""

import asyncio
import queue
import threading
from array import array
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pytest

from tests.serving import PATIENCE_S, Served, hear, recognition, serving, speech, streaming
from vau.client import Access, AsyncClient, Client
from vau.client.address import check_address, hosts_of
from vau.client.alive import KEEP_ALIVE, alive, alive_async
from vau.client.items import items_as_they_come
from vau.client.throttle import SHARE, Throttle
from vau.config import ServerConfig
from vau.errors import ConfigInvalid, IdleTimeout
from vau.v1 import speech_pb2 as pb

DATA: Final = speech(4_000)
SAMPLES: Final = np.frombuffer(DATA, "<i2")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as running:
        yield running


# --- audio -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "audio",
    [bytearray(DATA), memoryview(DATA), SAMPLES, array("h", SAMPLES), SAMPLES.view(np.uint8)],
    ids=["bytearray", "memoryview", "samples", "array", "bytes in an array"],
)
def test_audio_may_come_in_whatever_holds_bytes_or_samples(
    served: Served,
    audio: Any,  # noqa: ANN401
) -> None:
    plain = hear(served.client, [DATA], streaming()).finished.input_digest
    assert hear(served.client, [audio], streaming()).finished.input_digest == plain
    whole = served.client.recognize(recognition(), audio)
    assert whole.finished.input_digest == plain


@pytest.mark.parametrize(
    "audio",
    [DATA, bytearray(DATA), SAMPLES, "speech.wav", 7],
    ids=["bytes", "bytearray", "samples", "path", "number"],
)
def test_audio_in_place_of_what_yields_it_is_refused_in_words(
    served: Served,
    audio: Any,  # noqa: ANN401
) -> None:
    async def run() -> None:
        async with AsyncClient(served.address) as client:
            client.stream(streaming(), audio)

    for ask in (lambda: served.client.stream(streaming(), audio), lambda: asyncio.run(run())):
        with pytest.raises(ConfigInvalid, match=r"^audio: .*(\[audio\]|a list of pieces)"):
            ask()


@pytest.mark.parametrize(
    ("piece", "part"),
    [
        (7, "of type int; yield bytes"),
        ("speech", "of type str; yield bytes"),
        (np.int16(7), "of type int16; yield bytes"),
        (np.zeros(5), "format 'd' is no LINEAR16"),
        (np.zeros(5, ">i2"), "format '>h' is no LINEAR16"),
        (np.zeros((5, 2), np.int16), "of 2 dimensions and format 'h'"),
    ],
)
def test_a_piece_that_is_no_audio_of_the_config_is_refused_in_words(
    served: Served,
    piece: Any,  # noqa: ANN401
    part: str,
) -> None:
    with pytest.raises(ConfigInvalid, match=part):
        hear(served.client, [piece], streaming())


def test_a_plain_generator_that_waits_does_not_stop_the_loop_of_asyncio(
    served: Served,
) -> None:
    told: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def source() -> Iterator[bytes]:
        while (item := told.get()) is not None:
            yield item

    async def run() -> pb.SessionFinished:
        async with AsyncClient(served.address) as client:
            stream = client.stream(streaming(), source())
            await anext(stream)
            await client.server_info()  # the loop goes on while the source waits
            told.put(DATA)
            told.put(None)
            return [response async for response in stream][-1].finished

    assert asyncio.run(run()).samples == 4_000


def test_a_source_that_never_says_anything_holds_up_nobody_who_leaves_its_stream(
    served: Served,
) -> None:
    told, is_over = threading.Event(), threading.Event()

    def source() -> Iterator[bytes]:
        told.wait(PATIENCE_S)
        is_over.set()
        yield DATA

    async def run() -> None:
        async with AsyncClient(served.address) as client:
            stream = client.stream(streaming(), source())
            await anext(stream)
            await stream.aclose()

    asyncio.run(run())
    assert not is_over.is_set()
    told.set()


def test_sources_that_wait_hold_up_no_other_however_many_there_are() -> None:
    told = threading.Event()
    encoding = pb.AudioFormat.ENCODING_LINEAR16

    def source() -> Iterator[bytes]:
        told.wait(PATIENCE_S)
        yield DATA

    async def run() -> None:
        waiting = [
            asyncio.ensure_future(anext(items_as_they_come(source(), encoding)))
            for _ in range(40)  # the threads that a loop has for such things are 32 at most
        ]
        try:
            for each in waiting:
                assert not (await asyncio.wait([each], timeout=0))[0]
            async with asyncio.timeout(PATIENCE_S / 2):
                assert await anext(items_as_they_come([DATA], encoding)) == DATA
        finally:
            told.set()
            assert set(await asyncio.gather(*waiting)) == {DATA}

    asyncio.run(run())


# --- pauses ------------------------------------------------------------------------------


def test_a_stream_outlives_a_pause_that_is_longer_than_a_server_waits() -> None:
    config = ServerConfig(
        listen="127.0.0.1:0", metrics_listen="127.0.0.1:0", idle_timeout_s=0.3
    )
    with serving(config=config) as served:

        def source() -> Iterator[bytes]:
            yield DATA
            end.wait(1.0)
            yield DATA

        async def run() -> int:
            async with AsyncClient(served.address) as client:
                stream = client.stream(streaming(), source(), keep_alive_s=0.05)
                return [response async for response in stream][-1].finished.samples

        end = threading.Event()
        *_, last = served.client.stream(streaming(), source(), keep_alive_s=0.05)
        assert last.finished.samples == 8_000
        assert asyncio.run(run()) == 8_000
        with pytest.raises(IdleTimeout):
            list(served.client.stream(streaming(), source()))


def test_what_keeps_a_stream_alive_changes_neither_items_nor_when_they_are_asked_for() -> None:
    asked: list[int] = []

    def source() -> Iterator[int]:
        for number in range(3):
            asked.append(number)
            yield number
        raise OSError("unplugged")

    items = alive(source(), 60.0)
    assert next(items) == 0
    assert asked == [0]  # none ahead of what is wanted
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(OSError, match="unplugged"):
        next(items)
    assert list(alive([], 60.0)) == []


def test_while_nothing_comes_a_keep_alive_does() -> None:
    given = threading.Event()

    def source() -> Iterator[bytes]:
        given.wait()
        yield b"x"

    items = alive(source(), 0.001)
    assert next(items) is KEEP_ALIVE
    given.set()
    assert [each for each in items if each is not KEEP_ALIVE] == [b"x"]

    async def run() -> list[object]:
        async def slow() -> Any:  # noqa: ANN401
            await asyncio.sleep(0.05)
            yield b"x"

        return [each async for each in alive_async(slow(), 0.001)]

    heard = asyncio.run(run())
    assert heard[0] is KEEP_ALIVE
    assert heard[-1] == b"x"


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("inf"), float("nan")])
def test_a_time_that_cannot_be_waited_is_refused(served: Served, wrong: float) -> None:
    with pytest.raises(ConfigInvalid, match="keep_alive_s"):
        served.client.stream(streaming(), [], keep_alive_s=wrong)


def test_streams_of_one_client_share_its_throttle() -> None:
    now = [0.0]
    throttle = Throttle(clock=lambda: now[0])
    assert [throttle.wait_s(9.0), throttle.wait_s(9.0)] == [0.0, 0.0]
    throttle.learn(2.0 / SHARE)
    assert [throttle.wait_s(1.0), throttle.wait_s(1.0), throttle.wait_s(1.0)] == pytest.approx(
        [0.0, 0.5, 1.0]
    )
    now[0] = 10.0
    assert throttle.wait_s(1.0) == 0.0  # nothing is saved up


# --- where to ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "part"),
    [
        ("", "is not host:port"),
        ("foo", "is not host:port"),
        ("127.0.0.1", "is not host:port"),
        ("127.0.0.1:99999", "port"),
        ("127.0.0.1:0", "cannot be dialled"),
        ("http://127.0.0.1:50051/", r"leave out http://: 127\.0\.0\.1:50051$"),
        ("https://vau.example.org:443", "and encrypt with tls"),
        ("ipv4:127.0.0.1:1,127.0.0.1", "is not host:port"),
        (None, "of type NoneType"),
        (50051, "of type int"),
    ],
)
def test_what_is_no_address_is_refused_before_anybody_dials(
    address: Any,  # noqa: ANN401
    part: str,
) -> None:
    async def run() -> None:
        AsyncClient(address)

    for ask in (lambda: Client(address), lambda: asyncio.run(run())):
        with pytest.raises(ConfigInvalid, match=part) as error:
            ask()
        assert error.value.field == "server"


@pytest.mark.parametrize("access", ["secret.tok", {"tls": True}, False])
def test_what_is_no_access_is_refused_before_anybody_dials(access: Any) -> None:  # noqa: ANN401
    async def run() -> None:
        AsyncClient("127.0.0.1:1", access=access)

    for ask in (lambda: Client("127.0.0.1:1", access=access), lambda: asyncio.run(run())):
        with pytest.raises(ConfigInvalid, match=f"of type {type(access).__name__}; ") as error:
            ask()
        assert error.value.field == "access"


@pytest.mark.parametrize("field", ["tls_ca", "tls_cert", "tls_key", "token_file"])
@pytest.mark.parametrize("given", [5, b"file", ["file"]])
def test_what_is_no_path_is_refused_by_name(field: str, given: Any) -> None:  # noqa: ANN401
    with pytest.raises(ConfigInvalid) as refused:
        Access(**{field: given})
    assert refused.value.field == field
    assert str(refused.value) == (
        f"{field}: is of type {type(given).__name__}; give the path of a file, or leave it out"
    )


def test_no_access_is_plaintext_without_a_token() -> None:
    async def run() -> str:
        async with AsyncClient("127.0.0.1:1", access=None) as client:
            return client.address

    with Client("127.0.0.1:1", access=None) as client:
        assert client.address == asyncio.run(run())


def test_all_that_grpc_understands_is_an_address() -> None:
    for address, hosts in {
        "[::1]:50051": ("::1",),
        "vau.example.org:50051": ("vau.example.org",),
        "dns:///vau.example.org:50051": ("vau.example.org",),
        "ipv4:10.0.0.1:1,10.0.0.2:2": ("10.0.0.1", "10.0.0.2"),
        "unix:/run/vau.sock": (),
    }.items():
        assert check_address(address) == address
        assert hosts_of(address) == hosts


def test_a_token_goes_in_plaintext_to_no_list_with_another_machine_in_it(
    tmp_path: Any,  # noqa: ANN401
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("abc\n")
    secret.chmod(0o600)
    access = Access(token_file=str(secret))  # a path may be text
    assert access.metadata("ipv4:127.0.0.1:1,127.0.0.2:2")
    with pytest.raises(ConfigInvalid, match="connect with TLS"):
        access.metadata("ipv4:127.0.0.1:1,10.0.0.2:2")


# --- the end -----------------------------------------------------------------------------


def test_a_client_that_was_closed_says_so(served: Served) -> None:
    client = Client(served.address)
    client.server_info()
    stream = client.stream(streaming(), iter([DATA]))
    client.close()
    client.close()

    async def run() -> None:
        again = AsyncClient(served.address)
        await again.close()
        await again.server_info()

    calls = (
        lambda: next(stream),
        client.server_info,
        client.backends,
        lambda: asyncio.run(run()),
    )
    for call in calls:
        with pytest.raises(ConfigInvalid, match="was closed; make another"):
            call()
