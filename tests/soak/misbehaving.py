"""A client that does what no client should: ``python -m tests.soak.misbehaving KIND ADDRESS``.

It says "opened" when its stream has begun, and at its end, if it has one, how that came.
"""

import json
import queue
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep
from typing import Any, Final, Literal, cast

import grpc

from tests.commands import ROOT, environment
from tests.serving import FULL, streaming
from tests.soak.check import require
from tests.soak.known import CHUNK_S, chunk
from vau.v1 import speech_pb2 as pb
from vau.v1.speech_pb2_grpc import SpeechRecognitionStub
from vau.wire.status import error_from

Kind = Literal["talk", "mute", "flood", "drip"]
SEED: Final = 900
FLOOD_CHUNKS: Final = 600  # a minute of audio
MUTE_CHUNKS: Final = 20_000
DRIP_CHUNKS: Final = 2
OPENED: Final = "opened"


@contextmanager
def misbehaving(kind: Kind, address: str) -> "Iterator[subprocess.Popen[str]]":
    """Run such a client, whose stream has begun, while the block lasts."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.soak.misbehaving", kind, address],
        cwd=ROOT,
        env=environment(OPENBLAS_NUM_THREADS="1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline().strip()
            require(line == OPENED, f"a client that was to {kind} could not begin: {line}")
            yield process
        finally:
            process.kill()


def said(process: "subprocess.Popen[str]", patience_s: float) -> dict[str, Any]:
    """Wait for its end, and return what it said last."""
    text, _ = process.communicate(timeout=patience_s)
    return cast("dict[str, Any]", json.loads(text))


def _talk() -> Iterator[bytes]:
    number = 0
    while True:
        sleep(CHUNK_S)
        yield chunk(SEED, number)
        number += 1


def _flood() -> Iterator[bytes]:
    for number in range(FLOOD_CHUNKS):
        yield chunk(SEED, number)


def _mute() -> Iterator[bytes]:
    for number in range(MUTE_CHUNKS):
        yield chunk(SEED, number)


def _drip() -> Iterator[bytes]:
    for number in range(DRIP_CHUNKS):
        audio = chunk(SEED, number)
        for at in range(len(audio)):
            yield audio[at : at + 1]


_SENT: Final[dict[str, Callable[[], Iterator[bytes]]]] = {
    "talk": _talk,
    "mute": _mute,
    "flood": _flood,
    "drip": _drip,
}


def _main(kind: str, address: str) -> None:
    begun: queue.SimpleQueue[None] = queue.SimpleQueue()

    def requests() -> Iterator[pb.StreamingRecognizeRequest]:
        output = FULL if kind == "mute" else pb.OutputConfig(phonemes=True)
        yield pb.StreamingRecognizeRequest(config=streaming(output))
        begun.get()
        for audio in _SENT[kind]():
            yield pb.StreamingRecognizeRequest(audio=audio)

    options = [("grpc.http2.bdp_probe", 0)]  # or else the window grows to what is not read
    with grpc.insecure_channel(address, options) as channel:
        call = SpeechRecognitionStub(channel).StreamingRecognize(requests())
        next(call)
        sys.stdout.write(OPENED + "\n")
        sys.stdout.flush()
        begun.put(None)
        if kind == "mute":
            sleep(3600.0)
        json.dump(_heard(call), sys.stdout)


def _heard(call: Iterator[pb.StreamingRecognizeResponse]) -> dict[str, Any]:
    """Read to the end, and return how it came."""
    responses, digest = 0, ""
    try:
        for response in call:
            responses += 1
            digest = response.finished.output_digest.hex()
    except grpc.RpcError as error:
        meant = error_from(error)
        return {"error": type(meant).__name__, "text": str(meant), "responses": responses}
    return {"error": "", "digest": digest, "responses": responses}


if __name__ == "__main__":
    _main(*sys.argv[1:])
