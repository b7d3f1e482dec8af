"""A file, a stream and a server give the same: to the bit, through real sockets."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.audio import noise, recording
from tests.lively import LIVELY
from tests.serving import FREE, Served, Talk, eventually, floating, muntaniala, serving
from vau.audiofile import read_pcm, to_mono_16k
from vau.backend import Backend
from vau.batch import Batch, BatchOptions, Failed
from vau.client import Client, Resume
from vau.client.recognition import (
    Finished,
    Request,
    Started,
    Update,
    Wanted,
    chunks_of,
    converse,
    transcribe,
    transcription,
)
from vau.config import ServerConfig
from vau.decode import DecoderName, decoder_of
from vau.errors import (
    CapabilityMissing,
    ConfigInvalid,
    ModelNotFound,
    SlotsExhausted,
    Unreachable,
)
from vau.transcripts import Transcription, header
from vau.v1 import speech_pb2 as pb

SECONDS: Final = (0.4, 0.03, 1.1)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("recordings")
    return [recording(folder / f"{n}.flac", seconds, n) for n, seconds in enumerate(SECONDS)]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving((LIVELY, muntaniala(LIVELY)), (LIVELY, floating(LIVELY))) as running:
        yield running


@pytest.mark.parametrize(
    ("field", "value", "part"),
    [
        ("fallback_backends", "same-kind", "is one name alone; give ['same-kind']"),
        ("fallback_backends", None, "None is no list of names"),
        ("fallback_backends", [1], "[1] is no list of names"),
        ("backend", None, "None is no name; leave it out for the default"),
        ("model", 3, "3 is no name"),
        ("decoder", "best", "'best' is none of viterbi, greedy"),
        ("decoder", [], "[] is none of viterbi, greedy"),
        ("posteriors", True, "True is none of none, log, logits"),
    ],
)
def test_a_request_that_cannot_be_meant_is_refused_by_name(
    field: str,
    value: Any,  # noqa: ANN401
    part: str,
) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        Request(**{field: value})
    assert str(refused.value).startswith(f"{field}: ")
    assert part in str(refused.value)
    assert refused.value.field == field


def test_fallbacks_may_be_any_list_of_names() -> None:
    for names in (["same-kind", "any"], ("same-kind", "any")):
        config = Request(fallback_backends=names).config()
        assert list(config.recognition.fallback_backends) == ["same-kind", "any"]


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
    there = dict(transcribe(served.address, files, request, streams=2))
    for index in range(len(files)):
        assert comparable(there[index]) == comparable(here[index])
        np.testing.assert_array_equal(
            there[index].posteriors,  # type: ignore[union-attr]
            here[index].posteriors,  # type: ignore[union-attr]
        )


@pytest.mark.parametrize("decoder", get_args(DecoderName))
def test_a_result_says_which_decoder_made_it_on_a_server_and_in_a_batch(
    served: Served, files: list[Path], decoder: DecoderName
) -> None:
    request = Request(posteriors="log", decoder=decoder)
    ((_, there),) = transcribe(served.address, files[:1], request)
    options = BatchOptions(decoder=decoder)
    ((_, here),) = Batch(LIVELY, muntaniala(LIVELY), options).transcribe(files[:1])
    assert comparable(there) == comparable(here)
    assert isinstance(here, Transcription)
    assert (here.engine.decoder, header(here)["decoder"]) == (decoder, decoder)
    asked = decoder_of(LIVELY, decoder)
    assert here.posteriors is not None
    asked.push(here.posteriors.astype(np.float32))
    expected = [LIVELY.phonemes[run.class_id] for run in asked.finish().runs]
    assert [phone.symbol for phone in here.segments[0].phones] == expected


@pytest.mark.parametrize("chunk", [160, 1_601, 16_000])
def test_the_chunks_of_a_stream_change_nothing(
    served: Served, files: list[Path], chunk: int
) -> None:
    samples = to_mono_16k(read_pcm(files[2]))
    request = Request(posteriors="logits", interim_results=True)
    events = converse(served.client, chunks_of(samples, chunk), request)
    streamed = transcription("x", lambda: "", events)
    ((_, here),) = Batch(LIVELY, muntaniala(LIVELY), BatchOptions(logits=True)).transcribe(
        files[2:]
    )
    assert isinstance(here, Transcription)
    np.testing.assert_array_equal(streamed.posteriors, here.posteriors)
    assert streamed.output_digest == here.output_digest
    assert streamed.input_digest == here.input_digest


def test_a_stream_begins_with_started_and_ends_with_finished(served: Served) -> None:
    first, *updates, last = converse(served.client, chunks_of(noise()[:, 0], 800), Request())
    assert isinstance(first, Started)
    assert first.engine.phonemes == LIVELY.phonemes
    assert first.look_ahead_frames == LIVELY.look_ahead_frames
    assert all(isinstance(update, Update) for update in updates)
    assert isinstance(last, Finished)
    assert (last.samples, last.frames) == (8_000, 49)
    assert last.compute_s > 0.0


def test_posteriors_that_nobody_wants_are_not_kept(served: Served, files: list[Path]) -> None:
    samples = to_mono_16k(read_pcm(files[0]))
    events = converse(served.client, chunks_of(samples, 800), Request(posteriors="log"))
    assert transcription("x", lambda: "", events, keep_posteriors=False).posteriors is None


def test_a_file_that_cannot_be_read_does_not_stop_the_others(
    served: Served, files: list[Path], tmp_path: Path
) -> None:
    absent = tmp_path / "absent.flac"
    outcomes = dict(transcribe(served.address, [absent, *files], Request()))
    assert isinstance(outcomes[0], Failed)
    assert [type(outcomes[index]) for index in (1, 2, 3)] == [Transcription] * 3


def test_a_refusal_ends_them_all(files: list[Path]) -> None:
    with serving((LIVELY, floating(LIVELY))) as served:
        request = Request(posteriors="logits")
        with pytest.raises(CapabilityMissing):
            list(transcribe(served.address, files, request, streams=2))


def test_a_server_that_stays_full_is_an_error(files: list[Path]) -> None:
    told: list[tuple[int, str]] = []
    with serving((LIVELY, muntaniala(LIVELY, slot_count=1))) as served:
        talk = Talk(served.client)
        with pytest.raises(SlotsExhausted, match="after 0 attempts") as error:
            list(
                transcribe(
                    served.address,
                    files[:1],
                    Request(),
                    on_loss=lambda *loss: told.append(loss),
                    resume=Resume(patience_s=0.5),
                )
            )
        talk.vanish()
    assert error.value.retry_after_s == 1.0  # which is more patience than there is
    assert told == []


def test_a_server_that_is_not_there_is_an_error(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = partial(Client, connect_timeout_s=0.2)
    monkeypatch.setattr("vau.client.recognition.files.Client", hasty)
    with pytest.raises(Unreachable):
        list(transcribe(FREE.replace(":0", ":1"), files[:1], Request()))


def test_every_response_after_the_first_is_an_update_so_no_energy_is_lost(
    served: Served,
) -> None:
    samples = noise(8_000)[:, 0]
    _, *updates, last = converse(served.client, chunks_of(samples, 160), Request())
    assert isinstance(last, Finished)
    joules = sum(
        energy.joules
        for update in updates
        if isinstance(update, Update)
        for energy in update.energies
        if energy.boundary == last.energies[0].boundary
    )
    assert joules == pytest.approx(last.energies[0].joules)


class Newer:
    """A client of a server that is newer than we are."""

    address = "newer:1"

    def __init__(self, *responses: pb.StreamingRecognizeResponse) -> None:
        self.stream = lambda _config, _audio, resume=None: iter(responses)  # noqa: ARG005


def test_what_a_newer_server_says_in_unknown_words_is_tolerated() -> None:
    result = pb.Result(is_final=True, end_reason=pb.END_REASON_SILENCE)
    known = pb.Energy(joules=1, origin=pb.ORIGIN_MEASURED, boundary=pb.Energy.BOUNDARY_BOARD)
    elsewhere = pb.Energy(joules=9, origin=pb.ORIGIN_MEASURED, boundary=99)  # type: ignore[arg-type]
    guessed = pb.Energy(joules=9, origin=99, boundary=pb.Energy.BOUNDARY_BOARD)  # type: ignore[arg-type]
    client = Newer(
        pb.StreamingRecognizeResponse(started=pb.SessionStarted()),
        pb.StreamingRecognizeResponse(results=[result], energy=[elsewhere, known, guessed]),
        pb.StreamingRecognizeResponse(finished=pb.SessionFinished(samples=1)),
    )
    done = transcription("x", lambda: "", converse(client, [], Request()))  # type: ignore[arg-type]
    assert len(done.segments) == 1
    _, update, *_ = converse(client, [], Request())  # type: ignore[arg-type]
    assert isinstance(update, Update)
    assert [energy.joules for energy in update.energies] == [1.0]


def test_the_limits_of_a_server_are_kept(
    files: list[Path],
) -> None:
    refused: list[tuple[int, str]] = []
    narrow = ServerConfig(
        listen=FREE, metrics_listen=FREE, max_streams=1, max_audio_message_bytes=3_201
    )
    with serving((LIVELY, muntaniala(LIVELY)), config=narrow) as served:
        outcomes = dict(
            transcribe(
                served.address,
                files,
                Request(),
                streams=8,
                on_loss=lambda *loss: refused.append(loss),
            )
        )
    assert [type(outcomes[index]) for index in range(3)] == [Transcription] * 3
    assert refused == []


@pytest.mark.parametrize("limit", [{"max_lag_s": 0.3}, {"max_audio_message_bytes": 3_201}])
def test_a_chunk_is_cut_to_what_the_server_takes(limit: dict[str, Any]) -> None:
    narrow = ServerConfig(listen=FREE, metrics_listen=FREE, **limit)
    with serving((LIVELY, muntaniala(LIVELY)), config=narrow) as served:
        *_, last = converse(served.client, [noise(16_000)[:, 0]], Request())
    assert isinstance(last, Finished)
    assert last.samples == 16_000


def test_audio_may_pause_for_longer_than_a_server_waits() -> None:
    samples = noise(8_000)[:, 0]

    def paused() -> Iterator[NDArray[np.int16]]:
        yield samples
        threading.Event().wait(1.0)  # three times what the server waits
        yield samples

    hasty = ServerConfig(listen=FREE, metrics_listen=FREE, idle_timeout_s=0.3)
    with serving((LIVELY, muntaniala(LIVELY)), config=hasty) as served:
        *_, last = converse(served.client, paused(), Request())
    assert isinstance(last, Finished)
    assert last.samples == 16_000


def test_that_much_waits_is_no_news_of_audio_that_comes_faster_than_speech() -> None:
    notices = [
        pb.Notice(code="LAGGING", text="behind"),
        pb.Notice(code="CLIPPING", text="loud"),
    ]
    client = Newer(
        pb.StreamingRecognizeResponse(started=pb.SessionStarted()),
        pb.StreamingRecognizeResponse(notices=notices),
        pb.StreamingRecognizeResponse(finished=pb.SessionFinished(samples=1)),
    )
    heard = []
    for is_live in (True, False):
        _, update, *_ = converse(client, [], Request(), None, lambda live=is_live: live)  # type: ignore[arg-type, misc]
        assert isinstance(update, Update)
        heard.append(update.notices)
    assert heard == [("behind", "loud"), ("loud",)]


def test_audio_of_a_stream_that_never_began_is_not_asked_for(served: Served) -> None:
    audio = iter([noise()[:, 0]])
    with pytest.raises(ModelNotFound):
        list(converse(served.client, audio, Request(model="absent")))
    assert len(list(audio)) == 1


def test_who_finds_no_free_slot_comes_again_when_told_and_says_so(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vau.wire.gate.STREAM_RETRY_S", 0.05)
    told: list[tuple[int, str]] = []
    with serving((LIVELY, muntaniala(LIVELY, slot_count=1))) as served:
        talk = Talk(served.client)

        def lost(index: int, text: str) -> None:
            told.append((index, text))
            talk.vanish()

        ((_, done),) = transcribe(served.address, files[:1], Request(), on_loss=lost)
    assert isinstance(done, Transcription)
    ((index, text),) = told
    assert index == 0
    assert text.startswith("no room yet, trying again for 60 s: all streams of ")


def test_leaving_early_leaves_no_stream_and_the_callers_client_alone(
    served: Served, files: list[Path]
) -> None:
    outcomes = transcribe(served.address, files, Request(), streams=2)
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    eventually(lambda: served.slots_in_use() == 0)
    assert served.client.server_info().models


def test_a_file_that_is_gone_when_it_is_done_keeps_its_digest(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = recording(tmp_path / "x.flac", 0.3)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()

    def after_reading(
        *arguments: Any,  # noqa: ANN401
        **named: Any,  # noqa: ANN401
    ) -> Iterator[Started | Update | Finished]:
        file.unlink()
        yield from converse(*arguments, **named)

    monkeypatch.setattr("vau.client.recognition.files.converse", after_reading)
    ((_, done),) = transcribe(served.address, [file], Request())
    assert comparable(done).sha256 == digest


def test_who_stops_while_a_file_is_sent_begins_no_other(
    served: Served, files: list[Path]
) -> None:
    stop = threading.Event()

    def change(_index: int, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        stop.set()
        return samples

    asked = Request(model=LIVELY.name, backend="muntaniala")
    done = transcribe(
        served.address, files, asked, streams=1, change=change, stopping=stop.is_set
    )
    assert [index for index, _ in done] == [0]
