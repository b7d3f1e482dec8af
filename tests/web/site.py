"""Servers with the live page, and what gRPC says of the same bytes."""

import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from google.protobuf import json_format

from tests.commands import ROOT
from tests.real_server import RealServer, real_server
from tests.serving import FREE
from vau.client import Client, posteriors_array
from vau.v1 import speech_pb2 as pb

CLIP: Final = ROOT / ".cache/sense_and_sensibility.wav"
"""Seven seconds of a real voice, which `./run e2e-web` fetches."""

BACKENDS: Final = ("muntaniala", "rpu", "float")
IDS: Final = ("muntaniala:4x4", "rpu:streamed", "float")


@dataclass(frozen=True, slots=True)
class Site:
    """A server that has the page."""

    url: str
    server: RealServer


@contextmanager
def site(folder: Path, *arguments: object) -> Iterator[Site]:
    """Serve the page until the block ends."""
    log = folder / "server.log"
    with real_server("--web", "--web-listen", FREE, *arguments, log=log) as server:
        yield Site(server.said("listening")["web"], server)


def of(*backends: str) -> list[str]:
    return [word for backend in backends for word in ("--backend", backend)]


def pcm() -> bytes:
    with wave.open(str(CLIP)) as file:
        found: bytes = file.readframes(file.getnframes())
        return found


@dataclass(frozen=True, slots=True)
class Said:
    """What a stream over gRPC said of the clip."""

    finished: pb.SessionFinished
    phones: list[str]
    """Without silence, of the finals."""

    best: list[int]
    """The most probable class of each frame."""


def over_grpc(address: str, backend: str, audio: bytes = b"") -> Said:
    """Let the server hear ``audio``, or else the clip, with the config of the page."""
    config = json_format.ParseDict(
        {
            "recognition": {
                "audioFormat": {
                    "encoding": "ENCODING_LINEAR16",
                    "sampleRateHertz": 16_000,
                    "channelCount": 1,
                },
                "output": {"phonemes": True, "posteriors": "POSTERIORS_FULL"},
                "backend": backend,
            },
            "endpointing": {"endSilence": "0.6s", "maxSegment": "20s"},
        },
        pb.StreamingConfig(),
    )
    audio, phones, best = audio or pcm(), [], []
    pieces = [audio[at : at + 6_400] for at in range(0, len(audio), 6_400)]
    with Client(address) as client:
        for response in client.stream(config, pieces):
            for result in response.results:
                phones += [phone.symbol for phone in result.phones if phone.symbol != "SIL"]
            if response.HasField("posteriors"):
                best += posteriors_array(response.posteriors).argmax(axis=1).tolist()
    return Said(response.finished, phones, best)
