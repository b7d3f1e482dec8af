"""What docs/fallback.md shows works, with the model that is shipped."""

import json
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.audio import encoded
from tests.commands import started, vau
from tests.serving import FREE, speech, streaming
from tests.test_docs import blocks
from vau.client import Client
from vau.v1 import speech_pb2 as pb

GUIDE = "docs/fallback.md"


def commands(verb: str) -> list[list[str]]:
    """Return the arguments of the commands of the guide that begin with ``vau VERB``."""
    (shown,) = blocks(GUIDE, "sh")
    lines = [shlex.split(line) for line in shown.splitlines()]
    return [words for vau_, *words in lines if vau_ == "vau" and words[0] == verb]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Return where the server of the guide listens."""
    (command,) = commands("serve")
    with started(*command, "--listen", FREE, "--metrics-listen", "off") as server:
        assert server.stderr is not None
        listening = json.loads(server.stderr.readline())
        assert listening["event"] == "listening", listening
        yield listening["grpc"]
        server.send_signal(signal.SIGTERM)
        server.wait()


def test_every_command_finds_who_may_take_over(address: str, tmp_path: Path) -> None:
    audio = tmp_path / "speech.wav"
    audio.write_bytes(encoded(np.frombuffer(speech(4000), "<i2"), "WAV"))
    shown = commands("stream")
    assert len(shown) == 2
    backends = ("muntaniala:4x4", "muntaniala:8x4")
    for command, (own, other) in zip(shown, (backends, backends[::-1]), strict=True):
        words = [str(audio) if word == "speech.wav" else word for word in command]
        done = vau(*words, "--server", address, "--no-pace")
        assert done.returncode == 0, done.stderr
        assert f"if {own} fails, these may take over, in this order: {other}\n" in done.stderr


def test_the_lines_of_python_do_as_well(address: str) -> None:
    (code,) = blocks(GUIDE)
    config = streaming(pb.OutputConfig(phonemes=True))
    exec(code, {"config": config})
    with Client(address) as client:
        begun = next(iter(client.stream(config, []))).started
        listed = client.backends().backends
    assert begun.backend.id == "muntaniala:4x4"
    assert list(begun.resolved.fallback_backends) == ["muntaniala:8x4"]
    assert len({backend.arithmetic_id for backend in listed}) == 1  # so they owe the same bits
