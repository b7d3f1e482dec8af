"""A file, a stream and a server give the same: to the bit, through real sockets."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from tests.audio import noise, recording
from tests.lively import LIVELY
from tests.serving import FREE, Served, Talk, floating, muntaniala, serving
from vau.audiofile import read_pcm, to_mono_16k
from vau.backend import Backend
from vau.batch import Batch, BatchOptions, Failed
from vau.client import Client
from vau.errors import CapabilityMissing, SlotsExhausted, Unreachable
from vau.remote import (
    Finished,
    Request,
    Started,
    Update,
    Wanted,
    converse,
    transcribe,
    transcription,
    whole,
)
from vau.transcript import Transcription

SECONDS: Final = (0.4, 0.03, 1.1)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("recordings")
    return [recording(folder / f"{n}.flac", seconds, n) for n, seconds in enumerate(SECONDS)]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving((LIVELY, muntaniala(LIVELY)), (LIVELY, floating(LIVELY))) as running:
        yield running


def comparable(done: Transcription | Failed) -> Transcription:
    """Return what must be equal everywhere: all but the clock, and the last bit of joules."""
    assert isinstance(done, Transcription)
    energies = tuple(replace(each, joules=0.0, parts=()) for each in done.energies)
    segments = tuple(
        replace(
            segment,
            phones=tuple(
                replace(phone, confidence=float(np.float32(phone.confidence)))
                for phone in segment.phones
            ),
        )
        for segment in done.segments
    )
    return replace(
        done,
        wall_s=0.0,
        compute_s=0.0,
        energies=energies,
        segments=segments,
        posteriors=None,
        fraction_bits=None,
    )


@pytest.mark.parametrize(
    ("backend", "wanted"), [("muntaniala", "logits"), ("muntaniala", "log"), ("float", "log")]
)
def test_a_server_gives_what_a_batch_gives(
    served: Served, files: list[Path], backend: str, wanted: Wanted
) -> None:
    opened: Backend = muntaniala(LIVELY) if backend == "muntaniala" else floating(LIVELY)
    options = BatchOptions(logits=wanted == "logits")
    here = dict(Batch(LIVELY, opened, options).transcribe(files))
    request = Request(backend=opened.info.id, posteriors=wanted)
    there = dict(transcribe(served.client, files, request, streams=2))
    for index in range(len(files)):
        assert comparable(there[index]) == comparable(here[index])
        np.testing.assert_array_equal(
            there[index].posteriors,  # type: ignore[union-attr]
            here[index].posteriors,  # type: ignore[union-attr]
        )


@pytest.mark.parametrize("chunk", [160, 1_601, 16_000])
def test_the_chunks_of_a_stream_change_nothing(
    served: Served, files: list[Path], chunk: int
) -> None:
    samples = to_mono_16k(read_pcm(files[2]))
    request = Request(posteriors="logits", interim_results=True)
    events = converse(served.client, whole(samples, chunk), request)
    streamed = transcription("x", lambda: "", events)
    ((_, here),) = Batch(LIVELY, muntaniala(LIVELY), BatchOptions(logits=True)).transcribe(
        files[2:]
    )
    assert isinstance(here, Transcription)
    np.testing.assert_array_equal(streamed.posteriors, here.posteriors)
    assert streamed.output_digest == here.output_digest
    assert streamed.input_digest == here.input_digest


def test_a_stream_begins_with_started_and_ends_with_finished(served: Served) -> None:
    first, *updates, last = converse(served.client, whole(noise()[:, 0], 800), Request())
    assert isinstance(first, Started)
    assert first.engine.phonemes == LIVELY.phonemes
    assert first.look_ahead_frames == LIVELY.look_ahead_frames
    assert all(isinstance(update, Update) for update in updates)
    assert isinstance(last, Finished)
    assert (last.samples, last.frames) == (8_000, 49)
    assert last.compute_s > 0.0


def test_posteriors_that_nobody_wants_are_not_kept(served: Served, files: list[Path]) -> None:
    samples = to_mono_16k(read_pcm(files[0]))
    events = converse(served.client, whole(samples, 800), Request(posteriors="log"))
    assert transcription("x", lambda: "", events, keep_posteriors=False).posteriors is None


def test_a_file_that_cannot_be_read_does_not_stop_the_others(
    served: Served, files: list[Path], tmp_path: Path
) -> None:
    absent = tmp_path / "absent.flac"
    outcomes = dict(transcribe(served.client, [absent, *files], Request()))
    assert isinstance(outcomes[0], Failed)
    assert [type(outcomes[index]) for index in (1, 2, 3)] == [Transcription] * 3


def test_a_refusal_ends_them_all(files: list[Path]) -> None:
    with serving((LIVELY, floating(LIVELY))) as served:
        request = Request(posteriors="logits")
        with pytest.raises(CapabilityMissing):
            list(transcribe(served.client, files, request, streams=2))


def test_a_full_server_is_an_error(files: list[Path]) -> None:
    with serving((LIVELY, muntaniala(LIVELY, slot_count=1))) as served:
        talk = Talk(served.client)
        with pytest.raises(SlotsExhausted), Client(served.address) as client:
            list(transcribe(client, files[:1], Request()))
        talk.vanish()


def test_a_server_that_is_not_there_is_an_error_at_once(files: list[Path]) -> None:
    with Client(FREE.replace(":0", ":1")) as client, pytest.raises(Unreachable):
        list(transcribe(client, files[:1], Request()))
