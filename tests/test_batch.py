import hashlib
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.audio import encoded, noise, recording
from tests.lively import LIVELY, write_lively_bundle
from tests.serving import floating, muntaniala
from tests.test_selfcheck import Unnormalised
from vau.audiofile import read_pcm
from vau.backend import Backend
from vau.batch import Batch, BatchOptions, Choice, Failed
from vau.endpoint import EndReason
from vau.errors import AudioError, BackendFault, CapabilityMissing, ModelNotFound
from vau.frontend import Frontend
from vau.session import (
    Push,
    Session,
    advance,
    open_session,
)
from vau.transcripts import Transcription

SECONDS: Final = (0.5, 0.02, 1.3, 0.7)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("recordings")
    return [
        recording(folder / f"{seed}.flac", seconds, seed)
        for seed, seconds in enumerate(SECONDS)
    ]


@pytest.fixture
def backend() -> Iterator[Backend]:
    opened = muntaniala(LIVELY, slot_count=3)
    yield opened
    opened.close()


def transcribed(
    backend: Backend, files: list[Path], options: BatchOptions
) -> list[Transcription]:
    """Return the transcriptions in the order of the files."""
    done: dict[int, Transcription] = {}
    for index, outcome in Batch(LIVELY, backend, options).transcribe(files):
        assert isinstance(outcome, Transcription)
        done[index] = replace(outcome, energies=())  # added up otherwise
    return [done[index] for index in range(len(files))]


def assert_same(first: Transcription, second: Transcription) -> None:
    np.testing.assert_array_equal(first.posteriors, second.posteriors)
    assert replace(first, posteriors=None) == replace(second, posteriors=None)


@given(
    st.integers(1, 6),
    st.sampled_from([0.01, 0.033, 0.5, 3.0]),
    st.booleans(),
)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_neither_batch_nor_piece_changes_a_bit(
    backend: Backend, files: list[Path], files_at_once: int, piece_s: float, logits: bool
) -> None:
    alone = BatchOptions(files_at_once=1, logits=logits)
    together = BatchOptions(files_at_once=files_at_once, piece_s=piece_s, logits=logits)
    expected = [transcribed(backend, [file], alone)[0] for file in files]
    for one, other in zip(transcribed(backend, files, together), expected, strict=True):
        assert_same(one, other)


def test_a_file_gives_what_a_stream_of_its_samples_gives(
    backend: Backend, files: list[Path]
) -> None:
    done = transcribed(backend, files[:1], BatchOptions(logits=True))[0]
    session, frontend = Session(LIVELY), Frontend(LIVELY.frontend)
    open_session(session, backend)
    pcm = read_pcm(files[0]).samples.tobytes()
    push = Push(session, pcm, EndReason.HALF_CLOSE)
    (answer,) = advance(frontend, backend, [push]).answers
    assert not isinstance(answer, Exception)
    np.testing.assert_array_equal(done.posteriors, answer.logits)
    assert done.segments == answer.segments
    assert done.output_digest == session.summary().output_digest


def test_float_gives_posteriors_and_no_digest(files: list[Path]) -> None:
    done = transcribed(floating(LIVELY), files[:1], BatchOptions())[0]
    assert done.posteriors is not None
    assert done.posteriors.dtype == np.float32
    assert done.output_digest == b""


def test_a_file_that_cannot_be_read_does_not_stop_the_others(
    backend: Backend, files: list[Path], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF")
    outcomes = dict(Batch(LIVELY, backend).transcribe([bad, *files, bad]))
    assert isinstance(outcomes[0], Failed)
    assert isinstance(outcomes[0].error, AudioError)
    assert outcomes[0].file == bad
    kinds = [type(outcomes[index]) for index in range(len(files) + 2)]
    assert kinds == [Failed, *[Transcription] * len(files), Failed]


def test_a_file_found_damaged_at_its_end_fails_alone_and_gives_its_slot_back(
    backend: Backend, files: list[Path], tmp_path: Path
) -> None:
    content = bytearray(files[2].read_bytes())
    content[4 + 4 + 18] ^= 1  # of the MD5 of its samples
    bad = tmp_path / "bad.flac"
    bad.write_bytes(content)
    told: list[int] = []
    options = BatchOptions(piece_s=0.1)
    outcomes = dict(Batch(LIVELY, backend, options).transcribe([bad, *files], told.append))
    kinds = [type(outcomes[index]) for index in range(len(files) + 1)]
    assert kinds == [Failed, *[Transcription] * len(files)]
    assert sum(told) >= round(sum(SECONDS) * 16_000)
    assert_every_slot_is_free(backend)


def test_memory_does_not_grow_with_the_length_of_a_file(
    backend: Backend, tmp_path: Path
) -> None:
    def peak_bytes(seconds: int) -> int:
        file = tmp_path / f"{seconds}.wav"
        file.write_bytes(encoded(np.tile(noise(44_100, 2), (seconds, 1)), rate_hz=44_100))
        options = BatchOptions(keep_posteriors=False)
        tracemalloc.start()
        list(Batch(LIVELY, backend, options).transcribe([file]))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_bytes(1)  # what is loaded once
    assert peak_bytes(24) - peak_bytes(8) < 16 * 16_000 * 2 // 2  # half of what is heard


def test_posteriors_that_nobody_wants_are_not_kept(backend: Backend, files: list[Path]) -> None:
    done = transcribed(backend, files, BatchOptions(keep_posteriors=False))
    assert [each.posteriors for each in done] == [None] * len(files)


@pytest.mark.parametrize("logits", [False, True])
def test_posteriors_that_waited_in_a_file_are_the_same(
    backend: Backend,
    files: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    logits: bool,
) -> None:
    options = BatchOptions(logits=logits, piece_s=0.1)
    expected = transcribed(backend, files, options)
    monkeypatch.setattr("vau.transcripts.rows.IN_MEMORY_BYTES", 100)
    found = transcribed(backend, files, replace(options, folder=tmp_path))
    for one, other in zip(found, expected, strict=True):
        assert_same(one, other)
    assert isinstance(found[2].posteriors, np.memmap)
    assert list(tmp_path.iterdir()) == []  # it never had a name


def test_what_is_no_path_is_yielded_in_its_turn(backend: Backend, files: list[Path]) -> None:
    outcomes = list(Batch(LIVELY, backend).transcribe(["known", files[0], "too"]))
    assert outcomes[:2] == [(0, "known"), (2, "too")]
    assert [index for index, _ in outcomes] == [0, 2, 1]


def test_only_bad_files_are_all_reported(backend: Backend, tmp_path: Path) -> None:
    absent = [tmp_path / f"{n}.wav" for n in range(10)]
    outcomes = [outcome for _, outcome in Batch(LIVELY, backend).transcribe(absent)]
    assert [outcome.file for outcome in outcomes if isinstance(outcome, Failed)] == absent


def test_every_slot_is_given_back(backend: Backend, files: list[Path]) -> None:
    batch = Batch(LIVELY, backend)
    next(batch.transcribe(files))  # and leave the others half way
    assert_every_slot_is_free(backend)


def test_all_samples_are_told(backend: Backend, files: list[Path]) -> None:
    told: list[int] = []
    outcomes = list(Batch(LIVELY, backend).transcribe(files, told.append))
    samples = [done.samples for _, done in outcomes if isinstance(done, Transcription)]
    assert sum(told) == sum(samples) == round(sum(SECONDS) * 16_000)


def test_a_fault_of_the_backend_ends_the_batch(backend: Backend, files: list[Path]) -> None:
    class Faulty:
        def __getattr__(self, name: str) -> object:
            return getattr(backend, name)

        def run(self, _work: object) -> None:
            raise BackendFault("the board is gone")

    with pytest.raises(BackendFault, match="the board is gone"):
        list(Batch(LIVELY, Faulty()).transcribe(files))  # type: ignore[arg-type]


def test_a_choice_opens_what_it_names(tmp_path: Path, files: list[Path]) -> None:
    write_lively_bundle(tmp_path)
    with Choice(model=str(tmp_path), backend="muntaniala:2x1").open() as batch:
        (_, done), *_ = batch.transcribe(files[:1])
    assert isinstance(done, Transcription)
    assert (done.engine.model, done.engine.backend) == ("tiny", "muntaniala:2x1")


def test_logits_are_not_to_be_had_from_float(tmp_path: Path) -> None:
    write_lively_bundle(tmp_path)
    options = BatchOptions(logits=True)
    choice = Choice(model=str(tmp_path), backend="float", options=options)
    with pytest.raises(CapabilityMissing, match="leave out --logits"), choice.open():
        pass


def test_a_choice_refuses_a_backend_whose_posteriors_are_no_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lively_bundle(tmp_path)
    spoiled = Unnormalised(muntaniala(LIVELY))
    monkeypatch.setattr("vau.batch.open_backend", lambda *_: spoiled)
    with (
        pytest.raises(BackendFault, match=r"muntaniala:1x1: .* sum to 1\.1"),
        Choice(model=str(tmp_path), backend="muntaniala").open(),
    ):
        pass
    assert spoiled.released == spoiled.opened


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ModelNotFound), Choice(model="nobody", backend="float").open():
        pass


@pytest.mark.parametrize("options", [{"files_at_once": 0}, {"piece_s": 1e-9}])
def test_nonsense_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        BatchOptions(**options)  # type: ignore[arg-type]


def test_a_file_that_is_gone_when_it_is_done_keeps_its_digest(
    backend: Backend, tmp_path: Path
) -> None:
    file = recording(tmp_path / "x.flac", 1.0)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    gone = lambda _samples: file.unlink(missing_ok=True)  # noqa: E731 - a name for the test
    ((_, done),) = Batch(LIVELY, backend).transcribe([file], gone)
    assert isinstance(done, Transcription)
    assert done.sha256 == digest


def test_audio_that_a_session_refuses_fails_its_file_alone(
    backend: Backend, files: list[Path]
) -> None:
    def emptied(index: int, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        return samples[: len(samples) * (index != 1)]

    outcomes = dict(Batch(LIVELY, backend).transcribe(files, change=emptied))
    kinds = [type(outcomes[index]) for index in range(len(files))]
    assert kinds == [Transcription, Failed, Transcription, Transcription]
    assert_every_slot_is_free(backend)


def assert_every_slot_is_free(backend: Backend) -> None:
    slots = [backend.open() for _ in range(backend.info.slot_count)]
    assert len(set(slots)) == backend.info.slot_count
