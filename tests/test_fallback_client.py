"""Fallbacks as a client meets them: on the command line, and beside a resume."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from tests.audio import encoded
from tests.commands import vau
from tests.flaky import ONE, TWIN, Flaky, flaky, pool
from tests.serving import FREE, Heard, Served, hear, speech, streaming
from vau.client import Resume
from vau.client.recognition import Request, converse
from vau.config import ServerConfig
from vau.v1 import speech_pb2 as pb

SAMPLES: Final = 24_000
AUDIO: Final = speech(SAMPLES, seed=4)


@pytest.fixture(scope="module")
def two() -> Iterator[tuple[Served, Flaky, Flaky]]:
    first, second = flaky(ONE), flaky(TWIN)
    with pool(first, second) as served:
        yield served, first, second


def test_the_command_names_fallbacks_and_says_that_one_was_taken(
    two: tuple[Served, Flaky, Flaky], tmp_path: Path
) -> None:
    served, first, second = two
    audio = tmp_path / "audio.wav"
    audio.write_bytes(encoded(np.frombuffer(AUDIO, "<i2"), "WAV"))
    told = []
    for runs_left in (None, 3):
        first.mend()
        second.mend()
        first.runs_left = runs_left
        done = vau(
            *("stream", audio, "--server", served.address, "--no-pace", "--json"),
            *("--fallback-backend", TWIN, "--fallback-backend", "any"),
        )
        assert done.returncode == 0, done.stderr
        *phones, summary = map(json.loads, done.stdout.splitlines())
        told.append((phones, summary["output_digest"]))
        notices = [line for line in done.stderr.splitlines() if "takes over" in line]
        assert len(notices) == (runs_left is not None)
    assert told[0] == told[1]
    assert f"vau: notice: {TWIN} takes over from {ONE} at frame " in notices[0]


def test_the_command_is_refused_a_fallback_that_is_not_there(
    two: tuple[Served, Flaky, Flaky],
) -> None:
    served, _, _ = two
    done = vau("stream", "-", "--server", served.address, "--fallback-backend", "tpu")
    assert done.returncode == 3
    assert "fallback_backends: 'tpu' is not served here; there are: " in done.stderr


def test_an_update_of_a_client_brings_the_notice(two: tuple[Served, Flaky, Flaky]) -> None:
    served, first, second = two
    first.mend()
    second.mend()
    first.runs_left = 3
    samples = np.frombuffer(AUDIO, "<i2")
    chunks = [samples[at : at + 1600] for at in range(0, SAMPLES, 1600)]
    request = Request(fallback_backends=("same-kind",))
    said = [
        notice
        for event in converse(served.client, chunks, request)
        for notice in getattr(event, "notices", ())
    ]
    assert len([each for each in said if "takes over" in each]) == 1


def test_a_client_that_resumes_survives_that_all_its_backends_fail() -> None:
    first, second = flaky(ONE), flaky(TWIN)
    config = ServerConfig(listen=FREE, metrics_listen=FREE)
    with pool(first, second, config=config) as served:
        wanted = streaming()
        wanted.recognition.fallback_backends.append(TWIN)
        wanted.checkpoint_interval.FromMilliseconds(200)
        chunks = [AUDIO[at : at + 3200] for at in range(0, len(AUDIO), 3200)]
        uncut = hear(served.client, chunks, wanted)
        first.runs_left, second.runs_left = 5, 6
        responses: list[pb.StreamingRecognizeResponse] = []
        for response in served.client.stream(wanted, chunks, resume=Resume(patience_s=30.0)):
            responses.append(response)
            if (second.runs_left or 0) < 0:
                first.mend()
                second.mend()
        codes = [notice.code for each in responses for notice in each.notices]
        assert "BACKEND_CHANGED" in codes
        moved = Heard(responses)
        np.testing.assert_array_equal(moved.values(), uncut.values())
        assert moved.finals == uncut.finals
        assert moved.finished.output_digest == uncut.finished.output_digest
