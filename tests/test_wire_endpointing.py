"""Segments that end by silence, over a real server: what a client is told, and when."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.audio import encoded
from tests.lively import LIVELY
from tests.serving import (
    END_UTTERANCE,
    Heard,
    Served,
    Talk,
    cut,
    hear,
    muntaniala,
    serving,
    speech,
    streaming,
)
from tests.test_client_resume import Losing, listen_to
from vau.audio import FRAME_SAMPLES, HOP_SAMPLES
from vau.audiofile import read_recording
from vau.client.endpointing import Endpointing
from vau.client.recognition import Request, Update, converse
from vau.commands.clip import default_clip
from vau.commands.stream import StreamOptions, stream
from vau.errors import AudioError, CapabilityMissing
from vau.model import find_model
from vau.v1 import speech_pb2 as pb

Samples = NDArray[np.int16]
BEGIN, END = pb.SpeechEvent.KIND_SPEECH_BEGIN, pb.SpeechEvent.KIND_SPEECH_END
SPOKEN: Final = find_model("munt-1x192")
PAUSE_S: Final = 0.8


def rules(
    start: float = 0.0, silence: float = 0.0, longest: float = 0.0, *, resets: bool = False
) -> pb.Endpointing:
    message = Endpointing(
        start_timeout_s=start, end_silence_s=silence, max_segment_s=longest
    ).message()
    message.reset_state = resets
    return message


def wanted(endpointing: pb.Endpointing | None, **options: Any) -> pb.StreamingConfig:  # noqa: ANN401
    config = streaming(**options)
    if endpointing is not None:
        config.endpointing.CopyFrom(endpointing)
        config.endpointing.SetInParent()
    return config


def events_of(heard: Heard) -> list[pb.SpeechEvent]:
    return [event for response in heard.responses for event in response.events]


# --- what a voice says -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence, a pause, the same sentence, another pause."""

    samples: Samples
    words: int
    """Samples of a sentence."""

    pause: int

    @property
    def second(self) -> int:
        """Where the second sentence begins."""
        return self.words + self.pause


@pytest.fixture(scope="module")
def talk() -> Spoken:
    try:
        words = read_recording(default_clip()).samples
    except AudioError as absent:
        pytest.skip(str(absent))
    pause = np.random.default_rng(0).normal(0, 4, round(PAUSE_S * 16_000)).astype(np.int16)
    return Spoken(np.concatenate([words, pause, words, pause]), len(words), len(pause))


@pytest.fixture(scope="module")
def speaking() -> Iterator[Served]:
    with serving((SPOKEN, muntaniala(SPOKEN))) as running:
        yield running


def chunks(samples: Samples, size: int) -> list[bytes]:
    return [samples[at : at + size].tobytes() for at in range(0, len(samples), size)]


def test_a_voice_that_pauses_gets_a_final_for_each_sentence_and_the_same_phones(
    speaking: Served, talk: Spoken
) -> None:
    config = wanted(rules(silence=0.5))
    heard = hear(speaking.client, chunks(talk.samples, 1600), config)
    reasons = [each.end_reason for each in heard.finals]
    assert reasons == [pb.END_REASON_SILENCE, pb.END_REASON_SILENCE, pb.END_REASON_HALF_CLOSE]
    first, second, rest = heard.finals
    assert not [phone for phone in rest.phones if phone.class_id not in SPOKEN.silence_ids]
    assert talk.words < first.end_sample < talk.second
    assert talk.second + talk.words < second.end_sample
    begin, end, again, last = events_of(heard)
    assert [each.kind for each in (begin, end, again, last)] == [BEGIN, END, BEGIN, END]
    assert abs(end.sample - talk.words) < 0.4 * 16_000
    assert abs(again.sample - talk.second - begin.sample) < 0.1 * 16_000
    assert first.end_sample - end.sample == 0.5 * 16_000
    assert len(first.phones) > 20
    assert heard.finished.utterances == 1


def test_a_final_comes_as_soon_as_the_silence_has_lasted(
    speaking: Served, talk: Spoken
) -> None:
    conversation = Talk(speaking.client, wanted(rules(silence=0.5)))
    for chunk in chunks(talk.samples, 160):
        spoken = conversation.say(chunk)
        if spoken.results:
            break
    conversation.half_close()
    late = spoken.received_sample - spoken.results[0].end_sample
    assert 0 <= late <= SPOKEN.look_ahead_frames * HOP_SAMPLES + FRAME_SAMPLES


@pytest.mark.parametrize("size", [160, 1111, 16_000])
def test_a_voice_gets_the_same_finals_and_events_however_it_is_cut(
    speaking: Served, talk: Spoken, size: int
) -> None:
    for resets in (False, True):
        config = wanted(rules(silence=0.3, longest=1.5, resets=resets))
        whole = hear(speaking.client, chunks(talk.samples, 32_000), config)
        parts = hear(speaking.client, chunks(talk.samples, size), config)
        assert parts.finals == whole.finals
        assert events_of(parts) == events_of(whole)
        assert parts.finished.output_digest == whole.finished.output_digest
        assert parts.finished.input_digest == whole.finished.input_digest


def test_silence_alone_is_told_to_be_no_speech(speaking: Served) -> None:
    quiet = np.zeros(32_000, np.int16)
    heard = hear(speaking.client, chunks(quiet, 1600), wanted(rules(start=0.8)))
    reasons = [each.end_reason for each in heard.finals]
    assert reasons == [pb.END_REASON_NO_SPEECH] * 2 + [pb.END_REASON_HALF_CLOSE]
    assert [each.end_sample for each in heard.finals] == [12_800, 25_600, 32_000]
    assert events_of(heard) == []


def test_the_rules_change_no_posterior_and_no_digest(speaking: Served, talk: Spoken) -> None:
    pieces = chunks(talk.samples, 1600)
    ruled = hear(speaking.client, pieces, wanted(rules(0.3, 0.3, 1.0)))
    free = hear(speaking.client, pieces, wanted(None))
    np.testing.assert_array_equal(ruled.values(), free.values())
    assert ruled.finished.output_digest == free.finished.output_digest
    assert events_of(free) == []
    assert len(free.finals) == 1


def test_with_all_rules_off_the_events_come_all_the_same(
    speaking: Served, talk: Spoken
) -> None:
    heard = hear(speaking.client, chunks(talk.samples, 1600), wanted(rules()))
    assert len(heard.finals) == 1
    assert [each.kind for each in events_of(heard)] == [BEGIN, END] * 2


def test_who_ends_the_utterance_in_a_pause_gets_the_next_segment_from_there(
    speaking: Served, talk: Spoken
) -> None:
    pieces: list[bytes | pb.Control] = [*chunks(talk.samples[: talk.second], 1600)]
    pieces += [END_UTTERANCE, *chunks(talk.samples[talk.second :], 1600)]
    heard = hear(speaking.client, pieces, wanted(rules(silence=0.5)))
    assert [(each.utterance_index, each.end_reason) for each in heard.finals] == [
        (0, pb.END_REASON_SILENCE),
        (0, pb.END_REASON_END_UTTERANCE),
        (1, pb.END_REASON_SILENCE),
        (1, pb.END_REASON_HALF_CLOSE),
    ]
    assert heard.finals[2].start_sample == talk.second


# --- what is asked of it that it cannot --------------------------------------------------


def test_a_model_without_silence_cannot_tell_where_speech_ends() -> None:
    deaf = replace(LIVELY, silence_ids=())
    with (
        serving((deaf, muntaniala(deaf))) as served,
        pytest.raises(CapabilityMissing, match="no class of silence") as error,
    ):
        hear(served.client, [speech()], wanted(rules()))
    assert error.value.facts["capability"] == "silence-classes"


# --- a stream that is lost ---------------------------------------------------------------


@pytest.fixture(scope="module")
def losing() -> Iterator[tuple[Served, Losing]]:
    backend = Losing(muntaniala(LIVELY))
    with serving((LIVELY, backend)) as running:  # type: ignore[arg-type]
        yield running, backend


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cuts=st.lists(st.integers(0, 64_000), min_size=3, max_size=12),
    losses=st.sets(st.integers(1, 25), min_size=1, max_size=4),
    asked=st.sampled_from([(0.0, 0.0, 0.3), (0.1, 0.1, 0.0), (0.2, 0.1, 0.45)]),
    resets=st.booleans(),
    quiet=st.integers(0, 8_000),
)
def test_a_stream_that_is_lost_and_resumed_has_the_segments_of_one_that_was_not(
    losing: tuple[Served, Losing],
    cuts: list[int],
    losses: set[int],
    asked: tuple[float, float, float],
    resets: bool,
    quiet: int,
) -> None:
    served, backend = losing
    data = speech(12_000) + bytes(2 * quiet) + speech(12_000, 1)
    told = [each for each in cut(data, *cuts) if each]
    config = wanted(rules(*asked, resets=resets))
    backend.runs, backend.loses = 0, set()
    uncut = hear(served.client, told, config)
    backend.loses = {backend.runs + run for run in losses}
    heard = listen_to(served.client, told, config)
    assert heard.finals == uncut.finals
    assert events_of(heard) == events_of(uncut)
    assert bits_of(heard) == bits_of(uncut)
    assert heard.finished.output_digest == uncut.finished.output_digest
    assert heard.finished.input_digest == uncut.finished.input_digest


def bits_of(heard: Heard) -> dict[int, bytes]:
    values: dict[int, bytes] = {}
    for response in heard.responses:
        at = response.posteriors.utterance_index
        values[at] = values.get(at, b"") + response.posteriors.values
    return values


# --- the client and the command ----------------------------------------------------------


def test_the_client_says_what_ended_each_segment(speaking: Served, talk: Spoken) -> None:
    request = Request(endpointing=Endpointing(end_silence_s=0.5))
    audio = [talk.samples[at : at + 1600] for at in range(0, len(talk.samples), 1600)]
    updates = [
        each for each in converse(speaking.client, audio, request) if isinstance(each, Update)
    ]
    events = [event for each in updates for event in each.events]
    finals = [segment for each in updates for segment in each.segments]
    assert [each.begins for each in events] == [True, False] * 2
    assert [each.end_reason.value for each in finals if each.end_reason] == [
        "silence",
        "silence",
        "half-close",
    ]


def told_by_vau_stream(server: str, file: Path, *, as_json: bool) -> list[str]:
    told: list[str] = []
    options = StreamOptions(
        server=server,
        file=str(file),
        pace=False,
        endpointing=Endpointing(end_silence_s=0.5),
        as_json=as_json,
    )
    stream(options, told.append, lambda _: None)
    return told


def test_vau_stream_shows_where_speech_and_segments_end(
    speaking: Served, talk: Spoken, tmp_path: Path
) -> None:
    file = tmp_path / "talk.wav"
    file.write_bytes(encoded(talk.samples))
    lines = told_by_vau_stream(speaking.address, file, as_json=False)
    shown = [line.split(maxsplit=1)[1] for line in lines if "speech" in line]
    assert shown == ["speech begins", "speech ends"] * 2
    assert [line.split("ends: ")[1] for line in lines if "segment" in line] == [
        "silence",
        "silence",
        "half-close",
    ]
    objects = [
        json.loads(line) for line in told_by_vau_stream(speaking.address, file, as_json=True)
    ]
    types = [each["type"] for each in objects if each["type"] != "phone"]
    assert types.count("segment") == 3
    assert types.count("speech_begin") == types.count("speech_end") == 2
    assert types[-1] == "summary"
