"""Calls to a real server in a process of its own, with messages that nobody would send."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import grpc
import numpy as np

from tests.fuzz.case import Parts
from tests.fuzz.messages import scramble
from tests.fuzz.mutate import mutated
from tests.fuzz.statuses import fault_of
from tests.fuzz.target import Hang, Target, resident_bytes
from tests.fuzz.targets.audio import damaged
from tests.models import tiny_model, write_tiny_bundle
from tests.real_server import real_server
from tests.serving import FULL, hear, muntaniala, speech, streaming
from vau.client import Client
from vau.endpoint import EndReason
from vau.frontend import Frontend
from vau.session import (
    Push,
    Session,
    advance,
    open_session,
)
from vau.v1 import speech_pb2 as pb

SERVICE: Final = "/vau.v1.SpeechRecognition/"
STREAM: Final = SERVICE + "StreamingRecognize"
RECOGNIZE: Final = SERVICE + "Recognize"
DEADLINE_S: Final = 15.0  # of one call; the watchdog's is longer
_REQUESTS: Final[dict[str, Callable[[], Any]]] = {
    SERVICE + "ListBackends": pb.ListBackendsRequest,
    SERVICE + "GetServerInfo": pb.GetServerInfoRequest,
}
_HEALTH: Final = "/grpc.health.v1.Health/Check"
_WORDS: Final = (
    *("", "tiny", "muntaniala", "muntaniala:4x4", "float", "float:0", "same-kind", "any"),
    *("tiny@sha256:" + "0" * 64, "munt-3x384", "rpu", "muntaniala:999x999", "puppet"),
)
_Bytes = Callable[[bytes], bytes]


def _as_it_is(data: bytes) -> bytes:
    return data


def config_of(random: Random) -> pb.StreamingConfig:
    """Return the config of a stream: a good one, with something changed three times in four."""
    formats = pb.AudioFormat(
        encoding=random.choice(
            (pb.AudioFormat.ENCODING_LINEAR16, pb.AudioFormat.ENCODING_FLOAT32)
        ),
        sample_rate_hertz=16_000,
        channel_count=1,
    )
    config = streaming(
        FULL if random.random() < 0.5 else pb.OutputConfig(phonemes=True), formats
    )
    if random.random() < 0.2:
        config.checkpoint_interval.FromMilliseconds(200)
    if random.random() < 0.5:
        scramble(random, config, _WORDS)
    return config


def request_of(random: Random, encoding: int) -> pb.StreamingRecognizeRequest:
    """Return what may follow upon a config."""
    what = random.random()
    if what < 0.7:
        sizes = (0, 1, 2, 3, 319, 320, 640, 3200, 3200, 3201, 3204, 9000, 65_536)
        size = random.choice(sizes) if random.random() < 0.98 else 70_000
        request = pb.StreamingRecognizeRequest(audio=_audio(random, size, encoding))
    elif what < 0.95:
        request = pb.StreamingRecognizeRequest(
            control=pb.Control(kind=random.choice(_CONTROLS))
        )
        if random.random() < 0.2:
            scramble(random, request.control, _WORDS)
    else:
        request = pb.StreamingRecognizeRequest()
        scramble(random, request, _WORDS)
    if random.random() < 0.2:
        request.client_mark = random.choice((0, 1, 5, (1 << 64) - 1))
    return request


_CONTROLS: Final = (
    pb.Control.KIND_FLUSH,
    pb.Control.KIND_END_UTTERANCE,
    pb.Control.KIND_END_UTTERANCE,
    pb.Control.KIND_KEEP_ALIVE,
)


def _audio(random: Random, size: int, encoding: int) -> bytes:
    what = random.random()
    if what < 0.8:
        noise = np.frombuffer(speech(size // 2 + 1, seed=random.randrange(8)), "<i2")
        if encoding == pb.AudioFormat.ENCODING_FLOAT32:
            return (noise / np.float32(32_768)).astype("<f4").tobytes()[:size]
        return noise.tobytes()[:size]
    return random.randbytes(size) if what < 0.9 else bytes([random.randrange(256)]) * size


def _stream(random: Random) -> Parts:
    config = config_of(random)
    encoding = config.recognition.audio_format.encoding
    requests = [pb.StreamingRecognizeRequest(config=config)]
    requests += [request_of(random, encoding) for _ in range(random.choice((1, 1, 2, 3, 6)))]
    if random.random() < 0.05:
        random.shuffle(requests)
    messages = [request.SerializeToString() for request in requests]
    if random.random() < 0.2:
        at = random.randrange(len(messages))
        messages[at] = mutated(random, messages[at], messages)
    return (("method", STREAM.encode()), *(("message", message) for message in messages))


def _recognize(random: Random) -> Parts:
    request = pb.RecognizeRequest(audio=damaged(random))
    request.config.audio_format.encoding = random.choice(
        (pb.AudioFormat.ENCODING_WAV, pb.AudioFormat.ENCODING_FLAC)
    )
    if request.audio[:4] in (b"RIFF", b"fLaC") and random.random() < 0.9:
        request.config.audio_format.encoding = (
            pb.AudioFormat.ENCODING_WAV
            if request.audio[:4] == b"RIFF"
            else pb.AudioFormat.ENCODING_FLAC
        )
    what = random.random()
    if what < 0.25:
        request.config.CopyFrom(config_of(random).recognition)
    elif what < 0.4:
        scramble(random, request.config, _WORDS)
    message = request.SerializeToString()
    message = mutated(random, message) if random.random() < 0.2 else message
    return (("method", RECOGNIZE.encode()), ("message", message))


def _small(random: Random) -> Parts:
    """Return a call that computes nothing."""
    if random.random() < 0.2:
        method = random.choice((_HEALTH, SERVICE + "NoSuch", "/", "/x/y", SERVICE))
        return (
            ("method", method.encode()),
            ("message", random.randbytes(random.randrange(40))),
        )
    method = random.choice(list(_REQUESTS))
    request = _REQUESTS[method]()
    scramble(random, request, _WORDS)
    message = mutated(random, request.SerializeToString() or b"\x08\x01")
    return (("method", method.encode()), ("message", message))


def _make(random: Random) -> Parts:
    what = random.random()
    if what < 0.62:
        return _stream(random)
    return _recognize(random) if what < 0.92 else _small(random)


@cache
def _expected_digest() -> bytes:
    """Return the digest of the good stream, computed without a server."""
    model = tiny_model()
    backend = muntaniala(model, slot_count=1)
    session = Session(model)
    open_session(session, backend)
    advance(Frontend(model.frontend), backend, [Push(session, speech(), EndReason.HALF_CLOSE)])
    return session.summary().output_digest


class Caller:
    """Calls one server, one call at a time, so that what harms it has a name."""

    def __init__(self, folder: Path, *flags: str) -> None:
        """Start it, with these flags more."""
        write_tiny_bundle(folder / "tiny")
        arguments = (
            "--model",
            folder / "tiny",
            "--backend",
            "muntaniala",
            "--backend",
            "float",
            *flags,
        )
        self._serving = real_server(*arguments, log=folder / "server.log")
        self.server = self._serving.__enter__()
        self._channel = grpc.insecure_channel(
            self.server.grpc, [("grpc.max_receive_message_length", -1)]
        )
        self.client = Client(self.server.grpc)

    def take(self, parts: Parts) -> bool:
        (_, method), *messages = parts
        requests = [data for _, data in messages]
        try:
            self._call(method.decode(), requests)
        except grpc.RpcError as error:
            fault = fault_of(error)
            if fault and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise Hang(f"no end after {DEADLINE_S:g} s") from error
            if method == _HEALTH.encode() and error.code() is grpc.StatusCode.NOT_FOUND:
                fault = ""
            if fault:
                state = "" if self.server.is_running else "the server has ended: "
                raise AssertionError(state + fault) from error
            return False
        return True

    def _call(self, method: str, requests: list[bytes]) -> None:
        if method == STREAM:
            call = self._channel.stream_stream(
                method, request_serializer=_as_it_is, response_deserializer=_response
            )
            check_stream(call(iter(requests), timeout=DEADLINE_S))
        else:
            unary = self._channel.unary_unary(
                method, request_serializer=_as_it_is, response_deserializer=_as_it_is
            )
            answer = unary(requests[0], timeout=DEADLINE_S)
            if method == RECOGNIZE:
                assert pb.RecognizeResponse.FromString(answer).HasField("finished")

    def check(self) -> None:
        heard = hear(self.client, [speech()], streaming())
        assert heard.finished.output_digest == _expected_digest(), (
            "a good stream has other bits"
        )
        listed = self.client.backends(include_unavailable=True).backends
        assert not sum(each.slots_in_use for each in listed), "a slot was not given back"
        assert self.server.log is not None
        for entry in self.server.log.news():
            assert "traceback" not in entry, f"in the server's log:\n{entry['traceback']}"

    def resident_bytes(self) -> int:
        return self.server.resident_bytes() + resident_bytes()

    def close(self) -> None:
        self.client.close()
        self._channel.close()
        try:
            assert self.server.stop() == 0, "it was told to stop, and did not end with 0"
        finally:
            self._serving.__exit__(None, None, None)


def _response(data: bytes) -> pb.StreamingRecognizeResponse:
    return pb.StreamingRecognizeResponse.FromString(data)


def check_stream(responses: Iterator[pb.StreamingRecognizeResponse]) -> None:
    """Raise unless a stream that ended well said what each such stream says."""
    first = next(responses)
    assert first.HasField("started"), "a stream did not begin with started"
    received = answered = 0
    finished = False
    for response in responses:
        assert not finished, "something followed upon finished"
        assert response.received_sample >= received
        assert response.answered_sample >= answered
        received, answered = response.received_sample, response.answered_sample
        finished = response.HasField("finished")
        posteriors = response.posteriors
        if posteriors.encoding == pb.POSTERIOR_ENCODING_FLOAT32 and posteriors.values:
            assert not np.isnan(np.frombuffer(posteriors.values, "<f4")).any()
    assert finished, "a stream ended OK without finished"


TARGET: Final = Target(share=40, make=_make, open=Caller)
