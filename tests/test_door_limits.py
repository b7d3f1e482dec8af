"""Callers who are after the server's memory, time or connections."""

import io
import resource
import socket
import struct
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import numpy as np
import pytest
import soundfile

from tests.serving import (
    FREE,
    PATIENCE_S,
    Served,
    Talk,
    audio_format,
    eventually,
    hear,
    recognition,
    serving,
    speech,
    streaming,
)
from vau.config import ServerConfig, split_address
from vau.errors import (
    AudioCorrupt,
    AudioMismatch,
    AudioTooLong,
    ConfigInvalid,
    SlotsExhausted,
    VauError,
)
from vau.v1 import speech_pb2 as pb
from vau.wire.status import error_from

SERVICE = "/vau.v1.SpeechRecognition"
FLAC = recognition(audio=audio_format(pb.AudioFormat.ENCODING_FLAC))
WAV = recognition(audio=audio_format(pb.AudioFormat.ENCODING_WAV))


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def serves_on(served: Served) -> Iterator[None]:
    """Whatever was tried, the next caller is served, and nothing was a defect of ours."""
    yield
    assert hear(served.client, [speech()], streaming()).finished.frames == 99
    for backend in ("", "muntaniala:1x1"):
        defect = {"backend": backend, "code": "INTERNAL", "reason": "INTERNAL"}
        assert served.value("vau_streams_total", **defect) == 0


# --- connections -------------------------------------------------------------------------


@contextmanager
def connection(address: str) -> Iterator[socket.socket]:
    with socket.create_connection(split_address(address), PATIENCE_S) as opened:
        yield opened


def closes(opened: socket.socket) -> bool:
    """Read until the server hangs up; raises TimeoutError if it does not."""
    try:
        while opened.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


@pytest.mark.parametrize(
    "said", [b"", PREFACE[:9], PREFACE], ids=["nothing", "half", "preface"]
)
def test_a_connection_that_says_too_little_is_closed(
    monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr("vau.wire.server.HANDSHAKE_S", 0.2)
    with serving() as served, connection(served.address) as opened:
        opened.sendall(said)
        assert closes(opened)


def test_a_connection_without_calls_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vau.wire.server.IDLE_CONNECTION_S", 0.2)
    with serving() as served, connection(served.address) as opened:
        opened.sendall(PREFACE + SETTINGS)
        assert closes(opened)
        assert served.client.server_info().version  # ours is idle too, and comes back


def test_what_is_not_http2_is_closed_at_once(served: Served) -> None:
    for said in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", bytes(1000)):
        with connection(served.address) as opened:
            opened.sendall(said)
            assert closes(opened)


def test_many_connections_that_say_nothing_keep_nobody_out(served: Served) -> None:
    with many_connections(served.address, 200):
        assert hear(served.client, [speech()], streaming()).finished.frames == 99


@contextmanager
def many_connections(address: str, count: int) -> Iterator[None]:
    opened = [
        socket.create_connection(split_address(address), PATIENCE_S) for _ in range(count)
    ]
    try:
        yield
    finally:
        for each in opened:
            each.close()


def test_streams_that_never_send_a_config_hold_no_slot_and_end() -> None:
    config = ServerConfig(listen=FREE, metrics_listen=FREE, max_streams=1, config_timeout_s=0.5)
    with serving(config=config) as served, grpc.insecure_channel(served.address) as channel:
        ask: Any = channel.stream_stream(f"{SERVICE}/StreamingRecognize")
        silent = [ask(Waiting()) for _ in range(100)]
        talk = Talk(served.client)  # the only slot is free
        talk.vanish()
        assert {call.code() for call in silent} == {grpc.StatusCode.DEADLINE_EXCEEDED}


def test_only_so_many_streams_may_wait_for_their_config(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vau.wire.door.WAITING", 5)
    config = ServerConfig(listen=FREE, metrics_listen=FREE, max_streams=1)
    with serving(config=config) as served, grpc.insecure_channel(served.address) as channel:
        ask: Any = channel.stream_stream(f"{SERVICE}/StreamingRecognize")
        silent = [ask(Waiting()) for _ in range(7)]
        eventually(lambda: any(call.done() for call in silent))
        (refused,) = [call for call in silent if call.done()]
        assert type(error_from(refused)) is SlotsExhausted
        for call in silent:
            call.cancel()
        eventually(lambda: is_let_in(served))


def is_let_in(served: Served) -> bool:
    try:
        return bool(hear(served.client, [speech()], streaming()).finished.frames)
    except SlotsExhausted:
        return False


class Waiting(Iterator[bytes]):
    """Requests that do not come; gRPC's thread that waits for them dies with the process."""

    def __next__(self) -> bytes:
        threading.Event().wait(PATIENCE_S)
        raise StopIteration


# --- what is sent ------------------------------------------------------------------------


def failure(
    served: Served,
    method: str,
    request: bytes,
    *,
    metadata: tuple[tuple[str, str], ...] = (),
    compression: grpc.Compression | None = None,
) -> grpc.RpcError:
    """Send raw bytes; return how the call fails."""
    options = [
        ("grpc.max_send_message_length", -1),
        ("grpc.absolute_max_metadata_size", 1 << 20),
        ("grpc.max_metadata_size", 1 << 20),
    ]
    with grpc.insecure_channel(served.address, options) as channel:
        ask: Any = channel.unary_unary(f"{SERVICE}/{method}")
        with pytest.raises(grpc.RpcError) as failed:
            ask(request, timeout=PATIENCE_S, metadata=metadata, compression=compression)
        return failed.value


@pytest.mark.parametrize(
    "metadata",
    [(("x-large", "x" * 9000),), tuple((f"x-{at}", "x" * 100) for at in range(100))],
    ids=["one", "many"],
)
def test_metadata_beyond_8_kib_is_refused(
    served: Served, metadata: tuple[tuple[str, str], ...]
) -> None:
    error = failure(served, "ListBackends", b"", metadata=metadata)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_message_beyond_what_the_transport_takes_is_refused(served: Served) -> None:
    error = failure(served, "Recognize", bytes(17 << 20))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


BOMB = """
import sys
import grpc
channel = grpc.insecure_channel(sys.argv[1], [("grpc.max_send_message_length", -1)])
ask = channel.unary_unary("/vau.v1.SpeechRecognition/Recognize")
try:
    ask(bytes(400 << 20), timeout=60, compression=grpc.Compression.Gzip)
except grpc.RpcError as error:
    print(error.code().name, error.details())
"""


def test_a_compressed_message_counts_as_large_as_it_unpacks(served: Served) -> None:
    """400 MiB of zeros travel as 400 KiB. The server is in this process, their sender not."""
    before_kib = peak_kib()
    bomb = subprocess.run(
        [sys.executable, "-c", BOMB, served.address],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S * 2,
        check=True,
    )
    assert bomb.stdout.startswith("RESOURCE_EXHAUSTED")
    assert peak_kib() - before_kib < 100 << 10


def peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


NESTED = b"\xc3\x3e" * 50_000  # a group of field 1000 within a group, and so on
JUNK = [b"\xff" * 64, NESTED, b"\x0a\xff\xff\xff\xff\x0f", b"\x12" + b"\x80" * 20]


@pytest.mark.parametrize("method", ["Recognize", "ListBackends", "GetServerInfo"])
@pytest.mark.parametrize("junk", JUNK, ids=["ones", "nested", "length", "varint"])
def test_bytes_that_are_no_message_are_the_callers_fault(
    served: Served, method: str, junk: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    refused = error_from(failure(served, method, junk))
    assert type(refused) is ConfigInvalid
    assert "no message of this method" in str(refused)
    assert caplog.records == []  # no traceback for whoever sends junk


@pytest.mark.parametrize("before", [[], [pb.StreamingRecognizeRequest(config=streaming())]])
def test_bytes_that_are_no_message_end_a_stream_as_the_callers_fault(
    served: Served,
    before: list[pb.StreamingRecognizeRequest],
    caplog: pytest.LogCaptureFixture,
) -> None:
    requests = [*(each.SerializeToString() for each in before), NESTED]
    with grpc.insecure_channel(served.address) as channel:
        ask: Any = channel.stream_stream(f"{SERVICE}/StreamingRecognize")
        with pytest.raises(grpc.RpcError) as failed:
            list(ask(iter(requests)))
    assert type(error_from(failed.value)) is ConfigInvalid
    assert [each for each in caplog.records if each.levelname != "INFO"] == []


# --- audio that is more than it looks ----------------------------------------------------


def flac_of(seconds: float) -> bytes:
    """Return silence, of which an hour takes a few hundred KiB."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros(round(seconds * 16_000), "int16"), 16_000, format="FLAC")
    return file.getvalue()


def with_length(flac: bytes, samples: int) -> bytes:
    """Return a FLAC whose header states another number of samples: 36 bits at byte 21."""
    word = int.from_bytes(flac[18:26], "big")
    word = word >> 36 << 36 | samples
    return flac[:18] + word.to_bytes(8, "big") + flac[26:]


def spent_bytes(
    served: Served, config: pb.RecognitionConfig, audio: bytes
) -> tuple[int, VauError]:
    """Return the most memory that a refused call took, beyond the request itself."""
    tracemalloc.start()
    try:
        with pytest.raises(VauError) as refused:
            served.client.recognize(config, audio)
        return tracemalloc.get_traced_memory()[1] - 3 * len(audio), refused.value
    finally:
        tracemalloc.stop()


def test_a_flac_that_is_too_long_is_refused_by_its_header_before_it_is_decoded(
    served: Served,
) -> None:
    bomb = flac_of(600.0)  # 19 MB, decoded
    assert len(bomb) < 1 << 20
    spent, refused = spent_bytes(served, FLAC, bomb)
    assert type(refused) is AudioTooLong
    assert spent < 1 << 20


def test_a_flac_that_states_less_than_it_holds_is_decoded_no_further(served: Served) -> None:
    bomb = with_length(flac_of(3600.0), 16_000)
    assert len(bomb) < 4 << 20
    spent, refused = spent_bytes(served, FLAC, bomb)
    assert type(refused) is AudioCorrupt
    assert spent < 4 << 20  # an hour would be 115 MB


def test_a_flac_that_states_more_than_it_holds_takes_what_it_holds(served: Served) -> None:
    bomb = with_length(flac_of(1.0), 59 * 16_000)
    spent, refused = spent_bytes(served, FLAC, bomb)
    assert type(refused) is AudioCorrupt
    assert spent < 4 << 20


def wav(data_bytes: int, present: bytes, rate_hz: int = 16_000) -> bytes:
    """Return a WAV whose header states so many bytes of audio."""
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    data = struct.pack("<4sI", b"data", data_bytes) + present
    return struct.pack("<4sI4s", b"RIFF", 4 + len(fmt) + len(data), b"WAVE") + fmt + data


@pytest.mark.parametrize("stated", [1 << 20, (1 << 32) - 2])
def test_a_wav_that_states_gigabytes_takes_what_it_holds(served: Served, stated: int) -> None:
    spent, refused = spent_bytes(served, WAV, wav(stated, b"\0" * 99))
    assert isinstance(refused, AudioCorrupt)
    assert spent < 1 << 20


def test_a_wav_of_a_million_chunks_is_given_up_early(served: Served) -> None:
    chunks = b"junk\0\0\0\0" * 1_000_000
    with pytest.raises(AudioCorrupt, match="chunks before its audio"):
        served.client.recognize(WAV, b"RIFF\0\0\0\0WAVE" + chunks)


def test_a_file_of_another_kind_is_refused_by_its_first_bytes(served: Served) -> None:
    """Or else the pages of an Ogg file would be counted first, half a million of them."""
    pages = (b"OggS\0" + bytes(22)) * 500_000
    with pytest.raises(VauError) as refused:
        served.client.recognize(WAV, pages)
    assert type(refused.value) is AudioMismatch
    assert refused.value.facts["found"] == "ogg"
