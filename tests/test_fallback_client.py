"""Fallbacks as a client meets them: on the command line, and beside a resume."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from tests.audio import encoded
from tests.commands import vau
from tests.flaky import ONE, TWIN, Flaky, flaky, pool
from tests.serving import FREE, Heard, Served, hear, speech, streaming
from vau.backend import Result, Work
from vau.client import Resume
from vau.client.recognition import Request, Update, converse
from vau.config import ServerConfig
from vau.errors import BackendFault

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
        assert summary["backends"] == ([ONE] if runs_left is None else [ONE, TWIN])
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
    assert "--fallback-backend: 'tpu' is not served here; there are: " in done.stderr


def test_the_command_says_who_may_take_over(
    two: tuple[Served, Flaky, Flaky], tmp_path: Path
) -> None:
    served, first, second = two
    first.mend()
    second.mend()
    audio = tmp_path / "audio.wav"
    audio.write_bytes(encoded(np.frombuffer(AUDIO, "<i2"), "WAV"))
    command = ("stream", audio, "--server", served.address, "--no-pace")
    expected = {
        (): [],
        ("same-kind",): [f"if {ONE} fails, these may take over, in this order: {TWIN}"],
        (ONE,): [f"nobody could take over from {ONE}: this server has no such backend"],
    }
    for names, said in expected.items():
        flags = [each for name in names for each in ("--fallback-backend", name)]
        done = vau(*command, *flags)
        assert done.returncode == 0, done.stderr
        notices = [line for line in done.stderr.splitlines() if "take over" in line]
        assert notices == [f"vau: notice: {each}" for each in said]


def test_an_update_of_a_client_brings_the_notice(two: tuple[Served, Flaky, Flaky]) -> None:
    served, first, second = two
    first.mend()
    second.mend()
    first.runs_left = 3
    samples = np.frombuffer(AUDIO, "<i2")
    chunks = [samples[at : at + 1600] for at in range(0, SAMPLES, 1600)]
    request = Request(fallback_backends=("same-kind",))
    updates = [
        event for event in converse(served.client, chunks, request) if isinstance(event, Update)
    ]
    said = [notice for each in updates for notice in each.notices]
    assert len([each for each in said if "takes over" in each]) == 1
    assert [taken for each in updates for taken in each.taken_over_by] == [TWIN]


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
        losses: list[str] = []

        def mend(loss: str) -> None:
            losses.append(loss)
            first.mend()
            second.mend()

        policy = Resume(patience_s=30.0, on_loss=mend)
        responses = list(served.client.stream(wanted, chunks, resume=policy))
        codes = [notice.code for each in responses for notice in each.notices]
        assert [code for code in codes if code != "LAGGING"] == ["BACKEND_CHANGED", "RESUMED"]
        (loss,) = losses
        assert "no fallback could take over" in loss
        moved = Heard(responses)
        np.testing.assert_array_equal(moved.values(), uncut.values())
        assert moved.finals == uncut.finals
        assert moved.finished.output_digest == uncut.finished.output_digest


class Poisoned(Flaky):
    """Fails at one frame, however often it comes."""

    def __init__(self, backend: Flaky) -> None:
        super().__init__(backend.backend)
        self.frames: list[bytes] = []
        """The features of each that it was asked for."""

        self.poison = b""

    def run(self, work: Sequence[Work]) -> list[Result]:
        frames = [frame.tobytes() for each in work for frame in each.features]
        self.frames += frames
        if self.poison in frames:
            raise BackendFault("the accelerator stumbled", retry_s=0.001)
        return super().run(work)


def test_audio_at_which_every_backend_fails_ends_in_the_failure_though_the_client_resumes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vau.client.resume.FIRST_S", 0.001)
    first, second = Poisoned(flaky(ONE)), Poisoned(flaky(TWIN))
    with pool(first, second) as served:
        wanted = streaming()
        wanted.recognition.fallback_backends.append(TWIN)
        chunks = [AUDIO[at : at + 3200] for at in range(0, len(AUDIO), 3200)]
        hear(served.client, chunks, wanted)
        first.poison = second.poison = first.frames[100]
        losses: list[str] = []
        policy = Resume(interval_s=0.2, patience_s=0.3, on_loss=losses.append)
        with pytest.raises(BackendFault, match=r"after \d+ attempts in \d+ s") as error:
            list(served.client.stream(wanted, chunks, resume=policy))
        assert 1 < int(str(error.value.facts["attempts"])) < 100, "a ring"
        assert len(losses) == 1
        assert second.poison in second.frames
